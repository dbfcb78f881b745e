"""The workshop: counts, lists to act on, reports, saved views; who may, and how many queries."""

import io
import zipfile
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from ingestion.models import Document
from sheets.curation.bulk import request_bulk_action
from sheets.curation.queues import days_of, spending_by_month
from sheets.discussions.threads import begin_discussion, resolve_discussion
from sheets.generation.request import create_sheet
from sheets.models import (
    BulkAction,
    Generation,
    Revision,
    RevisionCheck,
    SavedView,
    Sheet,
    SheetType,
    VocabularyTerm,
)
from sheets.models.spending import record_spending
from sheets.revisions.save import save_revision
from tests.conftest import run_queue
from wikico2.errors import UserError
from wikico2.models import Job, User

pytestmark = pytest.mark.django_db
Action = BulkAction.Action


def write(title: str, **header: str) -> Sheet:
    sheet = create_sheet(SheetType.objects.get(key="solution"), title, None)
    save_revision(
        sheet, base=None, body="## Résumé\n\nTexte.\n", metadata=header,
        origin=Revision.Origin.HUMAN,
    )  # fmt: skip
    return sheet


def stale(sheet: Sheet, *keys: str) -> None:
    Sheet.objects.filter(pk=sheet.pk).update(
        stale_reasons=[{"code": "model_changed", "new": "a", "old": "b"}],
        stale_sections={key: {"codes": ["model_changed"], "passages": []} for key in keys},
    )


@pytest.fixture
def emile(client: Client, expert: User) -> Client:
    client.force_login(expert)
    return client


class TestDesk:
    def test_it_counts_what_waits(self, emile: Client, expert: User, document: Document) -> None:
        review, old, broken, fine = (write(title) for title in ("A", "B", "C", "D"))
        Sheet.objects.update(completeness=90)
        Sheet.objects.filter(pk=review.pk).update(state=Sheet.State.REVIEW)
        Sheet.objects.filter(pk=fine.pk).update(validated_revision=fine.current)
        Sheet.objects.filter(pk=fine.pk).update(review_on=timezone.localdate())
        stale(old, "impacts")
        RevisionCheck.objects.filter(revision=broken.current).update(
            levels={"not_found": 2, "fragile": 1}
        )
        RevisionCheck.objects.exclude(revision=broken.current).update(levels={"verbatim": 1})
        Document.objects.filter(pk=document.pk).update(access="internal")
        begin_discussion(fine, expert, "D’où vient ce chiffre ?")
        resolve_discussion(begin_discussion(old, expert, "Réglé."), expert)
        response = emile.get(reverse("workshop"))
        counts = {queue.key: count for queue, count in response.context["queues"]}
        assert counts == {
            "proposed": 0, "discussed": 1, "validate": 1, "due": 1, "stale": 1, "incomplete": 0,
            "unassigned": 4, "broken": 1, "weak": 1,
        }  # fmt: skip
        assert response.context["sources"]["internal"] == 1
        for key, sheet in (
            ("discussed", fine),
            ("validate", review),
            ("stale", old),
            ("broken", broken),
        ):
            listed = emile.get(reverse("workshop_sheets"), {"queue": key}).context["page"]
            assert list(listed) == [sheet], key

    def test_a_validated_sheet_that_was_changed_is_to_be_validated(self, emile: Client) -> None:
        sheet = write("A")
        Sheet.objects.update(validated_revision=sheet.current, state=Sheet.State.PUBLISHED)
        save_revision(
            sheet, base=sheet.current, body="Autre.", metadata={}, origin=Revision.Origin.HUMAN
        )
        listed = emile.get(reverse("workshop_sheets"), {"queue": "validate"}).context["page"]
        assert list(listed) == [sheet]

    def test_its_queries_do_not_grow_with_the_wiki(self, emile: Client) -> None:
        write("A", categorie="Froid")
        counts: dict[str, list[int]] = {}
        for size in (1, 8):
            for n in range(size):
                write(f"Fiche {size} {n}", categorie=f"Catégorie {n}")
            for name in ("workshop", "workshop_sheets", "workshop_sources"):
                emile.get(reverse(name))
                with CaptureQueriesContext(
                    connection,
                ) as queries:
                    assert emile.get(reverse(name)).status_code == 200
                counts.setdefault(name, []).append(len(queries))
        assert all(few == many for few, many in counts.values()), counts
        assert counts["workshop"][0] <= 14
        assert counts["workshop_sheets"][0] <= 22
        assert counts["workshop_sources"][0] <= 12

    def test_spending_is_compared_with_the_ceiling_of_the_month(self, settings: Settings) -> None:
        settings.LLM_TOKENS_PER_DAY = 1_000
        record_spending("modele", 1_500, 300)
        (month,), today = spending_by_month()
        assert today == month.tokens == 1_800
        assert month.ceiling == 1_000 * days_of(month.month)
        assert month.share == round(180_000 / month.ceiling)

    @pytest.mark.parametrize("name", ["workshop", "workshop_sheets", "workshop_sources"])
    def test_it_is_for_those_who_curate(self, client: Client, contributor: User, name: str) -> None:
        assert client.get(reverse(name)).status_code == 302
        client.force_login(contributor)
        assert client.get(reverse(name)).status_code == 403


class TestActing:
    def act(self, client: Client, name: str, **sent: Any) -> BulkAction:
        response = client.post(reverse(name), sent)
        assert response.status_code == 302, response.content.decode()
        return BulkAction.objects.latest("pk")

    def test_a_category_is_set_and_each_row_is_told(self, emile: Client) -> None:
        one, other, third = write("A"), write("B", categorie="Froid"), write("C")
        action = self.act(
            emile, "workshop_sheets", do="category", category=" froid ",
            row=[one.pk, other.pk, 999_999],
        )  # fmt: skip
        assert [title for _pk, title in action.treated] == ["A"]
        assert [(title, code) for _pk, title, code, _details in action.left] == [
            ("B", "already_so"), ("n° 999999", "row_gone"),
        ]  # fmt: skip
        assert {s.title for s in VocabularyTerm.objects.get(name="Froid").sheets.all()} == {
            "A",
            "B",
        }
        assert third.revisions.count() == 1
        page = emile.get(action.get_absolute_url()).content.decode()
        assert "Il en était déjà ainsi" in page

    def test_all_of_a_list_is_taken_by_a_job(self, emile: Client) -> None:
        sheets = [write(f"Fiche {n}") for n in range(5)]
        write("Chaud", categorie="Chaud")
        address = f"{reverse('workshop_sheets')}?level=skeleton&q=Fiche"
        Sheet.objects.update(completeness=10)
        response = emile.post(address, {"do": "category", "category": "Froid", "all": "1"})
        action = BulkAction.objects.get()
        assert response.headers["Location"] == action.get_absolute_url()
        assert action.is_working
        assert "hx-get" in emile.get(action.get_absolute_url()).content.decode()
        run_queue()
        action = BulkAction.objects.get()
        assert (action.waiting, len(action.treated), action.left) == ([], 5, [])
        assert [sheet.revisions.count() for sheet in sheets] == [2] * 5

    def test_a_stopped_one_goes_on_where_it_was(self, emile: Client, expert: User) -> None:
        ids = [write(f"Fiche {n}").pk for n in range(5)]
        action = request_bulk_action(Action.CATEGORY, ids, expert, "Froid")
        emile.post(action.get_absolute_url(), {"do": "stop"})
        run_queue()
        action = BulkAction.objects.get()
        assert len(action.waiting) == 5
        assert "n’ont pas été traitées" in emile.get(action.get_absolute_url()).content.decode()
        emile.post(action.get_absolute_url(), {"do": "restart"})
        run_queue()
        assert BulkAction.objects.get().waiting == []

    def test_stale_sections_are_regenerated_and_the_rest_is_left(
        self, emile: Client, document: Document
    ) -> None:
        one, fresh, empty = write("A"), write("B"), write("C")
        one.documents.add(document)
        stale(one, "impacts")
        stale(empty, "impacts")
        action = self.act(
            emile, "workshop_sheets", do="regenerate", row=[one.pk, fresh.pk, empty.pk]
        )
        assert [title for _pk, title in action.treated] == ["A"]
        assert [code for _pk, _title, code, _details in action.left] == ["not_stale", "no_sources"]
        run = Generation.objects.get()
        assert [section.key for section in run.sections.all()] == ["impacts"]

    def test_states_change_as_on_the_page_of_a_sheet(
        self, client: Client, administrator: User, expert: User
    ) -> None:
        client.force_login(administrator)
        one, other, third = write("A"), write("B"), write("C")
        Sheet.objects.filter(pk=other.pk).update(state=Sheet.State.PUBLISHED)
        action = self.act(client, "workshop_sheets", do="state", state="publish", all="1")
        assert [title for _pk, title in action.treated] == ["C", "A"]
        assert [(title, code) for _pk, title, code, _details in action.left] == [
            ("B", "wrong_state")
        ]
        assert one.events.get().actor == administrator
        self.act(client, "workshop_sheets", do="state", state="archive", row=[one.pk, third.pk])
        listed = client.get(reverse("workshop_sheets"), {"state": "archived"}).context["page"]
        assert {sheet.title for sheet in listed} == {"A", "C"}
        self.act(client, "workshop_sheets", do="state", state="restore", row=[one.pk])
        one.refresh_from_db()
        assert one.state == Sheet.State.PUBLISHED
        left = request_bulk_action(Action.STATE, [other.pk], expert, "archive").left
        assert [code for _pk, _title, code, _details in left] == ["not_allowed"]

    def test_a_person_is_put_in_charge(self, emile: Client, expert: User) -> None:
        one, other = write("A"), write("B")
        self.act(emile, "workshop_sheets", do="responsible", responsible=expert.pk, row=[one.pk])
        response = emile.get(reverse("workshop_sheets"), {"responsible": expert.pk})
        assert list(response.context["page"]) == [one]
        assert response.context["mine"] == 1
        listed = emile.get(reverse("workshop_sheets"), {"queue": "unassigned"}).context["page"]
        assert list(listed) == [other]
        self.act(emile, "workshop_sheets", do="responsible", responsible="0", row=[one.pk])
        one.refresh_from_db()
        assert one.responsible is None

    def test_an_export_is_an_archive_of_the_chosen(self, emile: Client) -> None:
        one, other = write("A", categorie="Froid"), write("B")
        action = self.act(emile, "workshop_sheets", do="export", row=[one.pk, other.pk])
        response: Any = emile.get(reverse("bulk_action_file", args=[action.pk]))
        archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
        assert archive.namelist() == ["a.md", "b.md"]
        assert "Froid" in archive.read("a.md").decode()
        action.file.delete()

    def test_rights_of_sources_are_set_by_those_who_may(
        self, client: Client, emile: Client, document: Document, contributor: User
    ) -> None:
        action = self.act(
            emile, "workshop_sources", do="access", access="internal", row=[document.pk]
        )
        document.refresh_from_db()
        assert (document.access, len(action.treated)) == ("internal", 1)
        self.act(emile, "workshop_sources", do="licence", licence="CC BY", row=[document.pk])
        document.refresh_from_db()
        assert document.licence == "CC BY"
        left = request_bulk_action(Action.REREAD, [document.pk], contributor).left
        assert left == []
        other = Document.objects.create(title="B", filename="b.pdf", sha256="b", size=1)
        left = request_bulk_action(Action.ACCESS, [other.pk], contributor, "open").left
        assert [code for _pk, _title, code, _details in left] == ["not_allowed"]

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            ({"do": "category", "category": "Froid"}, "Rien n’est sélectionné"),
            ({"do": "category", "row": "1"}, "valeur"),
            ({"do": "delete", "row": "1"}, "Choisissez"),
            ({"row": "1"}, "Choisissez"),
            ({"do": "category", "row": "x", "category": "F"}, "Rien n’est sélectionné"),
        ],
    )
    def test_what_cannot_be_done_is_told(
        self, emile: Client, sent: dict[str, str], said: str
    ) -> None:
        write("A")
        response = emile.post(reverse("workshop_sheets"), sent)
        assert response.status_code == 422
        assert said in response.content.decode()
        assert not BulkAction.objects.exists()

    def test_too_many_are_refused(self, expert: User) -> None:
        with pytest.raises(UserError, match="too_many_chosen"):
            request_bulk_action(Action.EXPORT, range(1, BulkAction.MOST_ROWS + 2), expert)

    def test_a_row_is_treated_once_whatever_happens(self, expert: User) -> None:
        ids = [write(f"Fiche {n}").pk for n in range(5)]
        request_bulk_action(Action.CATEGORY, ids, expert, "Froid")
        run_queue()
        Job.objects.filter(kind="bulk_action").update(state="waiting")
        action = BulkAction.objects.get()
        assert action.job is not None
        from wikico2.jobs.runner import run_out_of_turn

        assert run_out_of_turn(action.job)
        assert {Sheet.objects.get(pk=pk).revisions.count() for pk in ids} == {2}


class TestSavedViews:
    def test_a_list_is_kept_under_a_name(self, emile: Client, expert: User) -> None:
        sent = {"name": " Froid ", "rows": "sheets", "query": "queue=stale&category=Froid&x=1"}
        emile.post(reverse("view_save"), sent)
        view = SavedView.objects.get()
        assert (view.user, view.name) == (expert, "Froid")
        assert view.query == "category=Froid&queue=stale"
        assert "Froid" in emile.get(reverse("workshop")).content.decode()
        emile.post(reverse("view_save"), {**sent, "query": "queue=broken"})
        assert SavedView.objects.get().query == "queue=broken"
        emile.post(reverse("view_remove", args=[view.pk]))
        assert not SavedView.objects.exists()

    def test_one_without_a_name_is_refused_and_there_is_a_bound(
        self, emile: Client, expert: User, administrator: User
    ) -> None:
        emile.post(reverse("view_save"), {"name": "\u200b", "rows": "sheets", "query": ""})
        assert not SavedView.objects.exists()
        SavedView.objects.bulk_create(
            SavedView(user=expert, name=str(n), rows="sheets") for n in range(SavedView.MOST)
        )
        emile.post(reverse("view_save"), {"name": "de plus", "rows": "sources", "query": ""})
        assert SavedView.objects.count() == SavedView.MOST
        other = SavedView.objects.create(user=administrator, name="à elle", rows="sheets")
        assert emile.post(reverse("view_remove", args=[other.pk])).status_code == 404
