"""Walks through the API whose steps depend on each other, in every role, against a small model.

A sheet is created, read, edited, edited from an old version (409), sent through its states, deleted
and brought back; so are types, webhooks and people. Every answer is checked against the schema, and
who is refused by the table of rights. By default a few short walks; WALK=10000 takes 200 long ones.
"""

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from api.models import Token
from tests.api.test_walk import CHECKS, NEEDS, ROLES, settings_for_walk
from wikico2.accounts.rules import may
from wikico2.clean_request import Handler
from wikico2.models import User

__all__ = ["settings_for_walk"]
WALK = int(os.environ.get("WALK", "0"))
WALKS, STEPS = (200, 40) if WALK else (6, 20)
WALKERS = (*ROLES, "superuser")
STATES_AFTER = {
    "submit": {"review"},
    "validate": {"validated", "published"},
    "request_changes": {"draft", "published"},
    "publish": {"published"},
    "archive": {"archived"},
    "restore": {"draft", "review", "validated", "published"},
}
WORDS = st.lists(st.sampled_from(["Un", "gain", "de", "70 %", "pour", "**tous**", "l’usage"]))


@dataclass
class Known:
    """What the model knows of a sheet: its address, its text by version."""

    slug: str
    pk: int
    texts: dict[int, str] = field(default_factory=dict)
    deleted: bool = False

    @property
    def version(self) -> int:
        return max(self.texts)


class Walk(RuleBasedStateMachine):
    """A walk of all roles through one wiki; each step is one call of an operation."""

    schema: Any
    tokens: dict[str, tuple[User | None, str]]
    statuses: Counter[int]

    sheets = Bundle("sheets")
    types = Bundle("types")
    hooks = Bundle("hooks")
    people = Bundle("people")
    roles = st.sampled_from((*WALKERS, *WALKERS[3:], *WALKERS[4:]))  # who may, more often

    def __init__(self) -> None:
        super().__init__()
        self.before = transaction.savepoint()
        self.count = 0

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.before)

    def call(self, role: str, name: str, body: Any = None, **path: Any) -> Any:
        """Call an operation, check its answer against the schema, and the role against the table.

        Returns the answer; None where the role may not do this, which is then asserted.
        """
        user, secret = self.tokens[role]
        operation = self.schema.find_operation_by_id(name)
        given = {} if body is None else {"body": body, "media_type": "application/json"}
        case = operation.Case(path_parameters=path, **given)
        answer = case.call(headers={"Authorization": f"Bearer {secret}"} if secret else {})
        self.statuses[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)
        needs = NEEDS.get(name, "")
        if needs and not (user is not None and may(user, needs)):
            assert answer.status_code in (401, 403, 404), (name, role, answer.status_code)
            return None
        return answer

    def may(self, role: str, action: str) -> bool:
        return may(self.tokens[role][0] or AnonymousUser(), action)

    # --- Sheets ---------------------------------------------------------------------------------

    @initialize(target=sheets)
    def first_sheet(self) -> Any:
        """Begin with a sheet of two versions, so that even a short walk edits from an old one."""
        known: Any = self.create_sheet("contributor", ["Un", "gain"])
        given = {"base": known.version, "markdown": "## Notes\n\nUn autre gain."}
        answer = self.call("expert", "sheets_edit", given, slug=known.slug)
        known.texts[answer.json()["version"]] = given["markdown"]
        return known

    @rule(target=sheets, role=roles, words=WORDS)
    def create_sheet(self, role: str, words: list[str]) -> Any:
        self.count += 1
        text = f"## Notes\n\n{' '.join(words)} {self.count}."
        given = {"type": "solution", "title": f"Essai {self.count}", "markdown": text}
        answer = self.call(role, "sheets_create", given)
        if answer is None:
            return multiple()
        assert answer.status_code == 201
        made = answer.json()
        return Known(made["slug"], made["id"], {made["version"]: text})

    @rule(sheet=sheets, role=roles)
    def read_sheet(self, sheet: Known, role: str) -> None:
        answer = self.call(role, "sheets_read", slug=sheet.slug)
        if sheet.deleted:
            assert answer.status_code == 404
        elif self.may(role, "unvalidated.read"):
            told = answer.json()
            assert (answer.status_code, told["version"]) == (200, sheet.version)
            assert told["markdown"].strip() == sheet.texts[sheet.version].strip()

    @rule(sheet=sheets, role=roles, words=WORDS, data=st.data())
    def edit_sheet(self, sheet: Known, role: str, words: list[str], data: Any) -> None:
        """Edit from any version there was: the latest is saved, an older one is refused."""
        base = data.draw(st.sampled_from(sorted(sheet.texts)))
        self.count += 1
        text = f"## Notes\n\n{' '.join(words)} {self.count}."
        given = {"base": base, "markdown": text}
        answer = self.call(role, "sheets_edit", given, slug=sheet.slug)
        if answer is None:
            return
        if sheet.deleted:
            assert answer.status_code == 404
        elif base < sheet.version:
            told = answer.json()
            assert answer.status_code == 409
            assert told["code"] in ("stale_base", "conflicts")
            assert told["onto"] == sheet.version
        else:
            assert answer.status_code == 200
            sheet.texts[answer.json()["version"]] = text

    @rule(sheet=sheets, role=roles, data=st.data())
    def restore_version(self, sheet: Known, role: str, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(sheet.texts)))
        given = {"base": sheet.version}
        answer = self.call(role, "sheets_restore", given, slug=sheet.slug, number=number)
        if answer is not None and not sheet.deleted:
            assert answer.status_code == 200
            sheet.texts[answer.json()["version"]] = sheet.texts[number]

    @rule(sheet=sheets, role=roles, what=st.sampled_from(sorted(STATES_AFTER)))
    def change_state(self, sheet: Known, role: str, what: str) -> None:
        """Ask for a change of state: it is made, or the sheet stays and 409 says so."""
        body = {"version": sheet.version} if what == "validate" else {"comment": "Revoir."}
        given = None if what in ("publish", "restore") else body
        answer = self.call(role, f"states_{what}", given, slug=sheet.slug)
        if answer is None:
            return
        if sheet.deleted:
            assert answer.status_code == 404
        elif answer.status_code == 200:
            assert answer.json()["state"] in STATES_AFTER[what]
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")

    @rule(sheet=sheets, role=roles)
    def delete_sheet(self, sheet: Known, role: str) -> None:
        answer = self.call(role, "states_delete", slug=sheet.slug)
        if answer is not None:
            assert answer.status_code == (404 if sheet.deleted else 200)
            sheet.deleted = True

    @rule(sheet=sheets, role=roles)
    def undelete_sheet(self, sheet: Known, role: str) -> None:
        answer = self.call(role, "states_undelete", pk=sheet.pk)
        if answer is not None:
            assert answer.status_code == (200 if sheet.deleted else 404)
            sheet.deleted = False

    # --- Sheet types ----------------------------------------------------------------------------

    @rule(target=types, role=roles)
    def add_type(self, role: str) -> Any:
        self.count += 1
        key = f"type-{self.count}"
        given = {"key": key, "name_fr": key, "plural_fr": key}
        answer = self.call(role, "types_add_type", given)
        if answer is None:
            return multiple()
        assert (answer.status_code, answer.json()["sections"]) == (201, [])
        return key

    @rule(key=types, role=roles, section=st.sampled_from(["a", "b", "c"]))
    def add_section(self, key: str, role: str, section: str) -> None:
        given = {"key": section, "heading_fr": f"Partie {section}"}
        known = self.sections_of(key)
        answer = self.call(role, "types_add_section", given, key=key)
        if answer is not None:
            assert answer.status_code == (422 if section in known else 201)
            assert self.sections_of(key) == [*known, *([] if section in known else [section])]

    @rule(key=types, role=roles, section=st.sampled_from(["a", "b", "c"]))
    def move_section(self, key: str, role: str, section: str) -> None:
        known = self.sections_of(key)
        path = {"key": key, "section": section}
        answer = self.call(role, "types_move_section", {"step": "up"}, **path)
        if answer is not None and section in known:
            at = known.index(section)
            known.insert(max(at - 1, 0), known.pop(at))
            assert self.sections_of(key) == known

    @rule(key=types, role=roles, section=st.sampled_from(["a", "b", "c"]))
    def delete_section(self, key: str, role: str, section: str) -> None:
        known = self.sections_of(key)
        answer = self.call(role, "types_delete_section", key=key, section=section)
        if answer is not None:
            assert answer.status_code == (200 if section in known else 404)
            assert self.sections_of(key) == [one for one in known if one != section]

    def sections_of(self, key: str) -> list[str]:
        told = self.call("reader", "types_read_type", key=key).json()
        return [section["key"] for section in told["sections"]]

    @rule(key=consumes(types))
    def delete_type(self, key: str) -> None:
        assert self.call("administrator", "types_delete_type", key=key).status_code == 204
        assert self.call("administrator", "types_read_type", key=key).status_code == 404

    # --- Webhooks and people --------------------------------------------------------------------

    @rule(target=hooks, role=roles)
    def make_webhook(self, role: str) -> Any:
        given = {"url": "https://a.test/b", "events": ["sheet.changed"]}
        answer = self.call(role, "hooks_make_webhook", given)
        if answer is None or answer.status_code != 201:  # at most 20 for one account
            return multiple()
        return role, answer.json()["id"]

    @rule(hook=hooks, role=roles, active=st.booleans())
    def change_webhook(self, hook: tuple[str, int], role: str, active: bool) -> None:
        owner, pk = hook
        given = {"url": "https://a.test/c", "events": ["job.done"], "active": active}
        answer = self.call(role, "hooks_set_webhook", given, pk=pk)
        if answer is not None:
            assert answer.status_code == (200 if role == owner else 404)

    @rule(hook=consumes(hooks))
    def delete_webhook(self, hook: tuple[str, int]) -> None:
        owner, pk = hook
        assert self.call(owner, "hooks_remove_webhook", pk=pk).status_code == 204
        assert self.call(owner, "hooks_read_webhook", pk=pk).status_code == 404

    @rule(target=people, role=roles, given=st.sampled_from(["", "reader", "expert", "superuser"]))
    def invite(self, role: str, given: str) -> Any:
        self.count += 1
        body = {"email": f"p{self.count}@example.org", "role": given}
        answer = self.call(role, "people_invite", body)
        if answer is None:
            return multiple()
        if given == "superuser" and role != "superuser":
            assert answer.status_code == 422
            return multiple()
        assert answer.status_code == 201
        return answer.json()["person"]["id"]

    @rule(person=people, role=roles, active=st.booleans())
    def set_access(self, person: int, role: str, active: bool) -> None:
        name = "people_activate" if active else "people_deactivate"
        answer = self.call(role, name, pk=person)
        if answer is not None and answer.status_code == 200:  # a superuser is above administrators
            told = self.call(role, "people_read_person", pk=person).json()
            assert told["active"] is active


def test_the_stateful_walk(
    contributor: User,
    expert: User,
    administrator: User,
    settings_for_walk: None,
) -> None:
    member = User.objects.create_user("membre")
    root = User.objects.create_superuser("racine")
    people = (None, member, contributor, expert, administrator, root)
    Walk.tokens = {
        role: (user, Token.issue(user, role, scope=Token.Scope.ADMIN)[1] if user else "")
        for role, user in zip(WALKERS, people, strict=True)
    }
    Walk.schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", Handler())
    Walk.statuses = Counter()
    run_state_machine_as_test(
        Walk,
        settings=hypothesis_settings(
            max_examples=WALKS,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    met = {200, 201, 401, 403, 404, 409, 422} if WALK else {200, 201}  # short walks meet less
    assert met <= set(Walk.statuses)
    print(dict(Walk.statuses))  # noqa: T201 (shown by -s: what the calls met)
