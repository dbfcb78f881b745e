"""The pages of the wiki: that they answer, to whom, at what cost, and what they let through."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from ingestion.models import Document
from sheets.generation.request import create_sheet
from sheets.models import Generation, Proposal, Revision, SectionRun, Sheet, SheetType
from sheets.revisions.save import save_revision
from tests.sources import read_source
from wikico2.jobs.queue import start_job
from wikico2.models import Job, User

AtMost = Callable[..., Any]
HOSTILE = "<script>alert(1)</script> & \" ' « Titre »"
QUOTE = "La chaleur récupérée couvre 70 % des besoins."


@pytest.fixture
def source(db: None) -> Document:
    return read_source("Guide de l’air comprimé", QUOTE, 14, page_count=20)


def body_on(source: Document) -> str:
    return (
        f"## 🧭 Contexte & périmètre\n\n### Objectif principal\n\n{QUOTE}[^1]\n\n"
        f"[^1]: [{source.title}, p. 14](/sources/{source.pk}/pages/14/) « {QUOTE} »\n"
    )


def start_writing(sheet: Sheet, state: str = Generation.State.RUNNING) -> Generation:
    failed = state == Generation.State.FAILED
    generation = Generation.objects.create(
        sheet=sheet,
        backend="local",
        state=state,
        error_code="index_unreachable" if failed else "",
    )
    start_job("generation", generation.pk)
    Job.objects.update(state=state, error_code=generation.error_code)
    SectionRun.objects.create(generation=generation, key="resume", order=1, state="done")
    SectionRun.objects.create(generation=generation, key="contexte", order=2, state="running")
    return generation


@pytest.fixture
def sheet(source: Document) -> Sheet:
    """A sheet that was written by extraction: one statement, one verified citation."""
    sheet = create_sheet(SheetType.objects.get(key="solution"), "Récupération de chaleur", None)
    sheet.documents.add(source)
    generation = Generation.objects.create(
        sheet=sheet, backend="local", state=Generation.State.DONE
    )
    save_revision(
        sheet,
        base=None,
        body=body_on(source),
        metadata={"categorie": "Air comprimé[^1]"},
        origin=Revision.Origin.GENERATED,
        generation=generation,
    )
    return sheet


class TestReading:
    def test_the_sheet_shows_its_text_with_links_to_the_pages(
        self, client: Client, sheet: Sheet, source: Document
    ) -> None:
        html = client.get(sheet.get_absolute_url()).content.decode()
        assert f'href="/sources/{source.pk}/pages/14/?citation=' in html
        assert 'aria-describedby="note-1"' in html
        assert '<a href="#contexte">' in html
        assert "Air comprimé" in html

    def test_it_tells_who_wrote(self, client: Client, sheet: Sheet) -> None:
        html = client.get(sheet.get_absolute_url()).content.decode()
        assert "Rédigée par extraction automatique, sans modèle de langue" in html

    def test_it_warns_of_a_draft_and_no_longer_of_what_is_published(
        self, client: Client, sheet: Sheet
    ) -> None:
        assert "Brouillon" in client.get(sheet.get_absolute_url()).content.decode()
        Sheet.objects.update(state=Sheet.State.PUBLISHED)
        assert "Brouillon" not in client.get(sheet.get_absolute_url()).content.decode()

    def test_an_anonymous_reader_costs_one_query_the_first_one_thirteen(
        self, client: Client, sheet: Sheet, django_assert_max_num_queries: AtMost
    ) -> None:
        for most in (13, 1):
            with django_assert_max_num_queries(most):
                client.get(sheet.get_absolute_url())

    def test_history_version_export_and_proposal_answer(self, client: Client, sheet: Sheet) -> None:
        assert sheet.current
        proposal = Proposal.objects.create(sheet=sheet, base=sheet.current, body="## A\n\nB")
        slug = [sheet.slug]
        for address in (
            reverse("sheet_history", args=slug),
            reverse("revision", args=[sheet.slug, 1]),
            reverse("proposal", args=[sheet.slug, proposal.pk]),
        ):
            assert client.get(address).status_code == 200, address
        exported = client.get(reverse("export", args=slug))
        assert exported.headers["Content-Type"].startswith("text/markdown")
        assert QUOTE in exported.content.decode()
        assert client.get(reverse("revision", args=[sheet.slug, 2])).status_code == 404

    def test_a_proposal_that_waits_is_announced(self, client: Client, sheet: Sheet) -> None:
        assert sheet.current
        proposal = Proposal.objects.create(sheet=sheet, base=sheet.current, body="B")
        html = client.get(sheet.get_absolute_url()).content.decode()
        assert proposal.get_absolute_url() in html

    def test_nothing_is_styled_or_scripted_inline(self, client: Client, sheet: Sheet) -> None:
        start_writing(sheet)
        for address in ("/", "/fiches/", sheet.get_absolute_url(), reverse("login")):
            html = client.get(address).content.decode()
            assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", html), address
            # A block of JSON-LD is data, which no browser runs.
            assert not re.search(
                r"<script(?![^>]*\ssrc=)(?! type=\"application/ld\+json\">)", html
            ), address


class TestHostileTitles:
    def test_a_title_is_never_html(self, client: Client, sheet: Sheet, source: Document) -> None:
        Sheet.objects.update(title=HOSTILE)
        Document.objects.update(title=HOSTILE)
        start_writing(sheet)
        for address in (
            "/",
            "/fiches/",
            f"/fiches/?q={HOSTILE}",
            sheet.get_absolute_url(),
            reverse("sheet_history", args=[sheet.slug]),
            reverse("revision", args=[sheet.slug, 1]),
        ):
            html = client.get(address).content.decode()
            assert "<script>alert" not in html, address
            assert "&lt;script&gt;" in html, address

    def test_nor_in_the_form_and_its_errors(
        self, client: Client, contributor: User, sheet: Sheet
    ) -> None:
        Sheet.objects.update(title="<b>x</b> y")
        Document.objects.update(title=HOSTILE)
        client.force_login(contributor)
        html = client.post(reverse("sheet_new"), {"title": "<B>X</B> y"}).content.decode()
        assert "<b>x</b>" not in html
        assert "<B>X</B>" not in html
        assert "<script>alert" not in html


class TestWhoMayRead:
    def test_drafts_are_hidden_where_the_site_says_so(
        self, client: Client, contributor: User, sheet: Sheet, settings: Settings
    ) -> None:
        settings.SHOW_DRAFTS = False
        address = sheet.get_absolute_url()
        assert client.get(address).status_code == 404
        assert client.get(reverse("export", args=[sheet.slug])).status_code == 404
        assert sheet.title not in client.get("/fiches/").content.decode()
        assert sheet.title not in client.get("/").content.decode()
        client.force_login(contributor)
        assert client.get(address).status_code == 200

    def test_a_private_site_asks_everybody_to_log_in(
        self, client: Client, sheet: Sheet, settings: Settings
    ) -> None:
        settings.PUBLIC_SITE = False
        for address in ("/", "/fiches/", sheet.get_absolute_url()):
            answer = client.get(address)
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith(reverse("login"))
        assert client.get(reverse("login")).status_code == 200
        assert client.get(reverse("healthz")).status_code == 200

    def test_an_account_without_a_role_writes_nothing(self, client: Client, sheet: Sheet) -> None:
        client.force_login(User.objects.create_user("lecteur"))
        for name in ("sheet_generate", "generation_cancel", "generation_retry"):
            assert client.post(reverse(name, args=[sheet.slug])).status_code == 403, name
        assert client.get(reverse("sheet_new")).status_code == 403


class TestTheList:
    @pytest.fixture
    def many(self, sheet: Sheet, source: Document) -> None:
        kinds = list(SheetType.objects.all())
        for n in range(60):
            one = create_sheet(kinds[n % 2], f"Fiche d’essai {n}", None)
            one.documents.add(source)

    @pytest.mark.parametrize("query", ["", "?q=recuperation chaleur&type=solution&state=draft"])
    def test_it_costs_at_most_nine_queries(
        self, client: Client, many: None, query: str, django_assert_max_num_queries: AtMost
    ) -> None:
        with django_assert_max_num_queries(9):
            client.get(f"/fiches/{query}")

    def test_the_home_page_costs_at_most_six_queries(
        self, client: Client, many: None, sheet: Sheet, django_assert_max_num_queries: AtMost
    ) -> None:
        start_writing(sheet)
        with django_assert_max_num_queries(6):
            client.get("/")

    def test_words_are_found_in_title_and_text_whatever_their_accents(
        self, client: Client, many: None
    ) -> None:
        for words in ("RECUPERATION", "recuperee besoins"):
            html = client.get("/fiches/", {"q": words}).content.decode()
            assert "Récupération de chaleur" in html
            assert "Fiche d’essai" not in html

    def test_facets_combine_and_pages_keep_them(
        self, client: Client, many: None, source: Document
    ) -> None:
        asked = {"type": "solution", "source": str(source.pk), "sort": "title"}
        html = client.get("/fiches/", asked).content.decode()
        assert f"?type=solution&amp;source={source.pk}&amp;sort=title&amp;page=2" in html

    @pytest.mark.parametrize(
        "query",
        [
            "?page=999",
            "?page=x",
            "?source=x",
            "?source=99999999999999999999",
            "?state=x&sort=x",
            "?type=%00",
            "?q=%00%27%22)",
            "?q=" + "a " * 300,
            "?q=%25_%5C",
        ],
    )
    def test_an_address_that_makes_no_sense_still_answers(
        self, client: Client, sheet: Sheet, query: str
    ) -> None:
        assert client.get(f"/fiches/{query}").status_code == 200

    def test_an_empty_wiki_says_how_to_begin(self, client: Client, db: None) -> None:
        assert reverse("document_add") in client.get("/").content.decode()
        assert "Aucune fiche" in client.get("/fiches/").content.decode()


class TestAskingForASheet:
    def test_a_request_creates_the_sheet_and_shows_it_being_written(
        self, client: Client, contributor: User, source: Document
    ) -> None:
        client.force_login(contributor)
        kind = SheetType.objects.get(key="solution")
        asked = {
            "sheet_type": kind.pk,
            "title": "  Variation   de vitesse ",
            "documents": source.pk,
        }
        # The source says nothing of it: that is said, with what was measured, and confirmed.
        answer = client.post(reverse("sheet_new"), asked)
        assert answer.status_code == 422
        html = answer.content.decode()
        assert "Ces sources ne parlent guère de" in html
        assert "\u00a0: 0 passage sur" in html
        assert 'name="anyway" value="1"' in html
        assert not Sheet.objects.filter(title="Variation de vitesse").exists()
        answer = client.post(reverse("sheet_new"), asked | {"anyway": "1"}, follow=True)
        sheet = Sheet.objects.get(title="Variation de vitesse")
        assert answer.redirect_chain == [(sheet.get_absolute_url(), 302)]
        assert sheet.generations.first().is_working  # type: ignore[union-attr]
        assert 'hx-trigger="every 1s"' in answer.content.decode()

    def test_each_mistake_stands_beside_its_field_and_nothing_typed_is_lost(
        self, client: Client, contributor: User, source: Document
    ) -> None:
        client.force_login(contributor)
        answer = client.post(reverse("sheet_new"), {"title": "ab", "documents": source.pk})
        assert answer.status_code == 422
        html = answer.content.decode()
        assert 'value="ab"' in html
        assert 'id="id_title_error"' in html
        assert "Choisissez le type de fiche." in html
        assert f'value="{source.pk}" id="id_documents_0" checked' in html

    def test_a_title_that_exists_leads_to_its_sheet(
        self, client: Client, contributor: User, sheet: Sheet
    ) -> None:
        client.force_login(contributor)
        answer = client.post(reverse("sheet_new"), {"title": "recuperation de Chaleur"})
        assert sheet.get_absolute_url() in answer.content.decode()


class TestWatching:
    HTMX = {"HX-Request": "true"}

    def test_the_outline_is_polled_while_the_writer_works(
        self, client: Client, sheet: Sheet
    ) -> None:
        start_writing(sheet)
        address = reverse("generation_progress", args=[sheet.slug])
        assert (
            f'hx-get="{address}?faites=1"' in client.get(sheet.get_absolute_url()).content.decode()
        )
        html = client.get(address, headers=self.HTMX).content.decode()
        assert 'data-state="running"' in html
        assert 'hx-trigger="every 1s"' in html

    def test_at_the_end_the_page_reloads_and_polls_no_more(
        self, client: Client, sheet: Sheet
    ) -> None:
        answer = client.get(reverse("generation_progress", args=[sheet.slug]), headers=self.HTMX)
        assert answer.headers["HX-Refresh"] == "true"
        assert "hx-get" not in client.get(sheet.get_absolute_url()).content.decode()

    def test_a_failure_is_a_sentence_with_a_way_on(
        self, client: Client, contributor: User, sheet: Sheet
    ) -> None:
        start_writing(sheet, Generation.State.FAILED)
        client.force_login(contributor)
        html = client.get(sheet.get_absolute_url()).content.decode()
        assert "L’index des passages ne répond pas." in html
        assert reverse("generation_retry", args=[sheet.slug]) in html
        client.post(reverse("generation_retry", args=[sheet.slug]))
        assert sheet.generations.first().is_working  # type: ignore[union-attr]

    def test_stop_stops(self, client: Client, contributor: User, sheet: Sheet) -> None:
        generation = start_writing(sheet)
        client.force_login(contributor)
        address = reverse("generation_cancel", args=[sheet.slug])
        assert client.post(address).status_code == 403  # somebody else asked for it
        Generation.objects.filter(pk=generation.pk).update(requested_by=contributor)
        client.post(address)
        generation.refresh_from_db()
        assert generation.state == Generation.State.CANCELLED

    def test_regenerating_says_what_it_does_and_asks_first(
        self, client: Client, contributor: User, sheet: Sheet
    ) -> None:
        client.force_login(contributor)
        address = reverse("sheet_generate", args=[sheet.slug])
        client.get(address)
        assert sheet.generations.count() == 1
        client.post(address)
        assert sheet.generations.count() == 2
        client.post(address)
        assert sheet.generations.count() == 2

    def test_regenerating_asks_if_the_sources_hardly_speak_of_the_title(
        self, client: Client, contributor: User, sheet: Sheet
    ) -> None:
        sheet.generations.update(state=Generation.State.DONE)
        Sheet.objects.filter(pk=sheet.pk).update(title="Blanquette de veau")
        client.force_login(contributor)
        address = reverse("sheet_generate", args=[sheet.slug])
        asked = client.post(address, {"what": "all"})
        assert asked.status_code == 422
        assert "Ces sources ne parlent guère" in asked.content.decode()
        assert sheet.generations.count() == 1
        assert "ne parlent guère" in client.get(address).content.decode()
        client.post(address, {"what": "all", "anyway": "1"})
        assert sheet.generations.count() == 2


class TestTheSite:
    def test_a_page_that_does_not_exist_shows_a_way_on(self, client: Client, db: None) -> None:
        answer = client.get("/nulle-part/")
        assert answer.status_code == 404
        assert reverse("sheets") in answer.content.decode()

    def test_the_language_is_the_readers(self, client: Client, db: None) -> None:
        assert 'lang="fr"' in client.get("/").content.decode()
        english = client.get("/", headers={"Accept-Language": "en"}).content.decode()
        assert '<html lang="en"' in english
        client.post(reverse("set_language"), {"language": "fr", "next": "/"})
        again = client.get("/", headers={"Accept-Language": "en"}).content.decode()
        assert '<html lang="fr"' in again

    def test_the_columns_that_the_program_names_are_in_the_readers_language(
        self, client: Client, db: None
    ) -> None:
        sheet = create_sheet(SheetType.objects.get(key="solution"), "Air", None)
        body = "## Ressources & outils\n\n| Titre | Couleur |\n| --- | --- |\n| Guide | vert |\n"
        save_revision(sheet, base=None, body=body, metadata={}, origin=Revision.Origin.HUMAN)
        address = sheet.get_absolute_url()
        assert '<th scope="col">Titre</th>' in client.get(address).content.decode()
        english = client.get(address, headers={"Accept-Language": "en"}).content.decode()
        assert '<th lang="en" scope="col">Title</th>' in english
        assert '<th scope="col">Couleur</th>' in english

    def test_the_theme_is_in_the_first_byte(self, client: Client, db: None) -> None:
        client.cookies["theme"] = "dark"
        assert 'data-theme="dark"' in client.get("/").content.decode()
        client.cookies["theme"] = '"><script>'
        assert "data-theme=" not in client.get("/").content.decode().split("<head>")[0]

    def test_ready_when_both_services_answer(
        self, client: Client, db: None, settings: Settings
    ) -> None:
        assert client.get(reverse("readyz")).json() == {"ready": True, "away": []}
        settings.CHROMA_PORT = 9
        answer = client.get(reverse("readyz"))
        assert answer.status_code == 503
        assert answer.json()["away"] == ["chroma"]
