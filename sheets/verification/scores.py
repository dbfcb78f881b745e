"""Compute completeness and confidence from statements and verdicts. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sheets.markdown.parse import BodyStatement
from sheets.schema.types import SheetTemplate
from sheets.verification.entailment import VERIFIED


@dataclass(frozen=True)
class SheetScores:
    """Completeness and confidence in whole per cent; `filled` are (section, field) keys."""

    completeness: int
    confidence: int
    filled: frozenset[tuple[str, str]]
    section_confidence: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return the scores in the form stored in `Revision.rendered`."""
        return {
            "completeness": self.completeness,
            "confidence": self.confidence,
            "sections": dict(self.section_confidence),
            "filled": sorted(f"{section}.{field}" for section, field in self.filled),
        }


def compute_scores(
    template: SheetTemplate,
    statements: Iterable[BodyStatement],
    verdicts: Mapping[str, str],
    *,
    by_a_person: bool,
) -> SheetScores:
    """Return the scores of a revision.

    A field is filled by one statement with a verified citation, or by an uncited one of a person
    (`by_a_person`: the revision was not generated). Confidence is the share of the cited statements
    with a verified citation.
    """
    filled: set[tuple[str, str]] = set()
    cited: dict[str, list[bool]] = {}
    for statement in statements:
        verified = any(verdicts.get(m) == VERIFIED for m in statement.markers)
        if statement.markers:
            cited.setdefault(statement.section, []).append(verified)
        if verified or (by_a_person and not statement.markers):
            filled.add((statement.section, statement.field))
    wanted = {(s.key, f.key) for s in template.written for f in s.fields}
    every = [v for votes in cited.values() for v in votes]
    return SheetScores(
        completeness=to_percent(len(filled & wanted), len(wanted)),
        confidence=to_percent(sum(every), len(every)),
        filled=frozenset(filled & wanted),
        section_confidence={key: to_percent(sum(v), len(v)) for key, v in cited.items()},
    )


def to_percent(part: int, whole: int) -> int:
    """Return the share in whole per cent, rounded down so that 100 means all."""
    return part * 100 // whole if whole else 0
