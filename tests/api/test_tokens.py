"""Tokens: made on one's own page, shown once, hashed, scoped, limited; sessions with CSRF."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from api.models import Token, token_digest
from api.webhooks import create_webhook, send_trial
from ingestion.models import Document
from sheets.file_jobs import request_wiki_export
from sheets.generation.request import request_generation
from sheets.models import Sheet
from sheets.queueing import JUDGEMENT, SHEET_INDEX
from tests.api.conftest import Caller, Program
from wikico2.jobs.queue import start_job
from wikico2.models import Job, User

BODY = "## Contexte\n\nUn texte."


def make_token(client: Client, **fields: str) -> str:
    """Make a token on the page; return the secret that it shows."""
    data = {"name": "Tableur", "scope": "read", "days": "90", **fields}
    html = client.post("/compte/jetons/", data).content.decode()
    found = re.search(r"<code class=\"break\">(wk_[\w-]+)</code>", html)
    assert found, html
    return found[1]


class TestPage:
    def test_a_token_is_shown_once_and_stored_hashed(
        self, client: Client, contributor: User
    ) -> None:
        client.force_login(contributor)
        secret = make_token(client)
        token = Token.objects.get()
        assert token.digest == token_digest(secret)
        assert secret not in client.get("/compte/jetons/").content.decode()
        assert (token.scope, token.last_used_at) == ("read", None)
        assert Program(secret).get("/v1/me").json()["username"] == "claire"
        token.refresh_from_db()
        assert token.last_used_at is not None

    def test_nobody_gives_a_token_more_than_they_may(
        self, client: Client, contributor: User
    ) -> None:
        client.force_login(contributor)
        data = {"name": "Tout", "scope": "admin", "days": "90"}
        assert client.post("/compte/jetons/", data).status_code == 422
        assert not Token.objects.exists()

    def test_a_revoked_token_is_refused_and_another_persons_stays(
        self, client: Client, contributor: User, expert: User
    ) -> None:
        client.force_login(contributor)
        secret = make_token(client)
        other, _secret = Token.issue(expert, "autre")
        assert client.post(f"/compte/jetons/{other.pk}/revoquer/").status_code == 404
        own = Token.objects.get(user=contributor)
        client.post(f"/compte/jetons/{own.pk}/revoquer/")
        assert Program(secret).get("/v1/me").status_code == 401
        assert Token.objects.get() == other

    def test_the_account_page_leads_to_it(self, client: Client, contributor: User) -> None:
        client.force_login(contributor)
        page = client.get(reverse("account")).content.decode()
        assert f'href="{reverse("tokens")}"' in page

    def test_it_needs_an_account(self, client: Client, db: None) -> None:
        assert client.get("/compte/jetons/").status_code == 302


class TestUse:
    def test_an_expired_or_unknown_token_is_refused(self, contributor: User) -> None:
        past = timezone.now() - dt.timedelta(seconds=1)
        _token, secret = Token.issue(contributor, "vieux", expires_at=past)
        for given in (secret, "wk_inconnu", "é", "a" * 5_000):
            response = Program(given).get("/v1/sheets")
            assert response.status_code == 401
            assert response.json()["code"] == "token_invalid"
            assert response.headers["Content-Type"] == "application/problem+json"

    def test_an_inactive_person_is_refused(self, program: Caller, contributor: User) -> None:
        caller = program(contributor)
        User.objects.update(is_active=False)
        assert caller.get("/v1/sheets").status_code == 401

    @pytest.mark.parametrize(
        ("scope", "status"), [("read", 403), ("write", 200), ("curate", 200), ("admin", 200)]
    )
    def test_the_scope_takes_rights_away(
        self, program: Caller, administrator: User, sheet: Sheet, scope: str, status: int
    ) -> None:
        caller = program(administrator, scope)
        given = {"base": 1, "markdown": BODY}
        assert caller.put(f"/v1/sheets/{sheet.slug}", given).status_code == status

    def test_the_scope_gives_no_right_that_the_person_lacks(
        self, program: Caller, sheet: Sheet, db: None
    ) -> None:
        nobody = User.objects.create_user("nul")
        response = program(nobody, "admin").put(f"/v1/sheets/{sheet.slug}", {"base": 1})
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")

    def test_a_superuser_is_narrowed_too(self, program: Caller, sheet: Sheet, db: None) -> None:
        root = User.objects.create_superuser("racine")
        given = program(root, "write").get("/v1/me").json()
        assert "sheets.publish_sheet" not in given["permissions"]
        assert "sheets.change_sheet" in given["permissions"]
        root.refresh_from_db()
        assert root.is_superuser

    def test_a_token_may_be_limited_to_some_kinds_of_sheet(
        self, program: Caller, administrator: User, sheet: Sheet
    ) -> None:
        caller = program(administrator, sheet_types=["secteur"])
        assert caller.get("/v1/sheets").json()["items"] == []
        assert caller.get(f"/v1/sheets/{sheet.slug}").status_code == 404
        assert caller.put(f"/v1/sheets/{sheet.slug}", {"base": 1}).status_code == 404
        made = {"type": "solution", "title": "Pompe", "markdown": BODY}
        assert caller.post("/v1/sheets", made).status_code == 403
        made = {"type": "secteur", "title": "Laiterie", "markdown": BODY}
        assert caller.post("/v1/sheets", made).status_code == 201

    def test_it_reaches_no_job_of_another_kind_of_sheet(
        self, program: Caller, administrator: User, sheet: Sheet, waiting_document: Document
    ) -> None:
        generation = request_generation(sheet, administrator)
        export = request_wiki_export(administrator, files=False)
        send_trial(create_webhook(administrator, "a.test/b", ["job.done"]))
        start_job(JUDGEMENT, sheet.pk)
        all_jobs = {job.kind: job.pk for job in Job.objects.all()}
        own = {"generation", JUDGEMENT, SHEET_INDEX, "document"}
        assert own < all_jobs.keys()
        for key, seen in (("solution", own), ("secteur", {"document"})):
            caller = program(administrator, sheet_types=[key])
            told = caller.get("/v1/jobs").json()["items"]
            assert {job["kind"] for job in told} == seen
            for kind, pk in all_jobs.items():
                status = 200 if kind in seen else 404
                assert caller.get(f"/v1/jobs/{pk}").status_code == status, kind
                for what in () if kind in seen else ("stop", "retry"):
                    assert caller.post(f"/v1/jobs/{pk}/{what}").status_code == 404, kind
        assert {generation.job.state, export.job.state} == {"waiting"}  # type: ignore[union-attr]
        everything = program(administrator).get("/v1/jobs").json()["items"]
        assert {"webhook", "generation"} <= {job["kind"] for job in everything}

    def test_the_limit_is_told_and_kept(
        self, program: Caller, contributor: User, settings: Settings
    ) -> None:
        settings.API_REQUESTS_PER_MINUTE = 2
        caller = program(contributor)
        Token.objects.update(minute=timezone.now().replace(second=0, microsecond=0))
        answers = [caller.get("/v1/sheets") for _ in range(3)]
        limited = answers[-1].status_code == 429 or answers[0].headers["RateLimit-Reset"] < "3"
        assert limited  # a minute may end between two of them
        assert [a.headers["RateLimit-Limit"] for a in answers] == ["2"] * 3
        if answers[-1].status_code == 429:
            assert answers[-1].json()["code"] == "rate_limited"
            assert int(answers[-1].headers["Retry-After"]) <= 60


class TestSessions:
    def test_a_session_reads_and_writes_with_its_csrf_token(
        self, contributor: User, sheet: Sheet
    ) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(contributor)
        path, given = f"/v1/sheets/{sheet.slug}", {"base": 1, "markdown": BODY}
        refused = client.put(path, given, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (403, "csrf")
        client.get("/compte/jetons/")
        token = client.cookies["csrftoken"].value
        headers = {"X-CSRFToken": token}
        saved = client.put(path, given, content_type="application/json", headers=headers)
        assert saved.status_code == 200, saved.content

    def test_a_token_needs_no_csrf(self, program: Caller, contributor: User, sheet: Sheet) -> None:
        caller = program(contributor)
        caller.client = Client(enforce_csrf_checks=True)
        given = {"base": 1, "markdown": BODY}
        assert caller.put(f"/v1/sheets/{sheet.slug}", given).status_code == 200

    def test_on_a_private_site_only_tokens_and_sessions_read(
        self, program: Caller, contributor: User, sheet: Sheet, settings: Settings
    ) -> None:
        settings.PUBLIC_SITE = False
        refused = program().get("/v1/sheets")
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
        assert program(contributor, "read").get("/v1/sheets").status_code == 200

    def test_an_account_without_a_role_reads_nothing_of_a_private_site(
        self, program: Caller, published: Sheet, settings: Settings
    ) -> None:
        nobody = User.objects.create_user("nul")
        path = f"/v1/sheets/{published.slug}"
        session = Program()
        session.client.force_login(nobody)
        for caller in (program(nobody), session):
            assert caller.get(path).status_code == 200
        settings.PUBLIC_SITE = False
        for caller in (program(nobody), session):
            for asked in (path, "/v1/sheets", "/v1/types", "/v1/search?q=air", "/v1/retrieve?q=a"):
                refused = caller.get(asked)
                assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), asked
            for own in ("/v1/me", "/v1/notifications", "/v1/webhooks"):
                assert caller.get(own).status_code == 200, own
        for page in ("/compte/jetons/", "/compte/webhooks/", "/notifications/"):
            assert session.client.get(page).status_code == 200, page
        hook = create_webhook(nobody, "a.test/b", ["job.done"])
        assert session.client.get(f"/compte/webhooks/{hook.pk}/").status_code == 200
