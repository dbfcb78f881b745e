"""Adding sources, following them, and the list of all of them."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from ingestion.models import Document
from tests.conftest import AIR, LIGHT, STEAM, job_of, make_pdf, run_queue, upload
from wikico2.jobs.queue import start_job
from wikico2.models import Job, User

ADD = "/sources/ajouter/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def someone(client: Client, contributor: User) -> Client:
    client.force_login(contributor)
    return client


class TestRight:
    def test_without_account_the_page_says_who_may(self, client: Client, db: None) -> None:
        for response in (client.get(ADD), client.post(ADD, {"uploads": upload(make_pdf(AIR))})):
            assert response.status_code == 403
            assert "/compte/connexion/?next=/sources/ajouter/" in response.content.decode()
        assert not Document.objects.exists()

    def test_an_account_without_role_may_not(self, client: Client, db: None) -> None:
        client.force_login(User.objects.create_user("lecteur"))
        assert client.get(ADD).status_code == 403

    def test_a_forged_request_is_refused(self, contributor: User) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(contributor)
        assert client.post(ADD, {"uploads": upload(make_pdf(AIR))}).status_code == 403
        assert client.get(ADD).status_code == 200
        assert not Document.objects.exists()


class TestAdding:
    def test_several_files_each_with_its_outcome(self, someone: Client) -> None:
        files = [
            upload(make_pdf(AIR), "air.pdf"),
            upload(bytes(range(256)), "faux.pdf"),
            upload(b"", "vide.pdf"),
            upload(make_pdf(AIR), "encore.pdf"),
        ]
        response = someone.post(ADD, {"uploads": files, "access": "open"})
        outcomes = response.context["outcomes"]
        assert [outcome.status for outcome in outcomes] == [201, 422, 422, 409]
        document = Document.objects.get()
        assert outcomes[3].existing == document.pk
        html = response.content.decode()
        for outcome in outcomes:
            assert outcome.name in html
        assert html.count("hx-trigger") == 1

    @pytest.mark.parametrize(
        ("content", "status"), [(make_pdf(STEAM), 201), (b"%PDF-1.4 rien", 422), (b"", 422)]
    )
    def test_one_file_by_script_gets_its_row(
        self, someone: Client, content: bytes, status: int
    ) -> None:
        response = someone.post(ADD, {"uploads": upload(content)}, headers=HTMX)
        assert response.status_code == status
        assert "<html" not in response.content.decode()
        assert Document.objects.count() == (status == 201)

    def test_no_file_is_said_beside_the_field(self, someone: Client) -> None:
        response = someone.post(ADD, {"access": "open"})
        assert response.status_code == 422
        assert "id_uploads_error" in response.content.decode()

    def test_too_many_at_once_are_refused_in_words(self, someone: Client, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
        files = [upload(make_pdf(AIR), f"{number}.pdf") for number in range(3)]
        response = someone.post(ADD, {"uploads": files})
        assert response.status_code == 422
        assert "id_uploads_error" in response.content.decode()
        assert not Document.objects.exists()

    def test_access_is_kept(self, someone: Client) -> None:
        someone.post(ADD, {"uploads": upload(make_pdf(LIGHT)), "access": "internal"})
        assert Document.objects.get().access == Document.Access.INTERNAL

    def test_what_became_of_files_stands_above_the_form(self, someone: Client) -> None:
        response = someone.post(ADD, {"uploads": [upload(make_pdf(AIR), "a.pdf")]})
        page = response.content.decode()
        assert page.index("data-results") < page.index("data-upload")
        assert page.index("a.pdf") < page.index("data-drop")

    def test_above_the_limit_nothing_is_stored(self, someone: Client, settings: Any) -> None:
        settings.MAX_UPLOAD_MB = 1
        big = make_pdf(AIR) + b"\n" * (3 * 1024 * 1024)
        files = [upload(big, "lourd.pdf"), upload(make_pdf(AIR), "leger.pdf")]
        outcomes = someone.post(ADD, {"uploads": files}).context["outcomes"]
        assert [outcome.status for outcome in outcomes] == [422, 201]
        assert "3,0" in outcomes[0].error  # as the row shows it
        assert "1" in outcomes[0].error
        assert outcomes[0].size == len(big)
        assert Document.objects.get().filename == "leger.pdf"


class TestProgress:
    def test_is_asked_again_until_the_reading_ends(
        self, someone: Client, waiting_document: Document
    ) -> None:
        address = f"/sources/{waiting_document.pk}/progression/"
        assert "hx-trigger" in someone.get(address).content.decode()
        assert "HX-Refresh" not in someone.get(f"{address}?whole").headers
        run_queue()
        assert "hx-trigger" not in someone.get(address).content.decode()
        assert someone.get(f"{address}?whole").headers["HX-Refresh"] == "true"

    def test_of_a_removed_source_ends_quietly(self, client: Client, db: None) -> None:
        response = client.get("/sources/77/progression/")
        assert response.status_code == 200
        assert "hx-trigger" not in response.content.decode()

    def test_a_failure_is_told_in_words_with_a_way_on(
        self, someone: Client, waiting_document: Document
    ) -> None:
        fail(waiting_document)
        html = someone.get(waiting_document.get_absolute_url()).content.decode()
        assert waiting_document.error in html
        assert f"/sources/{waiting_document.pk}/reprendre/" in html

    def test_work_that_waits_for_a_service_says_so(
        self, client: Client, waiting_document: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("wikico2.jobs.listing.workers_alive", lambda: True)
        Document.objects.filter(pk=waiting_document.pk).update(state="embedding")
        Job.objects.update(error_code="service_busy", not_before=timezone.now())
        waiting_document.refresh_from_db()
        html = client.get(f"/sources/{waiting_document.pk}/progression/").content.decode()
        assert waiting_document.error in html
        assert "hx-trigger" in html


class TestActions:
    @pytest.mark.parametrize("verb", ["reprendre", "arreter", "retirer"])
    def test_need_an_account_and_a_post(
        self, client: Client, waiting_document: Document, verb: str
    ) -> None:
        address = f"/sources/{waiting_document.pk}/{verb}/"
        assert client.get(address).status_code == 405
        assert client.post(address)["Location"].startswith("/compte/connexion/")
        client.force_login(User.objects.create_user("lecteur"))
        assert client.post(address).status_code == 403

    def test_stop_then_retry_reads_to_the_end(
        self, someone: Client, waiting_document: Document
    ) -> None:
        base = f"/sources/{waiting_document.pk}"
        stopped = someone.post(f"{base}/arreter/", headers=HTMX).content.decode()
        assert f"{base}/reprendre/" in stopped
        waiting_document.refresh_from_db()
        assert waiting_document.state == Document.State.CANCELLED
        assert someone.post(f"{base}/reprendre/", {"next": "/taches/"})["Location"] == "/taches/"
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready

    def test_the_way_back_stays_on_the_site(
        self, someone: Client, waiting_document: Document
    ) -> None:
        address = f"/sources/{waiting_document.pk}/arreter/"
        response = someone.post(address, {"next": "https://ailleurs.example/"})
        assert response["Location"] == f"/sources/{waiting_document.pk}/"

    def test_who_uploaded_may_remove_it(self, someone: Client, document: Document) -> None:
        name = str(document.file.name)
        assert someone.post(f"/sources/{document.pk}/retirer/")["Location"] == "/sources/"
        run_queue()
        assert not Document.objects.exists()
        assert not default_storage.exists(name)

    def test_other_contributors_may_not(self, client: Client, document: Document) -> None:
        other = User.objects.create_user("paul")
        other.groups.add(Group.objects.get(name="Utilisateur"))
        client.force_login(other)
        assert client.post(f"/sources/{document.pk}/retirer/").status_code == 403
        assert Document.objects.exists()


class TestList:
    @pytest.fixture
    def three(self, db: None) -> list[Document]:
        return [
            row("Chaleur fatale", language="fr", state="ready", author="ADEME", pages=12),
            row("Récupération de chaleur", language="fr", state="extracting", pages=80),
            row("Heat pumps", language="en", state="ready", access="internal", pages=3),
        ]

    @pytest.mark.parametrize(
        ("query", "titles"),
        [
            ({"q": "recuperation CHALEUR"}, ["Récupération de chaleur"]),
            ({"q": "ademe"}, ["Chaleur fatale"]),
            ({"q": "heat.pdf"}, []),
            ({"state": "ready", "language": "fr"}, ["Chaleur fatale"]),
            ({"access": "internal"}, ["Heat pumps"]),
            ({"state": "working"}, ["Récupération de chaleur"]),
            (
                {"sort": "pages", "state": "nonsense", "page": "99"},
                ["Récupération de chaleur", "Chaleur fatale", "Heat pumps"],
            ),
            ({"sort": "title"}, ["Chaleur fatale", "Heat pumps", "Récupération de chaleur"]),
            ({"q": "100%", "language": "x'y"}, []),
        ],
    )
    def test_narrows_and_sorts(
        self, someone: Client, three: list[Document], query: dict[str, str], titles: list[str]
    ) -> None:
        page = someone.get("/sources/", query).context["page"]
        assert [document.title for document in page] == titles

    def test_facets_count_under_the_others(self, someone: Client, three: list[Document]) -> None:
        facets = someone.get("/sources/", {"language": "fr"}).context["facets"]
        counts = {f.name: {c.value: c.count for c in f.choices} for f in facets}
        assert counts["state"] == {"": 2, "ready": 1, "working": 1}
        assert counts["language"] == {"": 3, "fr": 2, "en": 1}

    def test_is_asked_again_only_while_something_is_read(
        self, client: Client, three: list[Document]
    ) -> None:
        partial = client.get("/sources/", headers=HTMX).content.decode()
        assert "<html" not in partial
        assert "hx-trigger" in partial
        done = client.get("/sources/", {"state": "ready"}).content.decode()
        assert "hx-trigger" not in done

    def test_empty_says_what_to_do(self, someone: Client) -> None:
        assert f'href="{ADD}"' in someone.get("/sources/").content.decode()

    def test_asks_as_much_for_many_as_for_few(
        self, client: Client, db: None, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(60):
            row(f"Source {number}", state="ready")
        with django_assert_max_num_queries(4):
            response = client.get("/sources/")
        assert len(response.context["rows"]) == 25


class TestTasks:
    def test_says_that_nobody_works(
        self, client: Client, waiting_document: Document, reader: User
    ) -> None:
        assert client.get("/taches/").status_code == 302  # jobs are shown to members
        client.force_login(reader)
        response = client.get("/taches/")
        assert response.context["outlook"].is_alive is False
        assert response.context["waiting_count"] == 1
        assert waiting_document.title in response.content.decode().replace("&#x27;", "'")
        assert "hx-trigger" in response.content.decode()

    def test_is_still_when_all_is_done(
        self, client: Client, document: Document, reader: User
    ) -> None:
        client.force_login(reader)
        html = client.get("/taches/", headers=HTMX).content.decode()
        assert "hx-trigger" not in html
        assert "<html" not in html

    def test_failures_can_be_retried_from_here(
        self, someone: Client, waiting_document: Document
    ) -> None:
        fail(waiting_document)
        html = someone.get("/taches/").content.decode()
        assert waiting_document.error in html
        assert f"/taches/{job_of(waiting_document).pk}/reprendre/" in html

    def test_asks_as_much_for_many_as_for_few(
        self, client: Client, reader: User, django_assert_max_num_queries: Any
    ) -> None:
        client.force_login(reader)

        def asked(times: int) -> int:
            for state in ("waiting", "extracting", "ready") * times:
                pk = row(f"Source {state}", state=state, ready_at=timezone.now()).pk
                start_job("document", pk)
                if state == "ready":
                    Job.objects.of("document", pk).update(state="done", started_at=Now())
            with django_assert_max_num_queries(19) as queries:
                client.get("/taches/")
            return len(queries)

        assert asked(1) == asked(20)


def row(title: str, *, pages: int = 1, **values: Any) -> Document:
    """Write a source without a file."""
    number = Document.objects.count()
    return Document.objects.create(
        title=title,
        filename=f"fichier-{number}.pdf",
        file="none.pdf",
        sha256=f"{number:064d}",
        size=1,
        page_count=pages,
        **values,
    )


def fail(document: Document, code: str = "file_missing") -> None:
    Document.objects.filter(pk=document.pk).update(
        state="failed", failed_step="extracting", error_code=code
    )
    Job.objects.of("document", document.pk).update(state="failed", error_code=code)
    document.refresh_from_db()
