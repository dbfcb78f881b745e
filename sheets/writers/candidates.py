"""Rank the sentences, items and rows of passages by how likely they answer a field. Pure.

What is weighed: the expressions usual in answers to the field's question, in the unit and in the
headings above it; the field's name; the quantities that it asks for; the nearness of the passage's
vector; where in its source it stands; and whether a heading names a matter of its own: another
technique beside the one that the sheet is about, a label, a chapter that no other speaks of.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ingestion.search.passage import Passage
from ingestion.search.ties import best_first
from sheets.markdown.sentences import QuotableUnit, has_verb
from sheets.schema.types import FieldBrief
from sheets.verification.quantities import find_quantities
from sheets.writers.answer_cues import ASKS_EXAMPLES, PROPER_NAME, AnswerKind, answer_kinds
from sheets.writers.asked_units import asked_units
from sheets.writers.passage_units import Place, rows_of, unit_text, units_of
from wikico2.text.normalize import fold_text, stem_set

WORTH_SHOWN = 0.06
"""Below this worth, a candidate is not offered."""

WEIGHTS = {
    "expression": 0.8, "weak_expression": 0.96, "rare_expression": 3.33,
    "in_heading": 1.35, "weak_in_heading": 0.73, "above": 0.57,
    "name": 1.36, "near": 0.27, "counted": 0.31, "asked_unit": 0.87, "negated": 2.08,
    "named_example": 0.58, "verb": 0.72, "row": -0.49, "short": -0.36, "note": -0.27,
    "opening": 0.32, "opening_question": 1.26, "own_matter": -0.45, "other_subject": -2.5,
}  # fmt: skip
"""Weights of what speaks for and against a unit: learned from passages of four real reports, read
and assigned to fields by hand; the last one, which no report on a single subject can teach, from
the chapters on other techniques of a fifth."""
SLOPE, OFFSET = 0.54, -3.02
"""From the weighted sum to a likelihood, fitted on reports that had no part in the weights."""

SHORT, OPENING_PAGES, OPENING_SHARE = 40, 2, 0.12
OWN_MATTER_SHARE, OWN_MATTER_LEAST = 0.06, 3
"""A word of a heading in at most this share and number of passages names a matter of its own."""
NAMES_SUBJECT, HOLDS_SUBJECT = 0.75, 0.5
"""Share of a heading's words that are the sheet's title, and of the title's weight in it, from
which the heading announces the subject of the sheet."""
BEST_UNITS, SUM_SHARE = 4, 0.5
"""How many of its best units tell the worth of a passage, and how much the others count."""

NEGATION = re.compile(
    r"(?<![a-z])(?:ne|n') ?\w+(?: \w+)? (?:pas|plus|jamais|aucun)"
    r"|(?<![a-z])(?:non|sans|hors|aucun\w*|impossib\w+|sauf)(?![a-z])"
)
NOTE = re.compile(r"\[?\d{1,3}\]? ")
ASKS_COUNTS = re.compile(
    r"combien|chiffr|montant|cout|capex|opex|euros|kwh|tonnes|annees|dimension"
)
ASKS_OPENING = re.compile(r"objectif|principe|resume|consiste|concern|types? de sites|perimetre")
ASKS_NEGATION = re.compile(r"n'inclut|n'est pas|eviter|hors ")
FRAME = stem_set(
    "solution quels quelles principal faut-il dans cas comment quelle quel autres faire"
)


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
    def place(self) -> Place:
        """Return where it stands."""
        return self.passage.chunk_id, self.position, self.row

    @property
    def text(self) -> str:
        """Return the sentence or item, or the cells of the row."""
        return unit_text(self.unit, self.row)


def rank_candidates(
    title: str, field: FieldBrief, passages: Sequence[Passage], nearness: Mapping[int, float] = {}
) -> list[FieldCandidate]:
    """Return the units of the passages by their worth for a field, best first.

    `nearness` is the nearness of a passage's vector to the field's question, by chunk id, in
    standard deviations above the passages of the sources. Equal ones keep the order of the
    passages.
    """
    scored = score_units(SourceWords.of(title, tuple(passages)), field, nearness)
    scored = best_first(scored, lambda found: found[0])
    return [
        FieldCandidate(passage, position, unit, row, likelihood(score))
        for score, passage, position, unit, row in scored
    ]


def rank_passages(
    title: str, field: FieldBrief, passages: Sequence[Passage], nearness: Mapping[int, float] = {}
) -> list[Passage]:
    """Return the passages by what their best units are worth for a field, best first."""
    by_passage: dict[int, list[float]] = defaultdict(list)
    for score, passage, *_unit in score_units(
        SourceWords.of(title, tuple(passages)), field, nearness
    ):
        by_passage[passage.chunk_id].append(score)
    worth = {chunk: passage_score(scores) for chunk, scores in by_passage.items()}
    return best_first((p for p in passages if p.chunk_id in worth), lambda p: worth[p.chunk_id])


def passage_score(scores: Sequence[float]) -> float:
    """Return the score of a passage: its best unit's, lowered if the next ones are far below."""
    best = sorted(scores, reverse=True)[:BEST_UNITS]
    mean = sum(math.exp(score - best[0]) for score in best) / len(best)
    return best[0] + SUM_SHARE * math.log(mean)


def likelihood(score: float) -> float:
    """Return the likelihood, 0 to 1, that a unit of this score is on the topic of the field."""
    return 1 / (1 + math.exp(-(SLOPE * score + OFFSET)))


ScoredUnit = tuple[float, Passage, int, QuotableUnit, int | None]


def score_units(
    source: "SourceWords", field: FieldBrief, nearness: Mapping[int, float]
) -> list[ScoredUnit]:
    """Return (score, passage, position, unit, row) of each unit, in reading order."""
    question = FieldQuestion.of(source, field)
    return [
        (question.score(passage, unit, row, nearness), passage, position, unit, row)
        for passage in source.passages
        for position, unit in enumerate(units_of(passage.text))
        for row in rows_of(unit)
    ]


# --- Texts, analysed once -------------------------------------------------------------------------


@dataclass(frozen=True)
class TextFacts:
    """What is read of a text once for all fields."""

    folded: str
    stems: frozenset[str]
    units: frozenset[str]
    has_verb: bool
    names: int


@lru_cache(maxsize=32_768)
def text_facts(text: str) -> TextFacts:
    """Return what is compared of a text; cached."""
    return TextFacts(
        fold_text(text),
        stem_set(text),
        frozenset(q.unit for q in find_quantities(text) if q.unit),
        has_verb(text),
        len(PROPER_NAME.findall(text)),
    )


@lru_cache(maxsize=65_536)
def expressions(kind: AnswerKind, text: str) -> tuple[bool, bool]:
    """Tell whether a strong and a weak expression of answers of a kind occur in a text."""
    folded = fold_text(text)
    return bool(kind.strong.search(folded)), bool(kind.weak and kind.weak.search(folded))


def found_expressions(kinds: Sequence[AnswerKind], text: str) -> tuple[bool, bool]:
    """Tell whether a strong and a weak expression of any of the kinds occur in a text."""
    found = [expressions(kind, text) for kind in kinds]
    return any(strong for strong, _ in found), any(weak for _, weak in found)


@dataclass(frozen=True)
class SourceWords:
    """The passages that are ranked, with what tells common words and headings from rare ones."""

    passages: tuple[Passage, ...]
    subject: frozenset[str]
    counts: Mapping[str, int]
    last_pages: Mapping[int, int]
    headings: frozenset[str]

    @classmethod
    @lru_cache(maxsize=2)
    def of(cls, title: str, passages: tuple[Passage, ...]) -> "SourceWords":
        """Count the words of passages; cached, since all fields of a sheet use the same ones."""
        counts: Counter[str] = Counter()
        last: dict[int, int] = {}
        for p in passages:
            counts.update(stem_set(f"{' '.join(p.headings)} {p.text}"))
            last[p.document_id] = max(last.get(p.document_id, 1), p.page_end)
        headings = frozenset(heading for p in passages for heading in p.headings)
        return cls(passages, stem_set(title), counts, last, headings)

    def weight(self, stems: frozenset[str]) -> float:
        """Return the sum of the idf of some stems."""
        n = len(self.passages)
        return sum(
            math.log(1 + (n - self.counts.get(w, 0) + 0.5) / (self.counts.get(w, 0) + 0.5))
            for w in sorted(stems)
        )

    def share(self, wanted: frozenset[str], held: frozenset[str]) -> float:
        """Return the share of the wanted stems that a text has, weighted by their idf."""
        return self.weight(wanted & held) / (self.weight(wanted) or 1.0)

    def rarity(self, matching: int, total: int) -> float:
        """Return 1 for what hardly any of `total` texts has, 0 for what all have."""
        return math.log((total + 1) / (matching + 1)) / math.log(total + 2)

    def is_opening(self, passage: Passage) -> bool:
        """Tell whether a passage is on the first pages of its source."""
        share = OPENING_SHARE * self.last_pages[passage.document_id]
        return passage.page_start <= max(OPENING_PAGES, share)

    def announces_subject(self, heading: str) -> bool:
        """Tell whether a heading is the title of the sheet, or most of it, and nothing else."""
        words = frozenset(w for w in stem_set(heading) if not w.isdigit())
        return (
            len(words & self.subject) >= NAMES_SUBJECT * len(words) > 0
            and self.share(self.subject, words) >= HOLDS_SUBJECT
        )

    @cached_property
    def about(self) -> frozenset[int]:
        """Return the sources that are about the subject as a whole: their titles announce it."""
        return frozenset(
            p.document_id
            for p in self.passages
            if p.page_start == 1 and any(map(self.announces_subject, (p.title, *p.headings[:1])))
        )

    @cached_property
    def other_subjects(self) -> Mapping[tuple[int, tuple[str, ...]], float]:
        """Return 1 for headings beside one that announces the subject, -1 under the latter, or 0.

        By source and headings. In a chapter with a section for each technique, only one of them is
        about the sheet's.
        """
        trails = {(p.document_id, p.headings) for p in self.passages}
        announcing = frozenset(filter(self.announces_subject, self.headings))
        beside = {
            (document, headings[:depth])
            for document, headings in trails
            for depth, heading in enumerate(headings)
            if heading in announcing
        }
        found = dict.fromkeys(trails, 0.0)
        for document, headings in trails:
            if document in self.about:
                continue
            for depth, heading in enumerate(headings):
                if heading in announcing:
                    found[document, headings] = -1.0
                elif (document, headings[:depth]) in beside:
                    found[document, headings] = 1.0
        return found

    def own_matter(self, heading: str, asked: frozenset[str]) -> float:
        """Return the share of a heading's words that hardly any other passage has."""
        words = stem_set(heading)
        limit = max(OWN_MATTER_LEAST, OWN_MATTER_SHARE * len(self.passages))
        own = [
            w
            for w in words - self.subject - asked
            if not w.isdigit() and self.counts.get(w, 0) <= limit
        ]
        return len(own) / max(1, len(words))


@dataclass(frozen=True)
class FieldQuestion:
    """What a field asks, ready to be compared with the units of a source."""

    source: SourceWords
    kinds: tuple[AnswerKind, ...]
    asked: frozenset[str]
    heading: frozenset[str]
    units: frozenset[str]
    rare: float
    rare_heading: float
    counts: bool
    opening: bool
    negation: bool
    examples: bool

    @classmethod
    def of(cls, source: SourceWords, field: FieldBrief) -> "FieldQuestion":
        kinds = answer_kinds(field)
        text = fold_text(f"{field.heading} {field.question}")
        units = asked_units(field)
        passages = sum(found_expressions(kinds, p.text)[0] for p in source.passages)
        headings = sum(found_expressions(kinds, h)[0] for h in source.headings)
        return cls(
            source,
            kinds,
            stem_set(text) - FRAME,
            stem_set(field.heading),
            units,
            source.rarity(passages, len(source.passages)),
            source.rarity(headings, len(source.headings)),
            bool(ASKS_COUNTS.search(text)) or bool(units),
            bool(ASKS_OPENING.search(text)),
            bool(ASKS_NEGATION.search(text)),
            bool(ASKS_EXAMPLES.search(text)),
        )

    def score(
        self, passage: Passage, unit: QuotableUnit, row: int | None, nearness: Mapping[int, float]
    ) -> float:
        """Return the weighted sum of what speaks for and against a unit."""
        found = self.features(passage, unit, row, nearness.get(passage.chunk_id, 0.0))
        return sum(WEIGHTS[name] * value for name, value in found)

    def features(
        self, passage: Passage, unit: QuotableUnit, row: int | None, near: float
    ) -> Iterator[tuple[str, float]]:
        """Yield (name, value) of what is weighed."""
        text = unit_text(unit, row)
        full = text if row is None else f"{text} {' '.join(unit.columns)}"
        facts = text_facts(full)
        heading = unit.heading or (passage.headings[-1] if passage.headings else "")
        above = " ".join(passage.headings if unit.heading else passage.headings[:-1])
        strong, weak = found_expressions(self.kinds, full)
        strong_heading, weak_heading = found_expressions(self.kinds, heading)
        opening = self.source.is_opening(passage)
        yield "expression", strong
        yield "rare_expression", strong * self.rare
        yield "weak_expression", weak
        yield "in_heading", strong_heading * self.rare_heading
        yield "weak_in_heading", weak_heading
        yield "above", found_expressions(self.kinds, above)[0]
        yield "name", self.source.share(self.heading, facts.stems)
        yield "near", near
        yield "counted", self.counts and bool(facts.units)
        yield "asked_unit", bool(self.units & facts.units)
        yield "negated", self.negation and bool(NEGATION.search(facts.folded))
        yield "named_example", self.examples * min(facts.names, 3)
        yield "verb", has_verb(text) if row is not None else facts.has_verb
        yield "row", row is not None
        yield "short", len(text) < SHORT
        yield "note", not unit.numbered and bool(NOTE.match(text))
        yield "opening", opening
        yield "opening_question", opening and self.opening
        yield "own_matter", self.source.own_matter(heading, self.asked)
        yield "other_subject", self.source.other_subjects[passage.document_id, passage.headings]
