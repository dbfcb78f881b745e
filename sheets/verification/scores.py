"""Compute completeness and confidence from the levels of statements. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sheets.markdown.parse import BodyStatement
from sheets.schema.types import SheetTemplate
from sheets.verification.levels import FIGURES, FRAGILE, UNSOURCED, VERIFIED_LEVELS, Finding

FILLING_LEVELS = VERIFIED_LEVELS | {FIGURES}
"""Levels of which one statement fills a field."""


class Checked(Protocol):
    """A statement with its level."""

    @property
    def statement(self) -> BodyStatement: ...

    @property
    def finding(self) -> Finding: ...


@dataclass(frozen=True)
class SheetScores:
    """Completeness and confidence in whole per cent; `filled` are (section, field) keys.

    `levels` counts the statements of each level.
    """

    completeness: int
    confidence: int
    filled: frozenset[tuple[str, str]]
    section_confidence: Mapping[str, int]
    levels: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the scores in the form stored in `Revision.rendered`."""
        return {
            "completeness": self.completeness,
            "confidence": self.confidence,
            "sections": dict(self.section_confidence),
            "filled": sorted(f"{section}.{field}" for section, field in self.filled),
            "levels": dict(self.levels),
        }


def compute_scores(
    template: SheetTemplate, checked: Iterable[Checked], *, by_a_person: bool
) -> SheetScores:
    """Return the scores of a revision.

    A field is filled by one statement whose figures are found, or that a person wrote with a source
    (`by_a_person`: the revision was not generated). Confidence is the share of all statements,
    those without a source included, that are verified.
    """
    filled: set[tuple[str, str]] = set()
    votes: dict[str, list[bool]] = {}
    levels: Counter[str] = Counter()
    for one in checked:
        statement, level = one.statement, one.finding.level
        if not counts_as_statement(statement, level):
            continue
        levels[level] += 1
        votes.setdefault(statement.section, []).append(level in VERIFIED_LEVELS)
        if level in FILLING_LEVELS or (by_a_person and level == FRAGILE):
            filled.add((statement.section, statement.field))
    wanted = {(s.key, f.key) for s in template.written for f in s.fields}
    every = [v for section in votes.values() for v in section]
    return SheetScores(
        completeness=to_percent(len(filled & wanted), len(wanted)),
        confidence=to_percent(sum(every), len(every)),
        filled=frozenset(filled & wanted),
        section_confidence={key: to_percent(sum(v), len(v)) for key, v in votes.items()},
        levels=levels,
    )


def counts_as_statement(statement: BodyStatement, level: str) -> bool:
    """Tell whether a text says something: not a lead-in, a link or a label without a source."""
    if level != UNSOURCED:
        return True
    text = statement.text.rstrip()
    return not text.endswith(":") and len(text.split()) >= SHORTEST_STATEMENT


SHORTEST_STATEMENT = 4
"""Words of an uncited text from which on it counts as a statement."""


def to_percent(part: int, whole: int) -> int:
    """Return the share in whole per cent, rounded down so that 100 means all."""
    return part * 100 // whole if whole else 0
