"""The levels of labelled statements about the demonstration documents.

These documents use the template's own words, so they prove little; `make bench-truth` measures on
real ones. Held here: what is altered never passes, and what is true is not thrown away.
"""

import functools
import json
from pathlib import Path

import pytest

from sheets.sources.file_passages import passages_with
from sheets.verification.levels import (
    FRAGILE,
    LEVELS,
    NOT_FOUND,
    check_statement,
    passage_for_check,
)
from tests.cost import processor_time

ROOT = Path(__file__).parents[2]
GOLD = ROOT / "tests" / "gold" / "statements.jsonl"


@functools.cache
def passage_with(document: str, quote: str) -> str:
    passage = next(passages_with(ROOT / "demo" / document, quote))
    return passage_for_check("", passage.headings, passage.text)


@pytest.fixture(scope="module")
def labelled() -> list[tuple[str, str, list[str]]]:
    """Return (kind, statement, passages) of each labelled statement."""
    rows = [json.loads(line) for line in GOLD.read_text("utf-8").splitlines()]
    return [
        (r["kind"], r["statement"], [passage_with(r["document"], q) for q in r["sources"]])
        for r in rows
    ]


def test_no_altered_figure_and_no_wrong_source_passes(
    labelled: list[tuple[str, str, list[str]]],
) -> None:
    altered = [(s, p) for kind, s, p in labelled if kind in ("digit", "unit", "source")]
    assert len(altered) >= 100
    passed = [
        s for s, p in altered if LEVELS.index(check_statement(s, p).level) < LEVELS.index(FRAGILE)
    ]
    assert passed == []


def test_little_that_is_true_is_not_found(labelled: list[tuple[str, str, list[str]]]) -> None:
    true = [(s, p) for kind, s, p in labelled if kind == "true"]
    lost = [s for s, p in true if check_statement(s, p).level == NOT_FOUND]
    assert len(lost) <= 0.05 * len(true), lost


def test_a_hundred_statements_take_little_time(
    labelled: list[tuple[str, str, list[str]]],
) -> None:
    def check() -> None:
        for _kind, statement, passages in labelled[:100]:
            check_statement(statement, passages)

    assert processor_time(check) < 2
