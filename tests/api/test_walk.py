"""Every operation is driven from the schema, by every role: no 5xx, nothing outside the schema.

And no right beyond the table: an operation that changes something succeeds only for who may do its
action. By default each operation is called a few times; WALK=10000 calls them that often in all.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.models import Token
from api.site import api
from ingestion.models import Document
from sheets.models import Proposal, Sheet
from tests.conftest import run_queue
from wikico2.accounts.rules import RULES, may_own
from wikico2.clean_request import Handler
from wikico2.models import Job, User

CALLS = int(os.environ.get("WALK", "0"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ROLES = ("reader", "member", "contributor", "expert", "administrator")
OPEN = ""
NEEDS = {
    "sheets_create": "sheet.create",
    "pictures_add_picture": "sheet.edit",
    "sheets_edit": "sheet.edit",
    "sheets_rename": "sheet.rename",
    "sheet_sources_list_drawn": "sheet.change_sources",
    "sheet_sources_add": "sheet.change_sources",
    "sheet_sources_replace": "sheet.change_sources",
    "sheet_sources_remove": "sheet.change_sources",
    "sheet_sources_suggest": "sheet.change_sources",
    "sheet_sources_list_sheets_of": "sheet.change_sources",
    "discussions_list_discussions": "comment.read",
    "discussions_begin": "comment.create",
    "discussions_reply": "comment.create",
    "discussions_resolve": "comment.resolve",
    "discussions_reopen": "comment.resolve",
    "states_submit": "sheet.submit",
    "states_validate": "sheet.validate",
    "states_request_changes": "sheet.request_changes",
    "states_publish": "sheet.publish",
    "states_archive": "sheet.archive",
    "states_restore": "sheet.restore",
    "states_assign": "sheet.assign",
    "states_schedule_review": "sheet.schedule_review",
    "states_list_due": "watch.set",
    "states_delete": "sheet.delete",
    "states_list_deleted": "sheet.delete",
    "states_undelete": "sheet.delete",
    "sheets_restore": "sheet.edit",
    "seed_process_solution": "sheet.create",
    "seed_process_sector": "sheet.create",
    "seed_update": "sheet.edit",
    "writing_generate": "sheet.generate",
    "writing_stop_generation": "generation.stop",
    "writing_go_on_generation": "generation.retry",
    "writing_lock": "sheet.lock",
    "writing_unlock": "sheet.lock",
    "writing_watch": "watch.set",
    "writing_unwatch": "watch.set",
    "writing_confirm": "statement.confirm",
    "writing_pending": "statement.confirm",
    "writing_list_watched": "watch.set",
    "sources_add_source": "source.add",
    "sources_add_addresses": "source.add",
    "sources_edit_source": "source.edit",
    "sources_delete_source": "source.remove",
    "sources_retry_source": "source.retry",
    "sources_stop_source": "source.stop",
    "sources_recognise_source": "source.retry",
    "sources_list_imports": "import.read",
    "sources_read_import": "import.read",
    "sources_retry_one_import": "import.retry",
    "sources_stop_import": "import.stop",
    "proposals_suggest": OPEN,  # where the settings allow it to anyone
    "proposals_list_proposals": "proposal.list",
    "proposals_decide": "proposal.settle",
    "jobs_list_jobs": "job.read",
    "jobs_read_job": "job.read",
    "jobs_halt_job": "job.read",  # and by the policy of its kind
    "jobs_go_on_job": "job.read",
    "jobs_read_events": "job.read",
    "jobs_set_queue": "queue.manage",
    "library_export_wiki": "wiki.transfer",
    "library_import_wiki": "wiki.transfer",
    "library_list_exports": "wiki.transfer",
    "library_list_wiki_imports": "wiki.transfer",
    "library_read_export": "wiki.transfer",
    "library_read_wiki_import": "wiki.transfer",
    "library_read_archive": "wiki.transfer",
    "library_stop_export": "wiki.transfer",
    "library_retry_export": "wiki.transfer",
    "library_stop_wiki_import": "wiki.transfer",
    "library_retry_wiki_import": "wiki.transfer",
    "library_list_prompts": "prompt.curate",
    "library_add_prompt": "prompt.curate",
    "curation_list_terms": "vocabulary.curate",
    "curation_rename": "vocabulary.curate",
    "curation_merge": "vocabulary.curate",
    "curation_list_audit": "audit.read",
    "own_list_notifications": "account.own",
    "own_mark_all": "account.own",
    "own_mark": "account.own",
    "own_list_categories": "watch.set",
    "own_watch_category": "watch.set",
    "own_unwatch_category": "watch.set",
    "people_list_people": "people.curate",
    "people_read_person": "people.curate",
    "people_invite": "people.curate",
    "people_renew": "people.curate",
    "people_give_role": "people.curate",
    "people_deactivate": "people.curate",
    "people_activate": "people.curate",
    "people_unlock": "people.curate",
    "types_add_type": "type.curate",
    "types_change_type": "type.curate",
    "types_delete_type": "type.curate",
    "types_add_section": "type.curate",
    "types_change_section": "type.curate",
    "types_move_section": "type.curate",
    "types_delete_section": "type.curate",
    "types_add_field": "type.curate",
    "types_change_field": "type.curate",
    "types_move_field": "type.curate",
    "types_delete_field": "type.curate",
    "hooks_list_webhooks": "account.own",
    "hooks_make_webhook": "account.own",
    "hooks_read_webhook": "account.own",
    "hooks_set_webhook": "account.own",
    "hooks_set_secret": "account.own",
    "hooks_try_webhook": "account.own",
    "hooks_remove_webhook": "account.own",
    "hooks_list_deliveries": "account.own",
    "hooks_replay_delivery": "account.own",
}
"""The action of each operation that not everybody may do, in the words of the table of rules."""


class Walker:
    """Calls operations in a role, mostly on rows that exist."""

    def __init__(
        self, tokens: dict[str, tuple[User | None, str]], known: dict[str, list[Any]]
    ) -> None:
        self.tokens = tokens
        self.known = known
        self.chance = random.Random(18)
        self.statuses: Counter[int] = Counter()

    def call(self, case: Any, operation: str, role: str) -> None:
        """Call an operation once, and check its answer."""
        user, secret = self.tokens[role]
        for name in case.path_parameters or {}:
            if self.chance.random() < 0.8 and (values := self.known.get(name)):
                case.path_parameters[name] = self.chance.choice(values)
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        before = transaction.savepoint()
        response = case.call(headers=headers)
        transaction.savepoint_rollback(before)  # so that the next call finds all rows again
        self.statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)
        needs = NEEDS.get(operation, OPEN)
        if response.status_code < 300 and needs:
            assert user is not None, (operation, role)
            assert may_own(user, needs), (operation, role)


def test_every_operation_that_changes_something_is_in_the_table() -> None:
    changing = {
        operation["operationId"]
        for operations in api.get_openapi_schema()["paths"].values()
        for method, operation in operations.items()
        if method != "get"
    }
    assert changing <= NEEDS.keys()
    assert set(NEEDS.values()) - {OPEN} <= RULES.keys()


@pytest.fixture
def walker(
    contributor: User, expert: User, administrator: User, sheet: Sheet, waiting_document: Document
) -> Walker:
    """All roles, and rows of all kinds."""
    run_queue()
    member = User.objects.create_user("membre")
    people = dict(zip(ROLES[1:], (member, contributor, expert, administrator), strict=True))
    tokens: dict[str, tuple[User | None, str]] = {"reader": (None, "")}
    for role, user in people.items():
        tokens[role] = user, Token.issue(user, role, scope=Token.Scope.ADMIN)[1]
    assert sheet.current
    proposal = Proposal.objects.create(sheet=sheet, base=sheet.current, body="## A\n\nB")
    jobs = list(Job.objects.values_list("pk", flat=True)[:3])
    known: dict[str, list[Any]] = {
        "slug": [sheet.slug],
        "pk": [sheet.pk, waiting_document.pk, proposal.pk, *jobs],
        "number": [1],
        "old": [1],
        "new": [1],
        "section": ["contexte", "resume"],
        "key": ["solution"],
    }
    return Walker(tokens, known)


@pytest.mark.django_db
def test_the_walk(walker: Walker, settings_for_walk: None) -> None:
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", Handler())
    results = list(schema.get_all_operations())
    operations = [result.ok() for result in results if isinstance(result, Ok)]
    assert len(operations) == len(results)
    times = max(CALLS // (len(operations) * len(ROLES)), 1)
    for operation in operations:
        name = operation.definition.raw["operationId"]
        roles = ROLES if CALLS else walker.chance.sample(ROLES, 2)
        for role in roles:
            walk_operation(walker, operation, name, role, times)
    assert {200, 401, 422} <= set(walker.statuses)
    print(dict(walker.statuses))  # noqa: T201 (shown by -s: what the calls met)


def walk_operation(walker: Walker, operation: Any, name: str, role: str, times: int) -> None:
    """Call an operation in a role with generated values."""

    @seed(18)
    @hypothesis_settings(
        max_examples=times,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), _more=st.none())
    def walk(case: Any, _more: None) -> None:
        walker.call(case, name, role)

    walk()


@pytest.fixture
def settings_for_walk(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No limit of calls, no waiting, and the connection of the test stays open."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    settings.API_REQUESTS_PER_MINUTE = 10**6
    settings.SUGGESTIONS_PER_HOUR = 10**6
    monkeypatch.setattr("api.routes.seed.is_written", lambda sheet, seconds: False)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
