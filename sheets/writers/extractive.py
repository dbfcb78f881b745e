"""Fill a sheet with verbatim sentences of its sources, without a language model.

Each sentence is assigned to the field whose question it answers best, by the embeddings of both
and by the headings above it; a field takes its best sentences, without near-duplicates, in the
order of the source. A field without a quotable sentence stays empty.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ingestion.search.hybrid import embed_query
from ingestion.search.passage import Passage
from ingestion.vector_index.embedders.base import Embedder
from sheets.markdown.parse import heading_key
from sheets.markdown.sentences import (
    QuotableUnit,
    has_verb,
    is_sentence,
    needs_context,
    points_elsewhere,
    quotable_units,
)
from sheets.schema.types import (
    CitedPassage,
    DraftStatement,
    Evidence,
    FieldBrief,
    FieldDraft,
    SectionBrief,
    SectionDraft,
    SheetTemplate,
    TableRow,
)
from sheets.verification.quantities import (
    SPELLED,
    find_codes,
    find_quantities,
    loose_measures,
)
from sheets.writers.context import field_question
from sheets.writers.vectors import embed_texts
from wikico2.llm.client import RetryPolicy, Vectors
from wikico2.text.exponents import DOUBTFUL
from wikico2.text.normalize import fold_text, folded_words, stem_set, text_stems

PROMPT_VERSION = "extractive-2"
SHORTEST, LONGEST = 35, 420
ITEM_SHORTEST = 4
ROWS_AT_MOST = 15
HOW_MANY = {"text": 3, "list": 7, "steps": 7, "table": 6}
# Least fit of a unit to its field, above the mean over the fields, to be quoted: under a heading
# that names the field, and elsewhere.
LEAST_FIT_NAMED = 0.03
LEAST_FIT = 0.06
# Weights added to the cosine. A heading equal to the field's name outweighs any vector.
SAME_HEADING = 0.20
HEADING_WEIGHT = 0.10
NAMED = 0.03
# Factor for headings above the nearest one.
ABOVE = 0.7
SECTION_WEIGHT = 0.02
WORDS_WEIGHT = 0.04
# Least share of the field's words in the heading of a table, for a field of another shape.
TABLE_LEAST_HEADING = 0.5
# Bonuses for the summary: on the first pages, in a summary of the source, with a quantity.
EARLY, SUMMING_UP, WITH_QUANTITY = 0.03, 0.04, 0.02
EARLY_PAGES = 2
SUMMARIES = frozenset(
    "resume synthese bref introduction avant preambule objectif objectifs essentiel".split()
)
NEAR_DUPLICATE = 0.6
SAME_FACT = 0.9
# Least share of non-empty cells of a table.
FILLED = 0.75
LABELLED = re.compile(r"^\s*([^:|.]{2,60}?)\s*:\s*(\S.{0,160}?)\s*\.?$")
CAPTION = re.compile(r"^(figure|tableau|fig\.|tab\.|source)\s*\d*\s*[-–—:.]", re.IGNORECASE)
OF_CONTENTS = re.compile(r"\s(?:…|\.{2,})\s*\d*$|(?:\.\s?){5,}|…{2,}")
FOOTNOTE = re.compile(r"^\d{1,3}\s+(?=[A-ZÀ-Ý«])(?!\d)")
# A title in capitals that runs into its text: « ÉTAPE 2 - DÉFINIR LES PÉRIMÈTRES : Cette méthode… »
CAPITALS_TITLE = re.compile(r"^[^a-zà-ÿ]{12,}?:\s+(?=[A-ZÀ-Ý])")
CAPITALS_INSIDE = re.compile(r":\s+[A-ZÀ-Ý]{4,}(?:\s+[A-ZÀ-Ý]{2,})*\s+[A-ZÀ-Ý][a-zà-ÿ’']")
# Units that the instruction of a field asks for, by its words: « Un montant par ligne ».
ASKED_FOR = {
    "montant": frozenset({"€", "$"}), "montants": frozenset({"€", "$"}),
    "duree": frozenset({"mois", "s"}), "durees": frozenset({"mois", "s"}),
}  # fmt: skip
NUMBER_WORDS = {"une": 1} | {word: number for word, number in SPELLED.items() if number <= 10}


@dataclass(frozen=True)
class QuoteCandidate:
    """A quotable unit in its passage."""

    label: str
    passage: Passage
    unit: QuotableUnit
    order: tuple[int, int, int]

    @property
    def heading(self) -> str:
        """Return the nearest heading above the unit."""
        return self.unit.heading or (self.passage.headings[-1] if self.passage.headings else "")

    @property
    def context(self) -> str:
        """Return the text that is embedded: the unit under its nearest heading."""
        heading = self.heading
        text = self.unit.text if self.unit.kind != "table" else self.unit.text[:400]
        return f"{heading} : {text}" if heading else text


class ExtractiveWriter:
    """The writer that only quotes; it needs no language model."""

    backend = "local"
    prompt_version = PROMPT_VERSION

    passages_per_field = 16
    tokens_per_section = 60_000
    at_once = 1  # it stores vectors in the database
    parameters: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, template: SheetTemplate, embedder: Embedder) -> None:
        self.template = template
        self.embedder = embedder
        self.model = f"extraction ({embedder.name})"

    @cached_property
    def fields(self) -> list[tuple[str, FieldBrief]]:
        """Return (section key, field) for the fields that compete for sentences."""
        return [
            (section.key, field)
            for section in self.template.written
            if section.role == "body" and section.key != "resume"
            for field in section.fields
        ]

    @cached_property
    def names(self) -> list["FieldNames"]:
        """Return the words that headings of sources are compared with, for each competing field."""
        headings = {s.key: s.heading for s in self.template.written}
        return [FieldNames.of(field, headings[section]) for section, field in self.fields]

    def questions(self, patience: RetryPolicy) -> Vectors:
        """Return the vectors of the competing fields' questions, shape (fields, dimensions).

        They are the queries that have found the passages, and cached with them.
        """
        vectors = []
        for _, field in self.fields:
            patience.on_wait()
            vectors.append(embed_query(field_question(field), self.embedder.name, in_queue=True))
        return np.vstack(vectors)

    def write(
        self, title: str, section: SectionBrief, evidence: Evidence, patience: RetryPolicy
    ) -> SectionDraft:
        """Return the section filled from the evidence."""
        if section.role == "header":
            return SectionDraft(
                section.key, tuple(labelled_value(f, evidence) for f in section.fields)
            )
        candidates = gather_candidates(evidence)
        if not candidates:
            return SectionDraft(section.key, tuple(FieldDraft(f.key) for f in section.fields))
        vectors = embed_texts(self.embedder, [c.context for c in candidates], patience)
        if section.key == "resume":
            return SectionDraft(
                section.key,
                tuple(self.summary(title, f, candidates, vectors) for f in section.fields),
            )
        fit, meaning = self.fit(candidates, vectors, self.questions(patience))
        return SectionDraft(
            section.key,
            tuple(self.fill(section.key, f, candidates, fit, meaning) for f in section.fields),
        )

    def fit(
        self, candidates: list[QuoteCandidate], vectors: Vectors, questions: Vectors
    ) -> tuple[Vectors, Vectors]:
        """Return two scores of each candidate for each field, of shape (candidates, fields).

        The second one, `meaning`, is the cosine minus its mean over the fields, since some
        sentences are near every question. The first one, `fit`, adds to it bonuses for the words
        that the headings and the sentence share with the field.
        """
        cosine = vectors @ questions.T
        meaning = cosine - cosine.mean(axis=1, keepdims=True)
        fit = meaning.copy()
        for row, candidate in enumerate(candidates):
            above = " ".join(candidate.passage.headings[:-1])
            for column, named in enumerate(self.names):
                fit[row, column] += named.bonus(candidate.heading, above, candidate.unit.text)
        return fit, meaning

    def fill(
        self,
        section: str,
        field: FieldBrief,
        candidates: list[QuoteCandidate],
        fit: Vectors,
        meaning: Vectors,
    ) -> FieldDraft:
        """Return the field filled with the candidates whose best fit is this field."""
        column = next(
            i for i, (s, f) in enumerate(self.fields) if (s, f.key) == (section, field.key)
        )
        named = self.names[column]
        best = fit.max(axis=1)
        mine = [
            (float(fit[i, column]), c)
            for i, c in enumerate(candidates)
            if fit[i, column] == best[i]
            and named.accepts(field, c, float(fit[i, column]), float(meaning[i, column]))
        ]
        mine.sort(key=lambda scored: -scored[0])
        return quote_field(field, mine)

    def summary(
        self, title: str, field: FieldBrief, candidates: list[QuoteCandidate], vectors: Vectors
    ) -> FieldDraft:
        """Return the sentences nearest to the title and question, with bonuses for a summary."""
        question = self.embedder.query(f"{title} : {field.question}")
        usable = [
            (float(score) + summary_fitness(c), c)
            for score, c in zip(vectors @ question, candidates, strict=True)
            if fits_shape(c.unit, "text")
        ]
        usable.sort(key=lambda scored: -scored[0])
        return FieldDraft(field.key, statements_of(pick_varied(usable, how_many(field))))


@dataclass(frozen=True)
class FieldNames:
    """The stems by which the headings and texts of a source are matched with a field."""

    phrase: str
    heading: frozenset[str]
    section: frozenset[str]
    question: frozenset[str]
    # The dimensions of which a statement must give a quantity, and whether any one is enough.
    units: frozenset[str] = frozenset()
    any_unit: bool = False

    @classmethod
    def of(cls, field: FieldBrief, section: str) -> "FieldNames":
        return cls(
            phrase=heading_key(field.heading),
            heading=stem_set(field.heading),
            section=stem_set(section),
            question=stem_set(f"{field.heading} {field.question}"),
            units=asked_units(field),
            any_unit="valeur" in folded_words(field.instruction)[:3],
        )

    def bonus(self, heading: str, above: str, text: str) -> float:
        """Return the bonus of the headings above a unit and of its own words."""
        return (
            max(self.heading_bonus(heading), ABOVE * self.heading_bonus(above))
            + SECTION_WEIGHT * stem_share(self.section, stem_set(above))
            + WORDS_WEIGHT * min(1.0, len(stem_set(text) & self.question) / 3)
        )

    def heading_bonus(self, heading: str) -> float:
        """Return the bonus of a heading; 0 for one that negates the field's name."""
        key = heading_key(heading)
        if is_negated(key) != is_negated(self.phrase):
            return 0.0
        if self.phrase and f" {self.phrase} " in f" {key} ":
            return SAME_HEADING
        # One word in common proves little: « la séquence éviter, réduire, compenser ».
        held = stem_set(heading)
        if len(self.heading) < 2 or not held:
            return 0.0
        return HEADING_WEIGHT * stem_share(self.heading, held) * min(1.0, 2 / len(held))

    def accepts(
        self, field: FieldBrief, candidate: QuoteCandidate, fit: float, meaning: float
    ) -> bool:
        """Tell whether the field accepts the unit, by its kind, its fit and its quantities."""
        above = " ".join(candidate.passage.headings[:-1])
        is_named = max(self.heading_bonus(candidate.heading), self.heading_bonus(above)) >= NAMED
        if fit < (LEAST_FIT_NAMED if is_named else LEAST_FIT):
            return False
        if candidate.unit.kind == "table":
            near = stem_share(self.heading, stem_set(candidate.heading))
            listed = field.shape == "list" and near >= TABLE_LEAST_HEADING and meaning >= 0
            return field.shape == "table" or listed
        # An item without a verb is only understood under its heading.
        if candidate.unit.kind == "item" and not is_named and not has_verb(candidate.unit.text):
            return False
        return self.has_quantity(candidate.unit.text, is_named)

    def has_quantity(self, text: str, is_named: bool) -> bool:
        """Tell whether a text gives a quantity in the units asked for; True if none is."""
        if not self.units and not self.any_unit:
            return True
        found = {q.unit for q in find_quantities(text) if q.unit}
        if is_named:  # the heading names what is measured
            return bool(found) or not self.units
        subject = bool(self.heading & stem_set(text))
        if self.any_unit and not self.units:
            return bool(found) and subject
        return bool(found & (self.units - {"%"})) or ("%" in found & self.units and subject)


def is_negated(key: str) -> bool:
    return bool({"pas", "non", "hors"} & set(key.split()))


def asked_units(field: FieldBrief) -> frozenset[str]:
    """Return the dimensions that a field asks for: « en kWh ou en pourcentage », « un montant »."""
    asked = folded_words(field.instruction)[:3]
    kinds = frozenset().union(*(ASKED_FOR.get(word, frozenset()) for word in asked))
    if not kinds and "valeur" not in asked:
        return frozenset()
    return kinds | {m.dimension for m in loose_measures(field.question)}


def how_many(field: FieldBrief) -> int:
    """Return the most statements of a field: the number in its instruction, or `HOW_MANY`."""
    if field.shape == "text" and "phrases" in folded_words(field.instruction):
        counts = [NUMBER_WORDS[w] for w in folded_words(field.instruction) if w in NUMBER_WORDS]
        return max(counts, default=HOW_MANY["text"])
    return HOW_MANY[field.shape]


def summary_fitness(candidate: QuoteCandidate) -> float:
    """Return the bonus of a sentence for the summary, besides the cosine."""
    early = EARLY if candidate.passage.page_start <= EARLY_PAGES else 0.0
    opening = folded_words(f"{candidate.heading} {candidate.passage.text[:20]}")
    summing_up = SUMMING_UP if SUMMARIES & set(opening) else 0.0
    counted = WITH_QUANTITY if any(q.unit for q in find_quantities(candidate.unit.text)) else 0.0
    return early + summing_up + counted


def gather_candidates(evidence: Evidence) -> list[QuoteCandidate]:
    """Return the quotable units of the passages, each text once.

    A sentence that needs the one before it as context is quoted together with it, or left out.
    """
    seen: set[str] = set()
    found: list[QuoteCandidate] = []
    for number, (label, passage) in enumerate(evidence.shown.items()):
        before: QuotableUnit | None = None
        headings = {heading_key(h) for h in passage.headings}
        for position, whole in enumerate(quotable_units(passage.text)):
            unit = without_context(without_doubtful_rows(whole), before)
            before = whole
            if unit is None or fold_text(unit.text) in seen or not is_quotable(unit):
                continue
            if heading_key(unit.text) in headings:
                continue
            seen.add(fold_text(unit.text))
            order = (passage.document_id, number, position)
            found.append(QuoteCandidate(label, passage, unit, order))
    return found


def without_context(unit: QuotableUnit, before: QuotableUnit | None) -> QuotableUnit | None:
    """Return the unit in a form that needs no context; None if there is none."""
    if unit.kind == "table":
        return unit
    if unit.kind == "item":
        return None if points_elsewhere(unit.text) else unit
    text = CAPITALS_TITLE.sub("", unit.text)
    if FOOTNOTE.match(text) or CAPITALS_INSIDE.search(text) or points_elsewhere(text):
        return None
    if not needs_context(text):
        return replace(unit, text=text)
    if before is None or before.kind != "sentence" or text != unit.text:
        return None
    start = CAPITALS_TITLE.sub("", before.text)
    if (
        needs_context(start)
        or points_elsewhere(start)
        or FOOTNOTE.match(start)
        or not is_sentence(start)
    ):
        return None
    return replace(unit, text=f"{start} {text}")


def is_quotable(unit: QuotableUnit) -> bool:
    """Tell whether a unit may be quoted: suitable length, mostly letters, not a question."""
    if unit.kind == "table":
        return True
    if DOUBTFUL.search(unit.text):
        return False
    if CAPTION.match(unit.text) or OF_CONTENTS.search(unit.text):
        return False
    letters = sum(c.isalpha() for c in unit.text)
    if letters < 0.5 * len(unit.text.replace(" ", "")) or unit.text.rstrip().endswith(("?", ":")):
        return False
    least = ITEM_SHORTEST if unit.kind == "item" else SHORTEST
    return least <= len(unit.text) <= LONGEST


def without_doubtful_rows(unit: QuotableUnit) -> QuotableUnit:
    """Return a table without the rows that have a doubtful number; other units as they are."""
    if unit.kind != "table" or not DOUBTFUL.search(unit.text):
        return unit
    return replace(unit, rows=tuple(r for r in unit.rows if not DOUBTFUL.search(" ".join(r))))


def fits_shape(unit: QuotableUnit, shape: str) -> bool:
    """Tell whether a unit suits a field of that shape."""
    if unit.kind == "table":
        return False
    if shape == "text" or unit.kind == "sentence":
        return is_sentence(unit.text)
    return True


def quote_field(field: FieldBrief, scored: list[tuple[float, QuoteCandidate]]) -> FieldDraft:
    """Return the field filled with its best candidates; `scored` is sorted best first."""
    tables = [c for _, c in scored if c.unit.kind == "table" and is_suitable_table(c.unit)]
    drawn = table_draft(field, tables) if tables else FieldDraft(field.key)
    usable = [(s, c) for s, c in scored if fits_shape(c.unit, field.shape)]
    if field.shape == "table" and tables:  # beside a table only sentences that add a fact
        usable = [(s, c) for s, c in usable if is_factual(c.unit) and not in_table(c.unit, drawn)]
    chosen = pick_varied(usable, how_many(field))
    return FieldDraft(field.key, statements_of(chosen), drawn.columns, drawn.rows)


def is_factual(unit: QuotableUnit) -> bool:
    """Tell whether a sentence gives a quantity or a reference."""
    return unit.kind == "sentence" and bool(
        find_codes(unit.text) or any(q.unit for q in find_quantities(unit.text))
    )


def in_table(unit: QuotableUnit, drawn: FieldDraft) -> bool:
    """Tell whether a row of the table has nearly the words of a sentence."""
    return any(stem_overlap(unit.text, " ".join(row.cells)) >= SAME_FACT for row in drawn.rows)


def is_suitable_table(table: QuotableUnit) -> bool:
    """Tell whether a table may be quoted: every column named, most cells filled.

    This excludes the bars of a chart that were extracted as a table.
    """
    named = all(re.search(r"[^\W\d]{2}", name) for name in table.columns)
    cells = [cell for row in (table.columns, *table.rows) for cell in row]
    filled = sum(bool(cell.strip()) for cell in cells)
    return (
        2 <= len(table.columns) <= 8
        and len(table.rows) >= 1
        and named
        and filled >= FILLED * len(cells)
    )


def table_draft(field: FieldBrief, tables: list[QuoteCandidate]) -> FieldDraft:
    """Return the source's best table, with its rows continued in other passages."""
    columns = tables[0].unit.columns
    parts = sorted((t for t in tables if t.unit.columns == columns), key=lambda t: t.order)
    rows = [
        TableRow(cells, (CitedPassage(part.label, " ".join(c for c in cells if c)),))
        for part in parts
        for cells in part.unit.rows
    ]
    return FieldDraft(field.key, (), columns, tuple(dict.fromkeys(rows))[:ROWS_AT_MOST])


def pick_varied(scored: list[tuple[float, QuoteCandidate]], most: int) -> list[QuoteCandidate]:
    """Return up to `most` of the best candidates without near-duplicates, in source order."""
    chosen: list[QuoteCandidate] = []
    for _, candidate in scored:
        if len(chosen) == most:
            break
        if all(stem_overlap(candidate.unit.text, c.unit.text) < NEAR_DUPLICATE for c in chosen):
            chosen.append(candidate)
    return sorted(chosen, key=lambda c: c.order)


def statements_of(chosen: list[QuoteCandidate]) -> tuple[DraftStatement, ...]:
    return tuple(
        DraftStatement(tidy_item(c.unit), (CitedPassage(c.label, c.unit.text),)) for c in chosen
    )


def tidy_item(unit: QuotableUnit) -> str:
    """Return a list item as a sentence of its own: a capital first, no semicolon last."""
    if unit.kind != "item":
        return unit.text
    text = re.sub(r"\s*[;,]\s*(et|ou)?$", "", unit.text)
    return text[:1].upper() + text[1:]


def stem_overlap(first: str, second: str) -> float:
    """Return the share of the stems of the smaller of two texts that both have."""
    a, b = stem_set(first), stem_set(second)
    return len(a & b) / max(1, min(len(a), len(b)))


def stem_share(wanted: AbstractSet[str], held: AbstractSet[str]) -> float:
    return len(wanted & held) / len(wanted) if wanted else 0.0


def labelled_value(field: FieldBrief, evidence: Evidence) -> FieldDraft:
    """Return a short value that a source gives under the field's name, as in a fact box."""
    name = re.sub(r"\(.*?\)", "", field.heading)
    wanted = stem_set(name)
    near: FieldDraft | None = None
    for label in dict.fromkeys((*evidence.by_field.get(field.key, ()), *evidence.shown)):
        for given, value, quoted in labelled_pairs(evidence.shown[label].text):
            if not is_valid_value(value, field):
                continue
            draft = FieldDraft(field.key, (DraftStatement(value, (CitedPassage(label, quoted),)),))
            if heading_key(given) == heading_key(name):
                return draft
            if near is None and len(wanted) > 1 and stem_set(given) >= wanted:
                near = draft
    return near or FieldDraft(field.key)


def labelled_pairs(text: str) -> list[tuple[str, str, str]]:
    """Return the (name, value, quote) pairs of a text: `name : value` lines, two-cell rows."""
    pairs: list[tuple[str, str, str]] = []
    for unit in quotable_units(text):
        if unit.kind == "table":
            for row in (unit.columns, *unit.rows):
                pairs.extend(pair for cell in row if (pair := labelled_line(cell)))
                if len(row) == 2 and not labelled_line(row[1]):
                    pairs.append((row[0].rstrip(" :"), row[1], f"{row[0]} {row[1]}"))
    pairs.extend(
        pair
        for line in text.splitlines()
        if not line.lstrip().startswith("|") and (pair := labelled_line(line.lstrip("-•* ")))
    )
    return [p for p in pairs if len(text_stems(p[0])) <= 6]


def labelled_line(text: str) -> tuple[str, str, str] | None:
    """Return (name, value, quote) for a text of the form `name : value`."""
    match = LABELLED.match(text)
    return (match[1], match[2], f"{match[1]} : {match[2]}") if match else None


def is_valid_value(value: str, field: FieldBrief) -> bool:
    """Tell whether a value suits the field: short, and one of the choices if there are any."""
    if (
        DOUBTFUL.search(value)
        or not value.strip()
        or len(value) > 160
        or (has_verb(value) and len(value) > 90)
    ):
        return False
    if field.choices:
        return any(fold_text(c)[:6] in fold_text(value) for c in field.choices)
    return True
