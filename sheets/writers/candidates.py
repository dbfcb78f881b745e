"""Rank the sentences, items and rows of passages by how likely they answer a field. Pure.

What is weighed: the field's own words and the expressions usual in answers to its question, in
the unit and in the headings above it; the quantities that it asks for; the nearness of the
passage's vector; the subject of the sheet in the passage and its headings; and whether a heading
names a matter of its own (a label, another technique) that the sheet does not speak of.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ingestion.search.passage import Passage
from sheets.markdown.sentences import QuotableUnit, quotable_units
from sheets.schema.types import FieldBrief, SectionBrief
from sheets.writers.answer_cues import AnswerKind, answer_kinds
from wikico2.text.normalize import fold_text, stem_set

WORTH_FILL = 0.5
"""From this worth on, a candidate may be put into its field without being asked."""
WORTH_SHOWN = 0.08
"""Below this worth, a candidate is not offered."""


@dataclass(frozen=True)
class FieldCandidate:
    """A sentence, an item or a row that may answer a field.

    `position` is the number of the unit in its passage, `row` that of the row in a table. `worth`
    is the likelihood, 0 to 1, that it is on the topic of this field of this sheet.
    """

    passage: Passage
    position: int
    unit: QuotableUnit
    row: int | None
    worth: float

    @property
    def text(self) -> str:
        """Return the sentence or item, or the cells of the row."""
        return unit_text(self.unit, self.row)


def unit_text(unit: QuotableUnit, row: int | None) -> str:
    """Return the text of a sentence, an item, or a row of a table."""
    return unit.text if row is None else " ".join(cell for cell in unit.rows[row] if cell)


def rank_candidates(
    title: str,
    section: SectionBrief,
    field: FieldBrief,
    passages: Sequence[Passage],
    nearness: Mapping[int, float] = {},
) -> list[FieldCandidate]:
    """Return the units of the passages by their worth for a field, best first.

    `nearness` is the nearness of a passage's vector to the field's question, by chunk id, in
    standard deviations above the passages of the sources.
    """
    question = FieldQuestion.of(title, section, field)
    found = [
        FieldCandidate(p, position, unit, row, question.worth(p, unit, row, nearness))
        for p in passages
        for position, unit in enumerate(units_of(p.text))
        for row in (range(len(unit.rows)) if unit.kind == "table" else (None,))
    ]
    found.sort(key=lambda c: -c.worth)
    return found


@lru_cache(maxsize=4096)
def units_of(text: str) -> tuple[QuotableUnit, ...]:
    """Return the quotable units of a passage; cached, since every field reads them."""
    return tuple(quotable_units(text))


@dataclass(frozen=True)
class FieldQuestion:
    """What a field of a sheet asks, ready to be compared with texts."""

    kinds: tuple[AnswerKind, ...]
    words: frozenset[str]
    heading: frozenset[str]
    subject: frozenset[str]

    @classmethod
    def of(cls, title: str, section: SectionBrief, field: FieldBrief) -> "FieldQuestion":
        return cls(
            answer_kinds(field),
            stem_set(f"{field.heading} {field.question}"),
            stem_set(field.heading),
            stem_set(title),
        )

    def worth(
        self, passage: Passage, unit: QuotableUnit, row: int | None, nearness: Mapping[int, float]
    ) -> float:
        """Return the likelihood that a unit answers this field."""
        text = unit_text(unit, row)
        near_heading = unit.heading or (passage.headings[-1] if passage.headings else "")
        above = " ".join(passage.headings)
        score = -4.0
        score += 1.2 * self.cued(text) + 0.9 * self.cued(f"{near_heading} {unit.lead_in}")
        score += 0.4 * self.cued(above)
        score += 1.5 * share(self.words, stem_set(text))
        score += 1.5 * share(self.heading, stem_set(f"{near_heading} {above}"))
        score += 0.6 * share(self.subject, stem_set(f"{above} {passage.text}"))
        score += 0.5 * nearness.get(passage.chunk_id, 0.0)
        return 1 / (1 + math.exp(-score))

    def cued(self, text: str) -> float:
        """Return how strongly expressions of an answer occur in a text, 0 to 1.5."""
        folded = fold_text(text)
        strong = sum(1 for k in self.kinds if k.strong.search(folded))
        weak = sum(1 for k in self.kinds if k.weak and k.weak.search(folded))
        return min(1.0 * strong + 0.5 * weak, 1.5)


def share(wanted: frozenset[str], held: frozenset[str]) -> float:
    """Return the share of the wanted stems that a text has."""
    return len(wanted & held) / len(wanted) if wanted else 0.0
