"""Categories, systems and sectors: read from key facts, renamed and merged with their sheets."""

import importlib

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from sheets.curation.terms import merge_terms, rename_term
from sheets.generation.request import create_sheet
from sheets.models import Field, Revision, SearchedSheet, Sheet, SheetType, VocabularyTerm, Watch
from sheets.models.vocabulary import names_in_header, rename_in_header
from sheets.revisions.save import save_revision
from tests.conftest import run_queue
from wikico2.errors import UserError
from wikico2.models import User

KIND = VocabularyTerm.Kind


def write(title: str, header: dict[str, str], kind: str = "solution") -> Sheet:
    sheet = create_sheet(SheetType.objects.get(key=kind), title, None)
    save_revision(
        sheet,
        base=None,
        body="## Résumé\n\nTexte.\n",
        metadata=header,
        origin=Revision.Origin.HUMAN,
    )
    return sheet


def term(name: str, kind: str = KIND.CATEGORY) -> VocabularyTerm:
    return VocabularyTerm.objects.get(kind=kind, name=name)


class TestReading:
    @pytest.mark.parametrize(
        ("kind", "header", "names"),
        [
            (KIND.CATEGORY, {"categorie": "Froid industriel[^1]"}, ["Froid industriel"]),
            (KIND.CATEGORY, {"categorie": " **Froid**. "}, ["Froid"]),
            (KIND.CATEGORY, {"categorie": "Chaud, froid"}, ["Chaud, froid"]),
            (KIND.SYSTEM, {"systeme": "Groupe \\*froid\\*"}, ["Groupe *froid*"]),
            (KIND.SECTOR, {"sous_secteurs": "Lait[^2], fromage ; Lait"}, ["Lait", "fromage"]),
            (KIND.SECTOR, {"sous_secteurs": ", ;,", "secteur": "[^1]"}, []),
            (KIND.CATEGORY, {"systeme": "Froid"}, []),
        ],
    )
    def test_names(self, kind: str, header: dict[str, str], names: list[str]) -> None:
        assert list(names_in_header(header, kind).values()) == names

    def test_a_part_is_renamed_with_its_notes_and_what_is_around_it(self) -> None:
        sector = VocabularyTerm(
            kind=KIND.SECTOR, name="Laiteries", folded="laiteries", former=["lait"]
        )
        header = {"sous_secteurs": "Lait[^2], fromage ; LAIT ", "categorie": "lait"}
        assert rename_in_header(header, sector) == {
            "sous_secteurs": "Laiteries[^2], fromage ; Laiteries ", "categorie": "lait",
        }  # fmt: skip


@pytest.mark.django_db
class TestIndexing:
    def test_a_sheet_bears_what_its_text_says_and_spellings_are_one(self) -> None:
        one = write("Un", {"categorie": "Froid industriel", "systeme": "Compresseur"})
        other = write("Deux", {"categorie": "FROID  INDUSTRIEL.[^1]"})
        cold = term("Froid industriel")
        assert set(cold.sheets.all()) == {one, other}
        assert {t.kind for t in one.terms.all()} == {KIND.CATEGORY, KIND.SYSTEM}
        assert SearchedSheet.objects.get(sheet=other).category_name == "Froid industriel"

    def test_what_a_version_says_no_more_is_borne_no_more(self) -> None:
        sheet = write("Un", {"categorie": "Froid"})
        save_revision(
            sheet, base=sheet.current, body="x", metadata={"categorie": "Chaud"},
            origin=Revision.Origin.HUMAN,
        )  # fmt: skip
        assert [t.name for t in sheet.terms.all()] == ["Chaud"]
        assert not term("Froid").sheets.exists()

    def test_the_migration_makes_the_rows_from_what_sheets_say(self) -> None:
        one = write("Un", {"categorie": "Froid", "systeme": "Groupe froid"})
        other = write("Deux", {"categorie": "Chaud"})
        third = write("Trois", {"sous_secteurs": "Lait[^1], Fromage"}, "secteur")
        SearchedSheet.objects.filter(sheet=other).update(category_name="FROID")
        VocabularyTerm.objects.all().delete()
        migration = importlib.import_module("sheets.migrations.0046_terms_from_sheets")
        migration.fill(apps, None)
        migration.fill(apps, None)
        assert set(term("Froid").sheets.all()) == {one, other}
        assert set(term("Groupe froid", KIND.SYSTEM).sheets.all()) == {one}
        assert set(term("Fromage", KIND.SECTOR).sheets.all()) == {third}
        assert SearchedSheet.objects.get(sheet=other).category_name == "Froid"
        assert VocabularyTerm.objects.count() == 4


@pytest.mark.django_db
class TestRenaming:
    def test_a_name_is_changed_in_the_sheets_and_for_those_who_watch(
        self, administrator: User
    ) -> None:
        one, other = write("Un", {"categorie": "Froid"}), write("Deux", {"categorie": "froid[^1]"})
        third = write("Trois", {"categorie": "Chaud"})
        Watch.objects.create(user=administrator, category="Froid")
        field = Field.objects.get(section__sheet_type__key="solution", key="categorie")
        field.choices = ["Froid", "Chaud"]
        field.save()

        action = rename_term(term("Froid"), "Froid industriel", administrator)

        assert action is not None
        assert {pk for pk, _title in action.treated} == {one.pk, other.pk}
        for sheet, said in (
            (one, "Froid industriel"),
            (other, "Froid industriel[^1]"),
            (third, "Chaud"),
        ):
            sheet.refresh_from_db()
            assert sheet.current is not None
            assert sheet.current.metadata["categorie"] == said
        assert one.current is not None
        assert (one.current.number, one.current.author, one.current.minor) == (
            2,
            administrator,
            True,
        )
        assert third.revisions.count() == 1
        assert Watch.objects.get().category == "Froid industriel"
        field.refresh_from_db()
        assert field.choices == ["Froid industriel", "Chaud"]
        later = write("Quatre", {"categorie": "Froid"})
        assert SearchedSheet.objects.get(sheet=later).category_name == "Froid industriel"

    def test_many_are_renamed_by_a_job(self, administrator: User) -> None:
        sheets = [write(f"Fiche {n}", {"categorie": "Froid"}) for n in range(5)]
        action = rename_term(term("Froid"), "Froid industriel", administrator)
        assert action is not None
        assert (len(action.waiting), action.treated) == (5, [])
        run_queue()
        action.refresh_from_db()
        assert (action.waiting, len(action.treated), action.left) == ([], 5, [])
        run_queue()
        assert [sheet.revisions.count() for sheet in sheets] == [2] * 5

    def test_two_are_merged(self, administrator: User) -> None:
        one, other = (
            write("Un", {"categorie": "Froid"}),
            write("Deux", {"categorie": "Réfrigération"}),
        )
        kept, gone = term("Froid"), term("Réfrigération")
        Watch.objects.create(user=administrator, category="Froid")
        Watch.objects.create(user=administrator, category="Réfrigération")
        merge_terms(kept, [gone, kept], administrator)
        assert set(kept.sheets.all()) == {one, other}
        other.refresh_from_db()
        assert other.current is not None
        assert other.current.metadata["categorie"] == "Froid"
        assert [w.category for w in Watch.objects.all()] == ["Froid"]
        assert write("Trois", {"categorie": "réfrigération"}).terms.get() == kept

    def test_what_cannot_be_is_told(self, administrator: User) -> None:
        write("Un", {"categorie": "Froid", "systeme": "Groupe"})
        write("Deux", {"categorie": "Chaud"})
        with pytest.raises(UserError, match="term_taken"):
            rename_term(term("Froid"), "CHAUD", administrator)
        with pytest.raises(UserError, match="term_empty"):
            rename_term(term("Froid"), "\u200b ", administrator)
        with pytest.raises(UserError, match="term_other_kind"):
            merge_terms(term("Froid"), [term("Groupe", KIND.SYSTEM)], administrator)

    def test_the_administration_renames_and_merges(
        self, client: Client, administrator: User
    ) -> None:
        client.force_login(administrator)
        sheet = write("Un", {"categorie": "Froid"})
        write("Deux", {"categorie": "Frigo"})
        write("Trois", {"categorie": "Chaud"})
        place = reverse("admin:sheets_vocabularyterm_change", args=[term("Froid").pk])
        assert "Deux" not in client.get(place).content.decode()
        assert "existe déjà" in client.post(place, {"name": "chaud"}).content.decode()
        client.post(place, {"name": "Froid industriel"})
        listing = reverse("admin:sheets_vocabularyterm_changelist")
        chosen = [term("Froid industriel").pk, term("Frigo").pk]
        asked = {"action": "merge", "_selected_action": chosen}
        assert "Frigo" in client.post(listing, asked).content.decode()
        client.post(listing, {**asked, "kept": chosen[0]})
        assert {s.title for s in term("Froid industriel").sheets.all()} == {"Un", "Deux"}
        assert sheet.revisions.count() == 2
        place = reverse("admin:sheets_vocabularyterm_delete", args=[chosen[0]])
        assert client.post(place, {"post": "yes"}).status_code == 403
