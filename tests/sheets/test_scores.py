"""Completeness and confidence scores follow from verified statements."""

from sheets.markdown.parse import BodyStatement
from sheets.verification.scores import compute_scores
from tests.sheets.factories import TEMPLATE

SAID = [
    BodyStatement("impacts", "energie", "a", ("1",)),
    BodyStatement("impacts", "energie", "b", ("2",)),
    BodyStatement("impacts", "co2", "c", ("2",)),
    BodyStatement("resume", "resume", "d", ()),
]
VERDICTS = {"1": "verified", "2": "weak"}


def test_a_field_counts_by_one_verified_statement() -> None:
    found = compute_scores(TEMPLATE, SAID, VERDICTS, by_a_person=False)

    assert found.filled == {("impacts", "energie")}
    assert found.completeness == 100 // 6
    assert found.confidence == 33
    assert found.section_confidence == {"impacts": 33}


def test_what_a_person_wrote_counts_without_a_source() -> None:
    found = compute_scores(TEMPLATE, SAID, VERDICTS, by_a_person=True)

    assert found.filled == {("impacts", "energie"), ("resume", "resume")}


def test_nothing_said_is_nothing() -> None:
    found = compute_scores(TEMPLATE, [], {}, by_a_person=True)

    assert (found.completeness, found.confidence) == (0, 0)
