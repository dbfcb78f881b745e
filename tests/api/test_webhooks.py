"""Webhooks: what is told to whom, how it is signed, tried again, logged and sent again."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from api.models import Webhook, WebhookDelivery
from api.webhooks import MOST_HOOKS, create_webhook, send_trial, tell_of_job, tell_of_source
from ingestion.models import Document
from sheets.actions.states import publish_sheet, validate_sheet
from sheets.models import Sheet
from tests.api.conftest import Caller, Program
from tests.api.test_sources import pdf_file
from tests.conftest import AIR, job_of, let_go_on, run_queue
from wikico2.jobs.queue import resume_stalled
from wikico2.models import AuditEvent, Job, User


class Receiver:
    """A program that receives notifications, and answers as it is told."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        outer = self

        class Page(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                outer.received.append((dict(self.headers), self.rfile.read(size)))
                self.send_response(outer.answers.pop(0) if outer.answers else 204)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Page)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ici"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def endpoint(settings: Settings) -> Iterator[Receiver]:
    settings.FETCH_PRIVATE_HOSTS = ["127.0.0.1"]
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def subscribe(caller: Program, url: str, *events: str) -> Any:
    answer = caller.post("/v1/webhooks", {"url": url, "events": list(events)})
    assert answer.status_code == 201, answer.content
    return answer.json()


def edit(caller: Program, sheet: Sheet, text: str) -> None:
    path = f"/v1/sheets/{sheet.slug}"
    version = caller.get(path).json()["version"]
    answer = caller.put(path, {"base": version, "markdown": f"## Contexte\n\n{text}"})
    assert answer.status_code == 200, answer.content


def test_a_change_is_told_once_and_signed(
    program: Caller, contributor: User, sheet: Sheet, endpoint: Receiver
) -> None:
    caller = program(contributor)
    hook = subscribe(caller, endpoint.url, "sheet.changed", "proposal.waiting")
    edit(caller, sheet, "Un.")
    run_queue()
    ((headers, body),) = endpoint.received
    told = json.loads(body)
    assert (told["event"], told["sheet"]["slug"], told["sheet"]["version"]) == (
        "sheet.changed",
        sheet.slug,
        2,
    )
    at, _comma, given = headers["WikiCO2-Signature"].partition(",v1=")
    signed = f"{at.removeprefix('t=')}.".encode() + body
    assert given == hmac.new(hook["secret"].encode(), signed, hashlib.sha256).hexdigest()
    run_queue()
    assert len(endpoint.received) == 1
    assert caller.get("/v1/webhooks").json()["items"][0]["secret"] is None


def test_what_is_refused_is_tried_again_logged_and_sent_again(
    program: Caller, contributor: User, sheet: Sheet, endpoint: Receiver
) -> None:
    caller = program(contributor)
    hook = subscribe(caller, endpoint.url, "sheet.changed")
    endpoint.answers = [503, 500]
    edit(caller, sheet, "Un.")
    run_queue()
    row = WebhookDelivery.objects.get()
    assert (row.status, row.state, job_of(row).attempts) == (503, "waiting", 1)
    for _try in range(2):
        let_go_on()
        resume_stalled()
        run_queue()
    (logged,) = caller.get(f"{hook['address']}/deliveries").json()["items"]
    assert (logged["status"], logged["state"], len(endpoint.received)) == (204, "done", 3)
    assert logged["delivered_at"]
    again = caller.post(f"{hook['address']}/deliveries/{logged['id']}/replay")
    assert again.status_code == 202
    run_queue()
    assert endpoint.received[-1][1] == endpoint.received[0][1]


def test_states_sources_and_jobs_are_told(
    program: Caller, contributor: User, administrator: User, sheet: Sheet, endpoint: Receiver
) -> None:
    caller = program(contributor)
    events = ("sheet.published", "sheet.validated", "proposal.waiting", "job.done")
    subscribe(caller, endpoint.url, *events)
    validate_sheet(sheet, administrator, version=1)
    publish_sheet(sheet, administrator)
    sheet.save()  # tells nothing more
    program().post(f"/v1/sheets/{sheet.slug}/proposals", {"remark": "Relire"})
    caller.upload("/v1/sources", file=pdf_file(AIR))
    run_queue()
    told = [json.loads(body) for _headers, body in endpoint.received]
    assert sorted(one["event"] for one in told) == [
        "job.done",
        "proposal.waiting",
        "sheet.published",
        "sheet.validated",
    ]
    assert next(one for one in told if "job" in one)["job"]["kind"] == "document"


def test_a_private_address_is_never_sent_to(
    program: Caller, contributor: User, sheet: Sheet, endpoint: Receiver, settings: Settings
) -> None:
    settings.FETCH_PRIVATE_HOSTS = []
    caller = program(contributor)
    subscribe(caller, endpoint.url, "sheet.changed")
    edit(caller, sheet, "Un.")
    run_queue()
    assert endpoint.received == []
    row = WebhookDelivery.objects.get()
    assert job_of(row).error_code == "webhook_address"
    refused = caller.post("/v1/webhooks", {"url": "ftp://a.test", "events": ["sheet.changed"]})
    assert refused.json()["code"] == "address_invalid"


class TestPages:
    """The pages do what the operations do, for one's own webhooks alone."""

    @pytest.fixture
    def browser(self, client: Client, contributor: User) -> Client:
        client.force_login(contributor)
        return client

    def make(self, browser: Client, url: str, *events: str) -> tuple[Webhook, str]:
        answer = browser.post("/compte/webhooks/", {"url": url, "events": events})
        assert answer.status_code == 200
        hook = Webhook.objects.latest("pk")
        assert hook.secret in answer.content.decode()
        return hook, f"/compte/webhooks/{hook.pk}/"

    def test_make_try_send_again(self, browser: Client, endpoint: Receiver) -> None:
        hook, path = self.make(browser, endpoint.url, "sheet.changed", "job.done")
        assert hook.events == ["job.done", "sheet.changed"]
        assert hook.secret not in browser.get("/compte/webhooks/").content.decode()
        assert hook.secret not in browser.get(path).content.decode()
        browser.post(path, {"trial": "1"})
        run_queue()
        row = hook.deliveries.get()
        assert (row.event, row.state, row.status) == ("trial", "done", 204)
        browser.post(path, {"again": str(row.pk)})
        run_queue()
        first, second = (body for _headers, body in endpoint.received)
        assert first == second
        assert f'name="again" value="{row.pk}"' in browser.get(path).content.decode()

    def test_change_pause_renew_delete(
        self, browser: Client, program: Caller, contributor: User, sheet: Sheet, endpoint: Receiver
    ) -> None:
        hook, path = self.make(browser, "a.test/ici", "sheet.changed")
        browser.post(path, {"save": "1", "url": endpoint.url, "events": ["sheet.changed"]})
        edit(program(contributor), sheet, "Un.")
        assert not WebhookDelivery.objects.exists()  # it is paused
        given = {"save": "1", "url": endpoint.url, "events": ["sheet.changed"], "is_active": "on"}
        browser.post(path, given)
        secret = hook.secret
        assert secret not in browser.post(path, {"secret": "1"}).content.decode()
        hook.refresh_from_db()
        assert hook.secret != secret
        edit(program(contributor), sheet, "Deux.")
        run_queue()
        assert len(endpoint.received) == 1
        assert browser.post(path, {"delete": "1"}).status_code == 302
        assert not Webhook.objects.exists()
        did = AuditEvent.objects.filter(kind="api.webhook").order_by("pk")
        assert list(did.values_list("action", "channel")) == [
            ("webhook.add", "page"),
            *[("webhook.change", "page")] * 3,
            ("webhook.delete", "page"),
        ]

    def test_what_is_refused_keeps_what_was_typed(self, browser: Client) -> None:
        for url, events in (("ftp://a.test", ["job.done"]), ("a.test/b", [])):
            answer = browser.post("/compte/webhooks/", {"url": url, "events": events})
            assert answer.status_code == 422
            assert url in answer.content.decode()
        for _n in range(MOST_HOOKS):
            self.make(browser, "a.test/b", "job.done")
        full = browser.post("/compte/webhooks/", {"url": "a.test/c", "events": ["job.done"]})
        assert (full.status_code, Webhook.objects.count()) == (422, MOST_HOOKS)

    def test_another_persons_webhook_is_not_there(
        self, browser: Client, expert: User, program: Caller
    ) -> None:
        other = create_webhook(expert, "a.test/b", ["job.done"])
        path = f"/compte/webhooks/{other.pk}/"
        assert browser.get(path).status_code == 404
        for what in ("trial", "secret", "delete", "save"):
            assert browser.post(path, {what: "1"}).status_code == 404
        _hook, path = self.make(browser, "a.test/b", "job.done")
        row = send_trial(other)
        assert browser.post(path, {"again": str(row.pk)}).status_code == 404


def test_a_program_changes_its_webhook(
    program: Caller, contributor: User, endpoint: Receiver
) -> None:
    caller = program(contributor)
    hook = subscribe(caller, endpoint.url, "job.done")
    path = hook["address"]
    changed = {"url": endpoint.url, "events": ["job.failed"], "active": False}
    told = caller.put(path, changed).json()
    assert (told["events"], told["active"], told["secret"]) == (["job.failed"], False, None)
    assert caller.get(path).json() == told
    assert caller.post(f"{path}/secret").json()["secret"] not in (hook["secret"], None)
    assert caller.post(f"{path}/trial").json()["event"] == "trial"
    assert caller.put(path, {**changed, "url": "ftp://a"}).json()["code"] == "address_invalid"


def test_nobody_sees_or_is_told_what_is_anothers(
    program: Caller, contributor: User, expert: User, sheet: Sheet, endpoint: Receiver
) -> None:
    hook = subscribe(program(contributor), endpoint.url, "sheet.changed")
    other = program(expert)
    assert other.get("/v1/webhooks").json()["items"] == []
    assert other.get(f"{hook['address']}/deliveries").status_code == 404
    assert other.delete(hook["address"]).status_code == 404
    assert program().get("/v1/webhooks").status_code == 401
    assert program(contributor).delete(hook["address"]).status_code == 204
    edit(other, sheet, "Un.")
    assert not WebhookDelivery.objects.exists()
    assert not Webhook.objects.exists()


def test_only_who_may_see_something_is_told_of_it(
    program: Caller, contributor: User, sheet: Sheet, source: Document, settings: Settings
) -> None:
    nobody = User.objects.create_user("nul")
    events = ["job.done", "sheet.changed", "source.ready"]
    for user in (nobody, contributor):
        Webhook.objects.create(user=user, url="https://a.test/", events=events, secret="s")
    job = Job(kind="document", state=Job.State.DONE, subject_id=source.pk)

    def told() -> set[tuple[str, str]]:
        WebhookDelivery.objects.all().delete()
        edit(program(contributor), sheet, f"Texte {sheet.revisions.count()}.")
        tell_of_source(None, source.pk)
        tell_of_job(job)
        return set(WebhookDelivery.objects.values_list("webhook__user__username", "event"))

    member = {("claire", event) for event in events}
    assert told() == member | {("nul", "sheet.changed"), ("nul", "source.ready")}
    Document.objects.update(access=Document.Access.INTERNAL)
    assert told() == member | {("nul", "sheet.changed")}
    settings.PUBLIC_SITE = False
    assert told() == member
    Webhook.objects.update(user=nobody)
    User.objects.filter(pk=nobody.pk).update(is_superuser=True, is_active=False)
    assert told() == set()
