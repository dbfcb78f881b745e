"""Editing: sections and footnotes, merging with what others save, drafts, who else is here."""

import datetime as dt
import itertools
import re
import threading

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sheets.forms.edit import LONGEST
from sheets.markdown.notes import defined_twice, repair_footnotes, undefined_markers, with_note
from sheets.markdown.sections_edit import cut_section, put_section
from sheets.merge import THEIRS, ConflictChoice, Version
from sheets.models import EditDraft, Revision, Sheet, SheetType
from sheets.rendering import preview_turns
from sheets.revisions.edit import EditConflict, restore_revision, save_edit
from sheets.revisions.errors import StaleBase
from sheets.revisions.versions import version_of
from tests.sheets.factories import TEMPLATE
from wikico2.models import User

NOTES = (
    "[^1]: [Guide, p. 2](/sources/1/pages/2/) « un »\n"
    "[^2]: [Guide, p. 3](/sources/1/pages/3/) « deux »"
)
BODY = (
    "## 🎯 Résumé (10 secondes)\n\nUn mot.[^1]\n\n"
    "## 📊 Impacts attendus\n\n### Énergie\n\n- Deux mots.[^2] Encore.[^1]\n\n"
    f"## Notes de terrain\n\nRien.\n\n{NOTES}\n"
)


class TestOneSection:
    def test_a_section_comes_with_the_footnotes_that_it_calls(self) -> None:
        cut = cut_section(Version(BODY), "resume", TEMPLATE)

        assert cut == f"## 🎯 Résumé (10 secondes)\n\nUn mot.[^1]\n\n{NOTES.splitlines()[0]}\n"

    def test_a_section_put_back_as_it_was_changes_nothing(self) -> None:
        for key in ("resume", "impacts", "notes-de-terrain"):
            cut = cut_section(Version(BODY), key, TEMPLATE)
            assert put_section(Version(BODY), key, cut, TEMPLATE).body == BODY

    def test_a_footnote_of_ones_own_gets_a_number_of_its_own(self) -> None:
        typed = "## Résumé (10 secondes)\n\nUn autre.[^2]\n\n[^2]: Une note.\n"

        put = put_section(Version(BODY), "resume", typed, TEMPLATE).body

        assert "Un autre.[^3]" in put
        assert "[^3]: Une note." in put
        assert "[^2]: [Guide, p. 3]" in put
        assert "[^1]: [Guide, p. 2]" in put  # another section still calls it

    def test_another_heading_or_two_sections_are_kept(self) -> None:
        put = put_section(
            Version(BODY), "resume", "## En bref\n\nA\n\n## Suite\n\nB", TEMPLATE
        ).body

        assert put.startswith("## En bref {#resume}\n\nA\n\n## Suite\n\nB\n\n## 📊 Impacts")

    def test_a_definition_that_was_lost_comes_back(self) -> None:
        put = put_section(Version(BODY), "resume", "## Résumé\n\nUn.[^1] Deux.[^2]", TEMPLATE).body

        assert undefined_markers(Version(put)) == []

    def test_a_section_that_is_missing_begins_with_its_heading(self) -> None:
        assert cut_section(Version("Rien.\n"), "risques", TEMPLATE).startswith("## ⚠️ Risques")


class TestFootnotes:
    def test_a_definition_without_its_marker_goes(self) -> None:
        text = Version(BODY.replace("Deux mots.[^2] ", ""))

        assert "[^2]:" not in repair_footnotes(text, Version(BODY)).body

    def test_a_footnote_that_the_header_calls_stays(self) -> None:
        text = Version(BODY.replace("Deux mots.[^2] ", ""), {"categorie": "Froid[^2]"})

        assert "[^2]:" in repair_footnotes(text, Version(BODY)).body

    def test_markers_in_code_call_nothing(self) -> None:
        assert undefined_markers(Version("`[^9]`\n\n```\n[^8]\n```\n\nVrai.[^7]\n")) == ["7"]

    def test_one_label_for_two_footnotes_is_told(self) -> None:
        assert defined_twice("a[^1]\n\n[^1]: un\n[^1]: deux\n[^2]: x\n[^2]: x\n") == ["1"]

    def test_the_same_footnote_is_added_once(self) -> None:
        body, label = with_note(BODY, "[Guide, p. 9](/sources/1/pages/9/) « neuf »")
        again, same = with_note(body, "[Guide, p. 9](/sources/1/pages/9/) « neuf »")

        assert (label, same, again) == ("3", "3", body)


@pytest.fixture
def sheet(contributor: User) -> Sheet:
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Air comprimé", slug="air")
    save_edit(sheet, contributor, base=None, text=Version("## Un\n\nA\n\n## Deux\n\nB\n"))
    sheet.refresh_from_db()
    return sheet


class TestSaving:
    def test_changes_apart_are_merged(self, sheet: Sheet, contributor: User, expert: User) -> None:
        base = sheet.current
        save_edit(sheet, expert, base=base, text=Version("## Un\n\nA2\n\n## Deux\n\nB\n"))

        merged = save_edit(
            sheet, contributor, base=base, text=Version("## Un\n\nA\n\n## Deux\n\nB2\n")
        )

        assert merged.body == "## Un\n\nA2\n\n## Deux\n\nB2\n"
        assert (merged.origin, merged.second_parent) == (Revision.Origin.MERGE, base)

    def test_changes_in_one_place_are_shown_and_settled(
        self, sheet: Sheet, contributor: User, expert: User
    ) -> None:
        base = sheet.current
        save_edit(sheet, expert, base=base, text=Version("## Un\n\nChaud\n\n## Deux\n\nB\n"))
        mine = Version("## Un\n\nFroid\n\n## Deux\n\nB\n")

        with pytest.raises(EditConflict) as caught:
            save_edit(sheet, contributor, base=base, text=mine)
        assert sheet.revisions.count() == 2
        (conflict,) = caught.value.merged.conflicts
        assert (conflict.ours, conflict.theirs) == ("Chaud", "Froid")

        with pytest.raises(EditConflict) as again:
            save_edit(sheet, contributor, base=base, text=mine, choices={}, onto=2)
        assert again.value.unresolved == [conflict.id]
        settled = save_edit(
            sheet,
            contributor,
            base=base,
            text=mine,
            choices={conflict.id: ConflictChoice("edit", "Tiède")},
            onto=2,
        )
        assert "Tiède" in settled.body

    def test_a_choice_for_an_older_text_is_asked_again(
        self, sheet: Sheet, contributor: User, expert: User
    ) -> None:
        base = sheet.current
        save_edit(sheet, expert, base=base, text=Version("## Un\n\nChaud\n"))
        mine = Version("## Un\n\nFroid\n\n## Deux\n\nB\n")
        with pytest.raises(EditConflict) as caught:
            save_edit(sheet, contributor, base=base, text=mine)
        sheet.refresh_from_db()
        save_edit(sheet, expert, base=sheet.current, text=Version("## Un\n\nTrès chaud\n"))

        choices = {c.id: THEIRS for c in caught.value.merged.conflicts}
        with pytest.raises(EditConflict):
            save_edit(sheet, contributor, base=base, text=mine, choices=choices, onto=2)

    def test_nothing_new_makes_no_revision(self, sheet: Sheet, contributor: User) -> None:
        same = save_edit(sheet, contributor, base=sheet.current, text=version_of(sheet.current))

        assert same == sheet.current
        assert sheet.revisions.count() == 1

    def test_restoring_makes_a_new_revision(self, sheet: Sheet, contributor: User) -> None:
        first = sheet.current
        assert first is not None
        save_edit(sheet, contributor, base=first, text=Version("Vide.\n"))

        with pytest.raises(StaleBase):
            restore_revision(sheet, contributor, first, onto=1, comment="")
        back = restore_revision(sheet, contributor, first, onto=2, comment="")

        assert (back.number, back.body, back.origin) == (3, first.body, Revision.Origin.RESTORE)


@pytest.mark.django_db(transaction=True)
def test_fifty_writers_at_once_lose_nothing(contributor: User) -> None:
    """Each accepted edit is in the history, and none is written over by a later one."""
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Air", slug="air")
    lines = [f"- Ligne {n:02}" for n in range(50)]
    base = save_edit(
        sheet, contributor, base=None, text=Version("## Liste\n\n" + "\n".join(lines) + "\n")
    )
    outcomes: list[str] = []
    start = threading.Barrier(10)

    def write(first: int) -> None:
        try:
            start.wait()
            for n in range(first, first + 5):
                mine = [*lines]
                mine[n if n % 5 else 0] += f" changée par {n}"  # every fifth goes for the same line
                text = Version("## Liste\n\n" + "\n".join(mine) + "\n")
                try:
                    save_edit(sheet, contributor, base=base, text=text, comment=f"par {n}")
                    outcomes.append(f"par {n}")
                except EditConflict:
                    outcomes.append("clash")
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(0, 50, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    accepted = [one for one in outcomes if one != "clash"]
    history = list(sheet.revisions.filter(number__gt=1).order_by("number"))
    assert len(outcomes) == 50
    assert len(accepted) == 41  # of the ten on one line a single one was first
    assert sorted(r.comment for r in history) == sorted(accepted)
    sheet.refresh_from_db()
    assert sheet.current is not None
    for done in accepted:
        assert f"changée {done}" in sheet.current.body
    for before, after in itertools.pairwise(history):
        assert after.parent_id == before.pk


@pytest.fixture
def claire(client: Client, contributor: User) -> Client:
    client.force_login(contributor)
    return client


class TestEditor:
    def address(self, sheet: Sheet) -> str:
        return reverse("sheet_edit", args=[sheet.slug])

    def test_readers_are_asked_to_log_in(self, client: Client, sheet: Sheet) -> None:
        answer = client.get(self.address(sheet))

        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("login"))

    def test_the_preview_of_a_section_counts_notes_as_the_whole_sheet_does(
        self, claire: Client, sheet: Sheet, contributor: User
    ) -> None:
        notes = "\n\n[^a]: Relevé A\n[^b]: Relevé B\n"
        body = (
            f"## 🎯 Résumé (10 secondes)\n\nUn.[^a]\n\n## 📊 Impacts attendus\n\nDeux.[^b]{notes}"
        )
        save_edit(sheet, contributor, base=sheet.current, text=Version(body))
        sent = {"base": "2", "section": "impacts", "body": "## 📊 Impacts attendus\n\nTrois.[^b]\n"}

        html = claire.post(reverse("sheet_preview", args=[sheet.slug]), sent).content.decode()

        assert re.search(r'<sup class="cite"><a [^>]*id="ref-2-1"[^>]*>2</a>', html), html
        assert '<li value="2" id="note-2">Relevé B' in html
        assert "Relevé A" not in html

    def test_a_preview_that_a_later_one_has_overtaken_is_not_begun(
        self, claire: Client, sheet: Sheet
    ) -> None:
        address = reverse("sheet_preview", args=[sheet.slug])
        sent = {"base": "1", "body": "Un mot.", "tab": "a"}

        assert "Un mot." in claire.post(address, sent | {"turn": "7"}).content.decode()
        late = claire.post(address, sent | {"turn": "6"})
        assert (late.status_code, late.content) == (204, b"")
        assert claire.post(address, sent | {"turn": "6", "tab": "b"}).status_code == 200
        assert claire.post(address, sent | {"turn": "8"}).status_code == 200

    def test_of_the_previews_that_wait_only_the_last_is_begun(self) -> None:
        begun: list[int] = []
        first_runs, first_may_end = threading.Event(), threading.Event()

        def ask(number: int) -> None:
            with preview_turns.wait_for_preview("of this test", number) as is_latest:
                if is_latest:
                    begun.append(number)
                if number == 1:
                    first_runs.set()
                    first_may_end.wait(10)

        first = threading.Thread(target=ask, args=(1,))
        first.start()
        assert first_runs.wait(10)
        others = [threading.Thread(target=ask, args=(number,)) for number in (4, 2, 3)]
        for thread in others:
            thread.start()
        while preview_turns._editors["of this test"].latest < 4:
            assert first.is_alive()
        first_may_end.set()
        for thread in [first, *others]:
            thread.join()

        assert begun == [1, 4]

    def test_a_text_too_long_to_be_taken_is_not_previewed(
        self, claire: Client, sheet: Sheet
    ) -> None:
        sent = {"base": "1", "body": "mot " * LONGEST}
        page = claire.post(reverse("sheet_preview", args=[sheet.slug]), sent).content.decode()

        assert str(LONGEST) in page
        assert "mot mot" not in page

    def test_a_lost_session_asks_for_the_password_and_saves(
        self, client: Client, sheet: Sheet, contributor: User
    ) -> None:
        sent = {"base": "1", "body": "## Un\n\nNeuf\n", "comment": "Mieux"}
        answer = client.post(self.address(sheet), sent)
        assert answer.status_code == 401
        assert "Neuf" in answer.content.decode()
        assert sheet.revisions.count() == 1

        wrong = client.post(self.address(sheet), sent | {"username": "claire", "password": "autre"})
        assert wrong.status_code == 401
        entry = {"username": "claire", "password": "mot de passe"}
        answer = client.post(self.address(sheet), sent | entry)

        assert answer.status_code == 302
        latest = sheet.revisions.first()
        assert latest is not None
        assert (latest.author, latest.comment) == (contributor, "Mieux")

    def test_a_marker_without_footnote_is_refused_and_the_text_kept(
        self, claire: Client, sheet: Sheet
    ) -> None:
        answer = claire.post(self.address(sheet), {"base": "1", "body": "Vrai.[^9]\n"})

        assert answer.status_code == 422
        assert "Vrai.[^9]" in answer.content.decode()
        assert sheet.revisions.count() == 1

    def test_what_was_typed_is_found_again(self, claire: Client, sheet: Sheet) -> None:
        keep = reverse("sheet_keep", args=[sheet.slug])
        claire.post(keep, {"base": "1", "body": "À moitié", "comment": "en cours"})

        page = claire.get(self.address(sheet)).content.decode()
        assert "À moitié" in page
        assert "en cours" in page
        claire.post(self.address(sheet), {"base": "1", "body": "À moitié", "do": "discard"})
        assert "À moitié" not in claire.get(self.address(sheet)).content.decode()

    def test_who_else_is_editing_is_told(self, claire: Client, sheet: Sheet, expert: User) -> None:
        EditDraft.objects.create(sheet=sheet, user=expert)
        assert "emile" in claire.get(self.address(sheet)).content.decode()

        EditDraft.objects.update(seen_at=timezone.now() - dt.timedelta(minutes=5))
        assert "emile" not in claire.get(self.address(sheet)).content.decode()

    def test_a_header_value_keeps_its_source_until_it_is_changed(
        self, claire: Client, sheet: Sheet, contributor: User
    ) -> None:
        note = "[^1]: Une note."
        text = Version(f"## Un\n\nA\n\n{note}\n", {"type": "technique[^1]"})
        save_edit(sheet, contributor, base=sheet.current, text=text)
        sent = {"base": "2", "body": text.body, "meta_type": "technique[^1]"}
        claire.post(self.address(sheet), sent | {"body": text.body.replace("A", "B")})
        sheet.refresh_from_db()
        assert sheet.current is not None
        assert sheet.current.metadata == {"type": "technique[^1]"}

        claire.post(self.address(sheet), sent | {"base": "3", "meta_type": "organisationnelle"})
        sheet.refresh_from_db()
        assert sheet.current is not None
        assert sheet.current.metadata == {"type": "organisationnelle"}
        assert "Une note" not in sheet.current.body

    def test_an_unknown_section_is_not_there(self, claire: Client, sheet: Sheet) -> None:
        assert claire.get(self.address(sheet) + "?section=rien").status_code == 404
