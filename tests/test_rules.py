"""Every address × method × role × kind of object against the table of rules.

The addresses are drawn from the URLconf: one without an entry here fails. By default each is asked
by the public, by the least role that its rule names, by the one below, and by who owns the object;
MATRIX=all asks as every role.
"""

import copy
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ingestion.models import Document, Page, SourceImport
from sheets.actions.states import delete_sheet
from sheets.discussions.threads import begin_discussion
from sheets.merge import Version
from sheets.models import (
    BulkAction,
    FileJob,
    Generation,
    Picture,
    Proposal,
    SavedView,
    Sheet,
    SheetType,
)
from sheets.proposals.suggestions import create_suggestion
from sheets.revisions.edit import save_edit
from tests.test_fuzz import Route, routes
from wikico2.accounts.roles import GROUPS, ROLES
from wikico2.accounts.rules import RULES, Role, check, may, may_own, owns
from wikico2.jobs.queue import start_job
from wikico2.models import Job, User

pytestmark = pytest.mark.django_db

READ = "site.read"
OPEN = ""
"""Of an address that everybody may ask, even where the site is not public."""


@dataclass(frozen=True)
class Access:
    """The rules of an address by method, and what its forms need; None: no such method.

    `owned` names the object of the cast that the rule is asked about, `post` what is sent.
    """

    get: str | None = READ
    post: str | None = None
    owned: str = ""
    values: tuple[Any, ...] = ()
    data: tuple[tuple[str, Any], ...] = ()


def of(name: str, *values: Any) -> dict[str, Any]:
    """Return the fields of an address of one object of the cast."""
    return {"owned": name, "values": values}


SLUG = ("air",)
ADDRESSES: dict[str, Access] = {
    "home": Access(),
    "sheets": Access(),
    "sheet_called": Access(),
    "wanted": Access(),
    "levels": Access(),
    "help": Access(),
    "search": Access(),
    "search_count": Access(),
    "search_suggestions": Access(),
    "search_feed": Access(),
    "activity": Access(),
    "activity_feed": Access(),
    "documents": Access(),
    "healthz": Access(OPEN),
    "readyz": Access(OPEN),
    "metrics": Access(OPEN),
    "login": Access(OPEN, OPEN),
    "logout": Access(None, OPEN),
    "set_language": Access(OPEN, OPEN),
    "invitation": Access(OPEN, OPEN, values=("signed",)),
    "password_reset": Access(OPEN, OPEN),
    "password_reset_done": Access(OPEN),
    "password_reset_confirm": Access(OPEN, OPEN, values=("uid", "token")),
    "second_factor": Access("account.own", "account.own"),
    "second_factor_settings": Access("account.own", "account.own"),
    "openid_connect_login": Access(OPEN),
    "openid_connect_callback": Access(OPEN),
    "robots": Access(OPEN),
    "sitemap": Access(),
    "oembed": Access(),
    "api_docs": Access(),
    "sheet_card": Access(values=("air",)),
    "source_citations": Access(values=("air", "bib")),
    "account": Access("account.own", "account.own"),
    "password_change": Access("account.own", "account.own"),
    "address_change": Access(None, "account.own"),
    "address_confirm": Access("account.own", "account.own", values=("signed",)),
    "sessions_end": Access(None, "account.own"),
    "notifications": Access("account.own", "account.own"),
    "notification": Access("account.own", values=(1,)),
    "tokens": Access("account.own", "account.own"),
    "token_revoke": Access(None, "account.own", values=(1,)),
    "webhooks": Access("account.own", "account.own"),
    "webhook": Access("account.own", "account.own", values=(1,)),
    "people": Access("people.curate"),
    "person_invite": Access("people.curate", "people.curate"),
    "person": Access("people.curate", "people.curate", values=("person",)),
    "complete_section": Access("sheet.edit", "sheet.edit", values=("air", "resume")),
    "discussions": Access("comment.read", "comment.create", values=SLUG),
    "discussion": Access(None, "comment.create", values=("air", "discussion")),
    "sheet_new": Access("sheet.create", "sheet.create"),
    "sheet_from_text": Access(None, "sheet.create"),
    "deleted_sheets": Access("sheet.delete"),
    "sheet_undelete": Access(None, "sheet.delete", values=("deleted",)),
    "sheets_due": Access("watch.set"),
    "sheet": Access(values=SLUG),
    "sheet_state": Access(
        READ, "sheet.submit", "sheet", SLUG, (("do", "submit"), ("version", "1"))
    ),
    "sheet_sources": Access("sheet.change_sources", "sheet.change_sources", values=SLUG),
    "source_sheets": Access("sheet.change_sources", "sheet.change_sources", values=("source",)),
    "sheet_care": Access(None, "sheet.assign", "sheet", SLUG),
    "sheet_delete": Access("sheet.delete", "sheet.delete", "sheet", SLUG),
    "confirm": Access("statement.confirm"),
    "confirm_sheet": Access("statement.confirm", "statement.confirm", values=SLUG),
    "statements": Access(values=SLUG),
    "sheet_history": Access(values=SLUG),
    "sheet_rename": Access("sheet.rename", "sheet.rename", values=SLUG),
    "watch_sheet": Access(None, "watch.set", values=SLUG),
    "watch_category": Access(None, "watch.set"),
    "digest_wanted": Access(None, "watch.set"),
    "watching": Access("watch.set"),
    "revision": Access(values=("air", 1)),
    "sheet_compare": Access(values=SLUG),
    "sheet_diff": Access(values=("air", 1, 2)),
    "sheet_restore": Access("sheet.edit", "sheet.edit", values=("air", 1)),
    "proposal": Access(READ, "proposal.settle", values=("air", "proposal")),
    "export": Access(values=SLUG),
    "export_pdf": Access(values=SLUG),
    "export_docx": Access(values=SLUG),
    "pdf_progress": Access(values=("air", "pdf-1")),
    "wiki": Access("wiki.transfer", "wiki.transfer"),
    "wiki_import": Access("wiki.transfer", "wiki.transfer", values=("import",)),
    "wiki_pack": Access(None, "wiki.transfer"),
    "wiki_export": Access("wiki.transfer", "wiki.transfer", values=("export",)),
    "wiki_zip": Access("wiki.transfer", values=("export",)),
    "generation_progress": Access(values=SLUG),
    "generation_cancel": Access(None, "generation.stop", "generation", SLUG),
    "generation_retry": Access(None, "generation.retry", values=SLUG),
    "sheet_generate": Access("sheet.generate", "sheet.generate", values=SLUG),
    "section_lock": Access(None, "sheet.lock", values=SLUG, data=(("section", "resume"),)),
    "sheet_copy": Access("sheet.create", "sheet.create", values=SLUG),
    "sheet_edit": Access("sheet.edit", "sheet.edit", values=SLUG),
    "sheet_keep": Access(None, "sheet.edit", values=SLUG),
    "sheet_blocks": Access(None, "sheet.edit", values=SLUG),
    "sheet_preview": Access(None, "sheet.edit", values=SLUG),
    "sheet_suggest": Access("proposal.create", "proposal.create", values=SLUG),
    "proposals": Access("proposal.list"),
    "pick_sheet": Access(),
    "pick_citation": Access(),
    "picture_add": Access(None, "sheet.edit"),
    "picture": Access(values=("p-1.webp",)),
    "workshop": Access("workshop.enter"),
    "workshop_sheets": Access("workshop.enter", "workshop.enter"),
    "workshop_sources": Access("workshop.enter", "workshop.enter"),
    "view_save": Access(None, "workshop.enter"),
    "view_remove": Access(None, "workshop.enter", values=("view",)),
    "bulk_action": Access("workshop.enter", "workshop.enter", values=("bulk",)),
    "bulk_action_file": Access("workshop.enter", values=("bulk",)),
    "tasks": Access("job.read"),
    "tasks_pause": Access(None, "queue.manage"),
    "tasks_resume": Access(None, "queue.manage"),
    "task": Access("job.read", values=("job",)),
    "task_stop": Access(None, "source.stop", "source", ("job",)),
    "task_retry": Access(None, "source.retry", "source", ("job",)),
    "audit_log": Access("audit.read"),
    "audit_export": Access("audit.read"),
    "document_add": Access("source.add", "source.add"),
    "address_add": Access(None, "source.add"),
    "source_import": Access("import.read", **of("import_of_sources", "import_of_sources")),
    "source_import_progress": Access("import.read", values=("import_of_sources",)),
    "source_import_retry": Access(None, "import.retry", values=("import_of_sources",)),
    "source_import_cancel": Access(
        None, "import.stop", **of("import_of_sources", "import_of_sources")
    ),
    "source_import_forget": Access(
        None, "import.remove", **of("import_of_sources", "import_of_sources")
    ),
    "document": Access("source.read_internal", values=("source",)),
    "document_file": Access("source.read_internal", values=("source",)),
    "page": Access("source.read_internal", values=("source", 1)),
    "page_image": Access("source.read_internal", values=("source", 1)),
    "page_figure": Access("source.read_internal", values=("source", 1, 0)),
    "document_progress": Access("source.read_internal", values=("source",)),
    "document_journal": Access("source.read_log", **of("source", "source")),
    "document_retry": Access(None, "source.retry", values=("source",)),
    "document_pictures": Access(None, "source.edit", values=("source",)),
    "document_cancel": Access(None, "source.stop", **of("source", "source")),
    "document_edit": Access("source.edit", "source.edit", values=("source",)),
    "document_version": Access(None, "source.edit", values=("source",)),
    "document_copy": Access(None, "source.set_access", **of("source", "source")),
    "document_remove": Access(None, "source.remove", **of("source", "source")),
}
"""The rule of each address, the source being internal and what is owned being Claire's."""


@dataclass
class Cast:
    """One object of each kind, which the contributor `claire` owns, and somebody of each role."""

    people: dict[str, Any]
    clients: dict[str, Client]
    rows: dict[str, Any]


@pytest.fixture
def cast(contributor: User, expert: User, reader: User, administrator: User) -> Cast:
    people: dict[str, Any] = {
        "PUBLIC": AnonymousUser(),
        "ACCOUNT": User.objects.create_user("sans-role"),
        "READER": reader,
        "CONTRIBUTOR": User.objects.create_user("paul"),
        "OWNER": contributor,
        "EXPERT": expert,
        "ADMINISTRATOR": administrator,
        "SUPERUSER": User.objects.create_superuser("racine", password="x"),
    }
    people["CONTRIBUTOR"].groups.add(Group.objects.get(name=GROUPS[Role.CONTRIBUTOR]))
    clients = {name: Client() for name in people}
    for name, user in people.items():
        if user.pk:
            clients[name].force_login(user)
    return Cast(people, clients, rows_of(contributor, people["SUPERUSER"]))


def rows_of(owner: User, root: User) -> dict[str, Any]:
    """Create what the addresses are about."""
    source = Document.objects.create(
        title="Guide", filename="guide.pdf", file="guide.pdf", sha256="a" * 64, size=1,
        page_count=1, uploaded_by=owner, access="internal", state="embedding",
    )  # fmt: skip
    Page.objects.create(document=source, number=1, text="La chaleur.")
    start_job("document", source.pk, owner=owner)
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Air", slug="air", created_by=owner)
    for text in ("A.", "B."):
        save_edit(sheet, owner, base=sheet.current, text=Version(f"## 🎯 Résumé\n\n{text}\n"))
        sheet.refresh_from_db()
    sheet.documents.add(source)
    assert sheet.current
    proposal = create_suggestion(
        sheet, base=sheet.current, text=Version("## 🎯 Résumé\n\nC.\n"), sender="x", author=owner
    )
    generation = Generation.objects.create(
        sheet=sheet, backend="local", state="running", requested_by=owner
    )
    start_job("generation", generation.pk, owner=owner)
    given = SourceImport.objects.create(name="lot.zip", given_by=owner)
    start_job("source_import", given.pk, owner=owner)
    deleted = Sheet.objects.create(sheet_type=kind, title="Parti", slug="parti")
    delete_sheet(deleted, root)
    Picture.objects.create(
        name="p-1.webp", file=ContentFile(b"x", name="p.webp"), uploaded_by=owner
    )
    FileJob.objects.create(kind="pdf", name="pdf-1", sheet=sheet)
    return {
        "bulk": BulkAction.objects.create(action="export"),
        "view": SavedView.objects.create(user=root, name="Froid", rows="sheets"),
        "source": source,
        "sheet": sheet,
        "person": User.objects.create_user("invitée"),
        "discussion": begin_discussion(sheet, owner, "Et ici ?"),
        "proposal": proposal,
        "generation": generation,
        "import_of_sources": given,
        "deleted": deleted,
        "import": FileJob.objects.create(kind="import", name="wiki.zip"),
        "export": FileJob.objects.create(kind="export", name="wiki.zip"),
        "job": Job.objects.get(kind="document", subject_id=source.pk),
    }


ORDER = ("PUBLIC", "ACCOUNT", "READER", "CONTRIBUTOR", "EXPERT", "ADMINISTRATOR", "SUPERUSER")


def askers(action: str) -> list[str]:
    """Return who asks: everybody, or those at the bounds of the rule."""
    if os.environ.get("MATRIX") == "all":
        return [*ORDER, "OWNER"]
    if action in (OPEN, READ):
        return ["PUBLIC", "ACCOUNT", "SUPERUSER"]
    least = RULES[action].least
    near = {"PUBLIC", ORDER[max(least - 1, 0)], ORDER[least]}
    return [*near, *(["OWNER"] if RULES[action].owner else [])]


def is_refused(answer: Any) -> bool:
    """Tell whether an answer refuses: a status that says so, or the way to the log-in."""
    login = reverse(django_settings.LOGIN_URL)
    sent_away = answer.status_code == 302 and answer["Location"].partition("?")[0] == login
    return sent_away or answer.status_code in (401, 403)


def asked(cast: Cast) -> Iterator[tuple[str, str, str, str, bool]]:
    """Yield (address, method, action, asker, may) of every cell of the matrix."""
    for name, access in ADDRESSES.items():
        for method, action in (("GET", access.get), ("POST", access.post)):
            if action is None:
                continue
            for asker in askers(action):
                user = cast.people[asker]
                obj = cast.rows.get(access.owned)
                yield name, method, action, asker, action == OPEN or may(user, action, obj)


def send(cast: Cast, name: str, method: str, asker: str) -> Any:
    """Send one request, and undo what it changed."""
    access = ADDRESSES[name]
    values = [getattr(cast.rows.get(v), "pk", v) for v in access.values]
    client = cast.clients[asker]
    cookies = copy.deepcopy(client.cookies)
    before = transaction.savepoint()
    ask = client.get if method == "GET" else client.post
    answer = ask(reverse(name, args=values), dict(access.data))
    transaction.savepoint_rollback(before)
    client.cookies = cookies
    return answer


def is_for_programs(route: Route) -> bool:
    """Tell whether an address takes tokens; `tests/api/test_walk.py` asks those."""
    return route.name.startswith("v1:") or route.name == "mcp"


def test_every_address_has_an_entry() -> None:
    known = {route.name for route in routes() if not (route.is_admin or is_for_programs(route))}
    assert known - ADDRESSES.keys() == set(), "give the new addresses their rules"
    assert ADDRESSES.keys() - known == set()


@pytest.mark.parametrize("public", [True, False])
def test_every_address_answers_as_the_table_says(cast: Cast, public: bool, settings: Any) -> None:
    settings.PUBLIC_SITE = settings.ANONYMOUS_SUGGESTIONS = public
    wrong = []
    for name, method, action, asker, allowed in asked(cast):
        if not public and action != READ:
            continue  # the second round is about who may read at all
        answer = send(cast, name, method, asker)
        if is_refused(answer) is allowed or answer.status_code in (405, 500):
            wrong.append(f"{asker} {method} {name}: {answer.status_code}, {action} {allowed}")
    assert wrong == []


def test_other_methods_are_no_way_round(cast: Cast) -> None:
    """HEAD answers like GET, and nothing but the methods of an address does anything."""
    wrong = []
    for name, access in ADDRESSES.items():
        values = [getattr(cast.rows.get(v), "pk", v) for v in access.values]
        address = reverse(name, args=values)
        if access.get not in (None, OPEN, READ) and not RULES[access.get].opened_by:
            head = cast.clients["PUBLIC"].head(address)
            if not is_refused(head):
                wrong.append(f"HEAD {name}: {head.status_code}")
        if access.post is None and access.get != OPEN:
            answer = cast.clients["ACCOUNT"].post(address)
            if answer.status_code not in (302, 403, 405):
                wrong.append(f"POST {name}: {answer.status_code}")
    assert wrong == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_administration_is_for_administrators(cast: Cast, method: str) -> None:
    paths = ["", "sheets/sheet/", "ingestion/document/", "wikico2/user/", "sheets/prompt/add/"]
    for path in paths:
        for asker in ("PUBLIC", "ACCOUNT", "CONTRIBUTOR", "EXPERT"):
            answer = cast.clients[asker].generic(method, f"/admin/{path}")
            assert answer.status_code == 302, (asker, path)
            assert "login" in answer["Location"]
    assert cast.clients["ADMINISTRATOR"].get("/admin/").status_code == 200
    assert cast.clients["ADMINISTRATOR"].get("/admin/wikico2/user/").status_code == 200


class TestTable:
    def test_no_role_gets_by_a_shared_permission_what_is_above_it(self) -> None:
        """Two rules with one permission must name one least role."""
        least: dict[str, set[Role]] = {}
        for rule in RULES.values():
            if rule.permission:
                least.setdefault(rule.permission, set()).add(rule.least)
            if rule.owner is not None:
                least.setdefault(rule.owner_permission, set()).add(rule.owner)
        assert {name for name, roles in least.items() if len(roles) > 1} == set()

    def test_every_permission_exists(self) -> None:
        held = Permission.objects.select_related("content_type")
        known = {f"{p.content_type.app_label}.{p.codename}" for p in held}
        wanted = {name for names in ROLES.values() for name in names}
        wanted |= {rule.permission for rule in RULES.values()} - {""}
        assert wanted - known == set()

    def test_an_account_without_a_role_may_what_the_public_may(self, cast: Cast) -> None:
        nobody, account = cast.people["PUBLIC"], cast.people["ACCOUNT"]
        differ = {a for a in RULES if may(nobody, a) is not may(account, a)}
        assert differ == {a for a, rule in RULES.items() if rule.least is Role.ACCOUNT}

    def test_a_role_may_from_its_rank_on(self, cast: Cast) -> None:
        for action, rule in RULES.items():
            for rank, name in enumerate(ORDER):
                opened = bool(rule.opened_by)
                assert may(cast.people[name], action) is (rank >= rule.least or opened), action

    def test_owning_counts_for_the_owner_with_a_role_alone(self, cast: Cast) -> None:
        source, owner = cast.rows["source"], cast.people["OWNER"]
        assert owns(owner, source)
        assert may(owner, "source.set_access", source)
        assert may_own(owner, "source.set_access")
        assert not may(owner, "source.set_access")
        assert not may(cast.people["CONTRIBUTOR"], "source.set_access", source)
        owner.groups.clear()
        bare = User.objects.get(pk=owner.pk)
        assert not may(bare, "source.set_access", source)
        bare.is_active = False
        bare.is_superuser = True
        assert not may(bare, "source.set_access", source)

    def test_nobody_and_the_program_may_what_the_public_may(self) -> None:
        assert may(None, "site.read")
        assert not may(None, "sheet.edit")
        with pytest.raises(PermissionDenied):
            check(None, "sheet.edit")

    def test_an_action_without_a_rule_is_a_fault(self) -> None:
        with pytest.raises(KeyError):
            may(None, "sheet.explode")


class TestConfidentiality:
    def test_a_copy_is_no_way_to_open_an_internal_source(self, cast: Cast) -> None:
        source = cast.rows["source"]
        address = reverse("document_copy", args=[source.pk])
        answer = cast.clients["CONTRIBUTOR"].post(address, {"access": "open"})
        assert answer.status_code == 403

    @pytest.mark.parametrize(
        ("asker", "access"),
        [("CONTRIBUTOR", "internal"), ("OWNER", "open"), ("EXPERT", "open")],
    )
    def test_opening_a_source_needs_its_owner_or_a_curator(
        self, cast: Cast, asker: str, access: str
    ) -> None:
        source = cast.rows["source"]
        address = reverse("document_edit", args=[source.pk])
        cast.clients[asker].post(address, {"title": "Guide", "access": "open"})
        source.refresh_from_db()
        assert source.access == access

    def test_drafts_are_for_members_where_they_are_hidden(self, cast: Cast, settings: Any) -> None:
        settings.SHOW_DRAFTS = False
        for asker, status in (("PUBLIC", 404), ("ACCOUNT", 404), ("READER", 200)):
            assert cast.clients[asker].get("/fiches/air/").status_code == status, asker

    def test_a_suggestion_of_an_unknown_reader_is_read_by_members(self, cast: Cast) -> None:
        Proposal.objects.update(author=None, sender="x" * 20)
        address = reverse("proposal", args=["air", cast.rows["proposal"].pk])
        assert cast.clients["ACCOUNT"].get(address).status_code == 403
        assert cast.clients["READER"].get(address).status_code == 200

    def test_a_private_site_tells_an_account_without_a_role_why(
        self, cast: Cast, settings: Any
    ) -> None:
        settings.PUBLIC_SITE = False
        answer = cast.clients["ACCOUNT"].get("/fiches/")
        assert answer.status_code == 403
        assert "votre compte n’en a pas encore" in answer.content.decode()
        assert cast.clients["READER"].get("/fiches/").status_code == 200

    def test_stopping_what_another_brought_is_not_offered(self, cast: Cast) -> None:
        job = cast.rows["job"]
        Job.objects.filter(pk=job.pk).update(queued_at=timezone.now())
        for asker, offered in (("CONTRIBUTOR", False), ("OWNER", True), ("EXPERT", True)):
            html = cast.clients[asker].get(f"/taches/{job.pk}/").content.decode()
            assert (f"/taches/{job.pk}/arreter/" in html) is offered, asker
