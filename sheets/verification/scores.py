"""Completeness and confidence, computed from what is written and checked. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sheets.markdown.parse import BodyStatement
from sheets.schema.types import SheetTemplate
from sheets.verification.entailment import VERIFIED


@dataclass(frozen=True)
class SheetScores:
    """Shares in whole per cent: of the sheet, and of each section."""

    completeness: int
    confidence: int
    filled: frozenset[tuple[str, str]]
    section_confidence: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return what a revision keeps beside its page."""
        return {
            "completeness": self.completeness,
            "confidence": self.confidence,
            "sections": dict(self.section_confidence),
            "filled": sorted(f"{section}.{field}" for section, field in self.filled),
        }


def compute_scores(
    template: SheetTemplate,
    said: Iterable[BodyStatement],
    verdicts: Mapping[str, str],
    *,
    by_a_person: bool,
) -> SheetScores:
    """Return the measures of a revision.

    A field counts as filled by one statement whose citation verifies, or that a person wrote
    (`by_a_person`: uncited statements of this revision are a person's). Confidence is the share of
    the cited statements that verify.
    """
    filled: set[tuple[str, str]] = set()
    cited: dict[str, list[bool]] = {}
    for statement in said:
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
