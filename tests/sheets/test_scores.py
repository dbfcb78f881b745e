"""Completeness and confidence scores follow from the levels of statements."""

from sheets.markdown.parse import BodyStatement
from sheets.sources.citation_check import CheckedStatement
from sheets.verification.levels import FIGURES, FRAGILE, UNSOURCED, VERBATIM, Finding
from sheets.verification.scores import compute_scores
from tests.sheets.factories import TEMPLATE


def checked(
    section: str, field: str, level: str, text: str = "Un fait de la fiche."
) -> CheckedStatement:
    markers = () if level == UNSOURCED else ("1",)
    return CheckedStatement(BodyStatement(section, field, text, markers), Finding(level))


SAID = [
    checked("impacts", "energie", VERBATIM),
    checked("impacts", "energie", FRAGILE),
    checked("impacts", "co2", FRAGILE),
    checked("impacts", "capex", FIGURES),
    checked("resume", "resume", UNSOURCED),
    checked("resume", "resume", UNSOURCED, "Sont concernés :"),
]


def test_a_field_counts_by_one_statement_whose_figures_are_found() -> None:
    found = compute_scores(TEMPLATE, SAID, by_a_person=False)

    assert found.filled == {("impacts", "energie"), ("impacts", "capex")}
    assert found.completeness == 200 // 6


def test_confidence_counts_all_statements_those_without_a_source_included() -> None:
    found = compute_scores(TEMPLATE, SAID, by_a_person=False)

    assert found.confidence == 100 // 5
    assert found.section_confidence == {"impacts": 25, "resume": 0}
    assert found.levels == {VERBATIM: 1, FRAGILE: 2, FIGURES: 1, UNSOURCED: 1}


def test_what_a_person_wrote_with_a_source_counts_words_without_one_do_not() -> None:
    found = compute_scores(TEMPLATE, SAID, by_a_person=True)

    assert found.filled == {("impacts", "energie"), ("impacts", "co2"), ("impacts", "capex")}


def test_nothing_said_is_nothing() -> None:
    found = compute_scores(TEMPLATE, [], by_a_person=True)

    assert (found.completeness, found.confidence) == (0, 0)
