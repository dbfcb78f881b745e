"""Completeness and confidence follow from checked statements."""

from sheets.markdown.parse import Said
from sheets.verification.scores import measure
from tests.sheets.factories import TEMPLATE

SAID = [
    Said("impacts", "energie", "a", ("1",)),
    Said("impacts", "energie", "b", ("2",)),
    Said("impacts", "co2", "c", ("2",)),
    Said("resume", "resume", "d", ()),
]
VERDICTS = {"1": "verified", "2": "weak"}


def test_a_field_counts_by_one_verified_statement() -> None:
    found = measure(TEMPLATE, SAID, VERDICTS, by_a_person=False)

    assert found.filled == {("impacts", "energie")}
    assert found.completeness == 100 // 6
    assert found.confidence == 33
    assert found.section_confidence == {"impacts": 33}


def test_what_a_person_wrote_counts_without_a_source() -> None:
    found = measure(TEMPLATE, SAID, VERDICTS, by_a_person=True)

    assert found.filled == {("impacts", "energie"), ("resume", "resume")}


def test_nothing_said_is_nothing() -> None:
    found = measure(TEMPLATE, [], {}, by_a_person=True)

    assert (found.completeness, found.confidence) == (0, 0)
