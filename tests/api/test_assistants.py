"""The MCP server, spoken to by the official client: over HTTP with a token, and over stdio."""

import asyncio
import base64
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client as Browser
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from api.models import Token
from ingestion.models import Chunk, Document, Page
from sheets.generation.request import create_sheet
from sheets.models import Proposal, Revision, Sheet, SheetType
from sheets.revisions.save import save_revision
from tests.conftest import AIR, make_pdf
from tests.sheets.test_pages import QUOTE, body_on
from wikico2.accounts.roles import CONTRIBUTOR
from wikico2.models import User

ROOT = Path(django_settings.BASE_DIR)
Answer = TypeVar("Answer")
Work = Callable[[Client], Awaitable[Answer]]
TOOLS = {
    "search", "read_sheet", "read_section", "read_facts", "read_page", "retrieve_passages",
    "propose", "upload", "upload_from_address", "read_job",
}  # fmt: skip


@pytest.fixture
def proven(transactional_db: None) -> Sheet:
    """A sheet with one figure and its proof, which other processes see."""
    document = Document.objects.create(
        title="Guide de l’air comprimé",
        filename="guide.pdf",
        file="guide.pdf",
        sha256="a" * 64,
        size=1,
        page_count=20,
        state=Document.State.READY,
    )
    Page.objects.create(document=document, number=14, text=QUOTE)
    Chunk.objects.create(
        document=document, position=0, text=QUOTE, page_start=14, page_end=14, content_hash="h"
    )
    sheet = create_sheet(SheetType.objects.get(key="solution"), "Récupération de chaleur", None)
    sheet.documents.add(document)
    save_revision(
        sheet, base=None, body=body_on(document), metadata={}, origin=Revision.Origin.HUMAN
    )
    return sheet


def over_http(address: str, secret: str, work: Work[Answer]) -> Answer:
    async def run() -> Answer:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(f"{address}/mcp", http_client=http)
            async with Client(transport, read_timeout_seconds=60) as client:
                return await work(client)

    return asyncio.run(run())


def over_stdio(secret: str, work: Work[Answer]) -> Answer:
    database = connection.settings_dict
    server = StdioServerParameters(
        command=sys.executable,
        args=["manage.py", "mcp"],
        cwd=ROOT,
        env={
            **os.environ,
            "WIKICO2_TOKEN": secret,
            "DATABASE_URL": "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(
                **database
            ),
            "CHROMA_PORT": str(django_settings.CHROMA_PORT),
        },
    )

    async def run() -> Answer:
        async with Client(server, read_timeout_seconds=60) as client:
            return await work(client)

    return asyncio.run(run())


async def told(client: Client, tool: str, **given: Any) -> Any:
    """Return the structured answer of a tool."""
    answer = await client.call_tool(tool, given)
    assert not answer.is_error, answer.content
    return answer.structured_content


async def refused(client: Client, tool: str, **given: Any) -> str:
    """Return the sentence with which a tool refuses."""
    answer = await client.call_tool(tool, given)
    assert answer.is_error, answer.structured_content
    return str(answer.content[0].text)  # type: ignore[union-attr]


async def read_with_proof(client: Client) -> None:
    """Look up a figure as an assistant does: each answer has its proof."""
    tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == TOOLS
    assert all(tool.output_schema for tool in tools)
    (hit,) = (await told(client, "search", query="récupération de chaleur"))["hits"]
    facts = (await told(client, "read_facts", sheet=hit["slug"]))["facts"]
    (proof,) = facts[0]["proofs"]
    assert facts[0]["level"] == "verbatim"
    (figure,) = facts[0]["figures"]
    assert (figure["figure"], figure["unit"]) == ("70", "%")
    assert "couvre … des besoins" in figure["condition"]
    assert "/fiches/recuperation-de-chaleur/#s-" in facts[0]["url"]
    assert (proof["quote"], proof["page"], proof["level"]) == (QUOTE, 14, "verbatim")
    assert proof["document"] == "Guide de l’air comprimé"
    assert f"/sources/{proof['source']}/pages/14/?citation=" in proof["url"]
    sheet = await told(client, "read_sheet", sheet=hit["slug"])
    assert sheet["sections"] == ["contexte"]
    section = await told(client, "read_section", sheet=hit["slug"], section="contexte")
    assert QUOTE in section["markdown"]
    page = await told(client, "read_page", source=proof["source"], page=14)
    assert page["text"] == QUOTE
    passages = (await told(client, "retrieve_passages", question="chaleur récupérée"))["passages"]
    assert [one["page"] for one in passages] == [14]
    templates = (await client.list_resource_templates()).resource_templates
    assert len(templates) == 2
    resource = await client.read_resource(f"wikico2://sheets/{hit['slug']}")
    assert QUOTE in resource.contents[0].text  # type: ignore[union-attr]
    prompts = (await client.list_prompts()).prompts
    assert {prompt.name for prompt in prompts} == {"note_with_sources", "check_a_sheet"}
    prompt = await client.get_prompt("note_with_sources", {"subject": "air comprimé"})
    assert "air comprimé" in prompt.messages[0].content.text  # type: ignore[union-attr]


async def write_only_proposals(client: Client) -> None:
    """Propose a change and upload a source, as a contributor."""
    slug = "recuperation-de-chaleur"
    section = await told(client, "read_section", sheet=slug, section="contexte")
    changed = section["markdown"].replace("### Objectif", "En bref.\n\n### Objectif")
    made = await told(
        client, "propose", sheet=slug, section="contexte", markdown=changed, remark="Plus court"
    )
    assert made["state"] == "open"
    again = await told(client, "read_sheet", sheet=slug)
    assert "En bref." not in again["markdown"]
    content = base64.b64encode(make_pdf(AIR, title="Un guide")).decode()
    source = await told(client, "upload", name="guide.pdf", content=content)
    assert (source["title"], source["state"]) == ("Un guide", "waiting")
    assert (await told(client, "read_job", job=source["job"]))["state"] == "waiting"
    assert "duplicate" in await refused(client, "upload", name="b.pdf", content=content)
    assert "base64" in await refused(client, "upload", name="b.pdf", content="§")
    assert "not_found" in await refused(client, "read_sheet", sheet="absente")
    assert "unknown_section" in await refused(
        client, "propose", sheet=slug, section="absente", markdown="a"
    )


async def change_nothing(client: Client) -> None:
    """Try to write with a reading token."""
    slug = "recuperation-de-chaleur"
    assert "forbidden" in await refused(client, "propose", sheet=slug, remark="a")
    content = base64.b64encode(b"%PDF").decode()
    assert "forbidden" in await refused(client, "upload", name="a.pdf", content=content)
    await told(client, "read_sheet", sheet=slug)


@pytest.fixture
def secrets_of(transactional_db: None) -> dict[str, str]:
    """A reading and a writing token of a contributor."""
    user = User.objects.create_user("claire")
    user.groups.add(Group.objects.get(name=CONTRIBUTOR))
    return {scope: Token.issue(user, "essai", scope=scope)[1] for scope in ("read", "write")}


def test_over_http_with_tokens(
    live_server: LiveServer, proven: Sheet, secrets_of: dict[str, str]
) -> None:
    for secret in ("", secrets_of["read"]):
        over_http(live_server.url, secret, read_with_proof)
    over_http(live_server.url, secrets_of["read"], change_nothing)
    over_http(live_server.url, secrets_of["write"], write_only_proposals)
    assert Proposal.objects.get().author == User.objects.get()
    assert Revision.objects.count() == 1


def test_over_stdio(proven: Sheet, secrets_of: dict[str, str]) -> None:
    async def work(client: Client) -> None:
        await read_with_proof(client)
        await write_only_proposals(client)

    over_stdio(secrets_of["write"], work)
    assert Proposal.objects.get().remark == "Plus court"


class TestEndpoint:
    def test_a_bad_token_is_refused(self, client: Browser, db: None) -> None:
        headers = {"Authorization": "Bearer wk_faux"}
        answer = client.post("/mcp", {}, content_type="application/json", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")

    def test_an_account_without_a_role_reads_nothing_of_a_private_site(
        self, client: Browser, db: None, settings: Settings
    ) -> None:
        _token, secret = Token.issue(User.objects.create_user("nul"), "essai")
        settings.PUBLIC_SITE = False
        headers = {"Authorization": f"bearer {secret}"}
        answer = client.post("/mcp", {}, content_type="application/json", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

    def test_a_session_counts_for_nothing(self, client: Browser, administrator: User) -> None:
        client.force_login(administrator)
        given = {"name": "upload_from_address", "arguments": {"address": "https://a.test/"}}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": given}
        headers = {"Accept": "application/json, text/event-stream"}
        answer = client.post("/mcp", call, content_type="application/json", headers=headers)
        assert "unauthenticated" in answer.json()["result"]["content"][0]["text"]

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"a":' * 5_000, b"1e999"])
    def test_strange_bodies_are_refused(self, client: Browser, db: None, body: bytes) -> None:
        headers = {"Accept": "application/json, text/event-stream"}
        answer = client.post("/mcp", body, content_type="application/json", headers=headers)
        assert 400 <= answer.status_code < 500

    def test_only_messages_are_taken(self, client: Browser, db: None) -> None:
        assert client.get("/mcp").status_code == 405
        assert client.delete("/mcp").status_code == 405
