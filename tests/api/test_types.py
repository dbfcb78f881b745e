"""Sheet types through the API: what the administration does, by the same forms and rules."""

import pytest

from sheets.models import Section, Sheet, SheetType
from tests.api.conftest import Caller, Program
from wikico2.models import AuditEvent, User

pytestmark = pytest.mark.django_db
TYPE = {"key": "audit", "name_fr": "Audit", "plural_fr": "Audits"}
SECTION = {"key": "constats", "heading_fr": "Constats", "emoji": "🔎"}
FIELD = {"key": "gain", "heading_fr": "Gain", "question": "Quel gain a été constaté ?"}


@pytest.fixture
def caller(program: Caller, administrator: User) -> Program:
    return program(administrator)


def test_a_type_is_made_with_sections_and_fields(caller: Program) -> None:
    assert caller.post("/v1/types", TYPE).status_code == 201
    assert caller.post("/v1/types/audit/sections", SECTION).status_code == 201
    path = "/v1/types/audit/sections/constats/fields"
    table = {**FIELD, "shape": "table", "columns": ["Poste", "Gain\nannuel"]}
    assert caller.post(path, table).status_code == 201
    kind = caller.post(path, {**FIELD, "key": "cout", "heading_fr": "Coût"}).json()
    (section,) = kind["sections"]
    assert [field["key"] for field in section["fields"]] == ["gain", "cout"]
    assert section["fields"][0]["columns"] == ["Poste", "Gain annuel"]
    moved = caller.post(f"{path}/cout/move", {"step": "up"}).json()
    assert [field["key"] for field in moved["sections"][0]["fields"]] == ["cout", "gain"]
    made = caller.post("/v1/sheets", {"type": "audit", "title": "Essai", "markdown": "## Constats"})
    assert made.status_code == 201
    refused = caller.delete("/v1/types/audit")
    assert (refused.status_code, refused.json()["code"]) == (409, "type_in_use")


def test_what_is_changed_and_deleted_is_logged(caller: Program, administrator: User) -> None:
    caller.post("/v1/types", TYPE)
    caller.post("/v1/types/audit/sections", SECTION)
    path = "/v1/types/audit/sections/constats"
    changed = caller.put(path, {"heading_fr": "Constats du site", "role": "header"}).json()
    assert changed["sections"][0]["heading_fr"] == "Constats du site"
    caller.post(f"{path}/fields", FIELD)
    caller.put(f"{path}/fields/gain", {"heading_fr": "Gain", "question": "Combien ?"})
    assert caller.delete(f"{path}/fields/gain").json()["sections"][0]["fields"] == []
    assert caller.delete(path).json()["sections"] == []
    caller.put("/v1/types/audit", {"name_fr": "Diagnostic", "plural_fr": "Diagnostics"})
    assert caller.delete("/v1/types/audit").status_code == 204
    events = AuditEvent.objects.filter(action__startswith="type.").order_by("pk")
    assert {event.actor for event in events} == {administrator}
    assert [event.details.get("did", event.action) for event in events] == [
        "type.add",
        "section.add",
        "section.change",
        "field.add",
        "field.change",
        "field.delete",
        "section.delete",
        "type.change",
        "type.delete",
    ]


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/v1/types", {**TYPE, "key": "solution"}),
        ("/v1/types", {**TYPE, "key": "pas une clé"}),
        ("/v1/types/solution/sections", {**SECTION, "key": "contexte"}),
        ("/v1/types/solution/sections/contexte/fields", {**FIELD, "shape": "table"}),
        ("/v1/types/solution/sections/contexte/fields", {**FIELD, "columns_en": ["a"]}),
    ],
)
def test_what_the_administration_refuses_is_refused(
    caller: Program, path: str, given: dict[str, object]
) -> None:
    before = caller.get("/v1/types").json()
    answer = caller.post(path, given)
    assert (answer.status_code, answer.json()["code"]) == (422, "type_invalid")
    assert caller.get("/v1/types").json() == before


def test_a_heading_that_reads_like_another_is_refused(caller: Program) -> None:
    first = caller.get("/v1/types/solution").json()["sections"][0]
    given = {**SECTION, "heading_fr": first["heading_fr"].upper()}
    answer = caller.post("/v1/types/solution/sections", given)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "heading_fr")


def test_a_moved_section_stays_within_its_bounds(caller: Program) -> None:
    first, *_rest, last = caller.get("/v1/types/solution").json()["sections"]
    for section, step in ((first, "up"), (last, "down")):
        path = f"/v1/types/solution/sections/{section['key']}/move"
        ends = caller.post(path, {"step": step}).json()["sections"]
        assert (ends[0]["key"], ends[-1]["key"]) == (first["key"], last["key"])


def test_nobody_below_an_administrator_and_no_narrowed_token_changes_others(
    program: Caller, expert: User, administrator: User, sheet: Sheet
) -> None:
    assert program(expert).post("/v1/types", TYPE).status_code == 403
    assert program(administrator, "curate").post("/v1/types", TYPE).status_code == 403
    narrowed = program(administrator, sheet_types=["solution"])
    assert narrowed.post("/v1/types", TYPE).status_code == 403
    assert narrowed.post("/v1/types/secteur/sections", SECTION).status_code == 403
    assert narrowed.post("/v1/types/solution/sections", SECTION).status_code == 201
    assert SheetType.objects.count() == 2
    assert Section.objects.filter(key="constats", sheet_type__key="solution").exists()
