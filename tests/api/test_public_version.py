"""What the public reads where it reads only validated texts: never a later one, by any address."""

import json
from typing import Any

import pytest
from django.test import Client

from api.models import WebhookDelivery
from api.webhooks import tell_of_revision
from sheets.actions.states import validate_sheet
from sheets.models import Proposal, Sheet
from sheets.rendering.statement_anchors import counted_statements
from sheets.revisions.edit import save_edit
from sheets.revisions.versions import version_of
from tests.api.conftest import Caller
from tests.sheets.test_pages import QUOTE
from wikico2.models import User

LATER = "Une valeur inventée"
HEADING = "Rubrique inventée"


@pytest.fixture
def changed(published: Sheet, expert: User, contributor: User, settings: Any) -> Sheet:
    """A published sheet whose first version is validated, and whose second one is not."""
    settings.SHOW_UNVALIDATED = False
    validate_sheet(published, expert, version=1)
    base = published.current
    assert base
    text = version_of(base)
    body = f"{text.body}\n## {HEADING}\n\n{LATER} : 99 % de gain.\n"
    save_edit(published, contributor, base=base, text=type(text)(body, text.values))
    published = Sheet.objects.select_related("current").get(pk=published.pk)
    assert published.current
    assert published.current.number == 2
    Proposal.objects.create(sheet=published, base=base, body=f"## {HEADING}\n\n{LATER}")
    return published


ADDRESSES = (
    "/v1/sheets", "/v1/sheets/{slug}", "/v1/sheets/{slug}?fields=title,version,markdown",
    "/v1/sheets/{slug}/markdown", "/v1/sheets/{slug}/html",
    "/v1/sheets/{slug}/sections/contexte", "/v1/sheets/{slug}/revisions",
    "/v1/sheets/{slug}/events", "/v1/sheets/{slug}/state",
    "/v1/activity", "/v1/search?q=chaleur", "/v1/search?q=inventée", "/v1/suggestions?q=rub inv",
    "/v1/get/solution", "/v1/get/{pk}", "/v1/get/{pk}/history",
    "/fiches/{slug}/", "/fiches/{slug}/carte/",
    "/oembed?url=http://localhost:8000/fiches/{slug}/", "/activite/flux.atom",
    "/recherche/flux.atom?q=chaleur",
)  # fmt: skip


def shown(answer: Any) -> str:
    """Return an answer as text; escapes of JSON are resolved."""
    text = answer.content.decode()
    if answer.headers["Content-Type"].startswith("application/json"):
        return json.dumps(json.loads(text), ensure_ascii=False)
    return str(text)


class TestThePublic:
    @pytest.mark.parametrize("address", ADDRESSES)
    def test_reads_no_later_text(self, program: Caller, changed: Sheet, address: str) -> None:
        answer = program().get(address.format(slug=changed.slug, pk=changed.pk))
        assert answer.status_code == 200, answer.content
        text = shown(answer)
        assert "inventée" not in text.replace("?q=invent", "")
        assert "/versions/2/" not in text
        assert '"version": 2' not in text
        assert answer.headers.get("ETag", "").startswith('"2-') is False

    @pytest.mark.parametrize(
        "address",
        [
            "revisions/2",
            "compare/1/2",
            "sections/rubrique-inventee",
            "discussions",
            "confirmations",
        ],
    )
    def test_finds_nothing_of_it_elsewhere(
        self, program: Caller, changed: Sheet, address: str
    ) -> None:
        answer = program().get(f"/v1/sheets/{changed.slug}/{address}")
        assert answer.status_code in (401, 404)

    @pytest.mark.parametrize("tool", ["read_sheet", "read_facts", "search", "resource"])
    def test_assistants_are_told_nothing_of_it(
        self, client: Client, changed: Sheet, tool: str
    ) -> None:
        calls: dict[str, tuple[str, dict[str, Any]]] = {
            "search": ("tools/call", {"name": tool, "arguments": {"query": "chaleur"}}),
            "resource": ("resources/read", {"uri": f"wikico2://sheets/{changed.slug}"}),
        }
        reading = {"name": tool, "arguments": {"sheet": changed.slug}}
        method, params = calls.get(tool, ("tools/call", reading))
        answer = client.post(
            "/mcp",
            {"jsonrpc": "2.0", "id": 1, "method": method, "params": params},
            content_type="application/json",
            headers={"Accept": "application/json, text/event-stream"},
        )
        text = shown(answer)
        assert "Récupération de chaleur" in text, text
        assert "inventée" not in text

    def test_reads_the_validated_text_with_its_proofs(
        self, program: Caller, changed: Sheet
    ) -> None:
        content = program().get(f"/v1/sheets/{changed.slug}").json()
        assert content["version"] == 1
        assert QUOTE in content["markdown"]
        assert [one["text"] for one in content["statements"] if one["field"] == "objectif"] == [
            QUOTE
        ]

    def test_reads_no_proposal_for_the_current_text(self, program: Caller, changed: Sheet) -> None:
        row = Proposal.objects.get()
        assert program().get(f"/v1/proposals/{row.pk}").status_code == 401

    def test_may_not_propose_on_a_version_that_it_does_not_see(
        self, program: Caller, changed: Sheet, settings: Any
    ) -> None:
        settings.ANONYMOUS_SUGGESTIONS = True
        path = f"/v1/sheets/{changed.slug}/proposals"
        refused = program().post(path, {"base": 2, "remark": "Relire"})
        assert refused.json()["code"] == "base_unknown"
        assert program().post(path, {"base": 1, "remark": "Relire"}).status_code == 201

    def test_a_card_shows_a_statement_of_it_only(self, client: Client, changed: Sheet) -> None:
        later = later_anchor(changed)
        assert client.get(f"/fiches/{changed.slug}/carte/?enonce={later}").status_code == 404


def later_anchor(sheet: Sheet) -> str:
    """Return the anchor of the statement that only the later version has."""
    check = getattr(sheet.current, "check_made", None)
    return next(anchor for anchor, one in counted_statements(check) if LATER in one["text"])


def test_members_read_the_current_text(
    program: Caller, changed: Sheet, contributor: User, reader: User
) -> None:
    for user in (contributor, reader):
        content = program(user).get(f"/v1/sheets/{changed.slug}").json()
        assert (content["version"], LATER in content["markdown"]) == (2, True)
        (row,) = program(user).get("/v1/sheets").json()["items"]
        assert row["version"] == 2


def test_an_account_without_a_role_is_the_public(program: Caller, changed: Sheet) -> None:
    member = User.objects.create_user("membre")
    caller = program(member)
    assert caller.get(f"/v1/sheets/{changed.slug}").json()["version"] == 1
    assert caller.get(f"/v1/proposals/{Proposal.objects.get().pk}").status_code == 403
    assert caller.get("/v1/proposals").status_code == 403
    hook = {"url": "https://programme.test/", "events": ["sheet.changed"]}
    assert caller.post("/v1/webhooks", hook).status_code == 201
    assert changed.current
    tell_of_revision(None, changed.current)
    assert not WebhookDelivery.objects.exists()
