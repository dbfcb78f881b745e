"""Fill a sheet with verbatim sentences of its sources, without a language model.

A sentence, item or row is put into the field that it answers best, and only where it is likely
enough to be on its topic (`sheets.writers.candidates`), stands by itself and is not there already.
What is less certain is left to people, who are shown it as a candidate.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar

from ingestion.search.passage import Passage
from ingestion.vector_index.embedders.base import Embedder
from sheets.markdown.parse import heading_key
from sheets.markdown.sentences import has_verb, is_sentence
from sheets.schema.types import (
    CitedPassage,
    DraftStatement,
    Evidence,
    FieldBrief,
    FieldDraft,
    SectionBrief,
    SectionDraft,
    SheetTemplate,
)
from sheets.verification.quantities import SPELLED
from sheets.writers.candidates import rank_candidates
from sheets.writers.certainty import FieldDemand, SubjectWords
from sheets.writers.numbered import NumberedPassages, NumberedUnit, set_field
from sheets.writers.passage_units import Place, units_of
from sheets.writers.repeats import without_near_duplicates
from wikico2.llm.client import RetryPolicy
from wikico2.text.exponents import DOUBTFUL
from wikico2.text.normalize import fold_text, folded_words, stem_set, text_stems

PROMPT_VERSION = "extractive-3"
SHORTEST, LONGEST = 35, 420
"""Characters of a sentence that is quoted without being asked for."""

HOW_MANY = {"text": 3, "list": 7, "steps": 7, "table": 15, "value": 1}
NEAR_DUPLICATE = 0.6
"""Share of the stems of the shorter of two texts that makes them say the same."""

LEAST_WORTH = 0.3
"""Least worth of a unit that fills a field, if it is also certain."""

NAMED = 2.0
"""Score of what stands under a heading with the field's own name, above any worth."""

LONGER_HEADING = 3
"""Words that a heading may have beside twice those of the field's name."""

TAIL = 0.8
"""Share of the worth of a field's best statement that its others need."""

FILLED = 0.75
"""Least share of non-empty cells of a table."""

LONGEST_NAME, LONGEST_VALUE = 60, 160
"""Characters of `name : value`."""
NUMBER_WORDS = {"une": 1} | {word: number for word, number in SPELLED.items() if number <= 10}


class UnitWorths:
    """The units of some passages, with what each is worth for the fields of a template."""

    def __init__(self, title: str, template: SheetTemplate, shown: Mapping[str, Passage]) -> None:
        self.title = title
        self.template = template
        self.numbered = NumberedPassages(shown)
        self._passages = tuple(shown.values())
        self.subject = SubjectWords(title, self._passages)
        self._worths: dict[FieldBrief, dict[Place, float]] = {}

    def of_field(self, field: FieldBrief) -> dict[Place, float]:
        """Return the worth of each unit for a field."""
        if field not in self._worths:
            ranked = rank_candidates(self.title, field, self._passages)
            self._worths[field] = {found.place: found.worth for found in ranked}
        return self._worths[field]

    @cached_property
    def highest(self) -> dict[Place, float]:
        """Return the highest worth of each unit for any field that competes for it."""
        highest: dict[Place, float] = {}
        for section in filter(competes, self.template.written):
            for field in section.fields:
                for place, worth in self.of_field(field).items():
                    highest[place] = max(worth, highest.get(place, 0.0))
        return highest


class ExtractiveWriter:
    """The writer that only quotes; it needs no language model."""

    backend = "local"
    prompt_version = PROMPT_VERSION

    passages_per_field = 16
    tokens_per_section = 60_000
    at_once = 1
    parameters: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, template: SheetTemplate, embedder: Embedder) -> None:
        self.template = template
        self.embedder = embedder
        self.model = f"extraction ({embedder.name})"
        self._last: tuple[Any, UnitWorths] | None = None

    def write(
        self, title: str, section: SectionBrief, evidence: Evidence, patience: RetryPolicy
    ) -> SectionDraft:
        """Return the section filled from the evidence."""
        if section.role == "header":
            return SectionDraft(
                section.key, tuple(labelled_value(f, evidence) for f in section.fields)
            )
        units = self.worths(title, evidence.shown)
        used: set[str] = set()
        fields = []
        for field in section.fields:
            chosen = choose_units(section, field, units)
            fields.append(set_field(field, [u.number for u in chosen], units.numbered, used))
            patience.on_wait()
        return SectionDraft(section.key, tuple(fields))

    def worths(self, title: str, shown: Mapping[str, Passage]) -> UnitWorths:
        """Return the worths of the units of passages, kept while sections show the same ones."""
        key = title, tuple((label, p.chunk_id) for label, p in shown.items())
        if self._last is None or self._last[0] != key:
            self._last = key, UnitWorths(title, self.template, shown)
        return self._last[1]


def choose_units(section: SectionBrief, field: FieldBrief, units: UnitWorths) -> list[NumberedUnit]:
    """Return the units that a field is filled with, in reading order."""
    numbered, subject = units.numbered, units.subject
    worths = units.of_field(field)
    highest = units.highest if competes(section) else {}
    is_summary = section.key == "resume"
    demand = FieldDemand.of(field)
    scored: list[tuple[float, NumberedUnit]] = []
    for unit in numbered.units:
        place = numbered.place(unit)
        worth = worths.get(place, 0.0)
        if not unit.number:
            continue
        if is_named(unit, field, numbered):
            if not subject.concerns(numbered.shown[unit.label], unit.text):
                continue
            if is_fit(unit, field, numbered, named=True):
                scored.append((NAMED + worth / 10, unit))
        elif not is_fit(unit, field, numbered):
            continue
        elif is_summary:
            if sums_up(unit, subject, numbered):
                scored.append((worth, unit))
        elif worth >= max(LEAST_WORTH, highest.get(place, 0.0)) and is_certain(
            unit, demand, subject, numbered
        ):
            scored.append((worth, unit))
    if is_summary:  # what names the whole subject comes first
        scored = [(worth + subject.is_named(unit.text), unit) for worth, unit in scored]
    scored.sort(key=lambda pair: (-pair[0], pair[1].number))
    least = TAIL * scored[0][0] if scored else 0.0
    return pick_varied((unit for worth, unit in scored if worth >= least), how_many(field))


def competes(section: SectionBrief) -> bool:
    """Tell whether the fields of a section compete for sentences: not those of the summary."""
    return section.role == "body" and section.key != "resume"


def how_many(field: FieldBrief) -> int:
    """Return the most statements of a field: the number in its instruction, or `HOW_MANY`."""
    if field.shape == "text" and "phrases" in folded_words(field.instruction):
        counts = [NUMBER_WORDS[w] for w in folded_words(field.instruction) if w in NUMBER_WORDS]
        return max(counts, default=HOW_MANY["text"])
    return HOW_MANY[field.shape]


def is_named(unit: NumberedUnit, field: FieldBrief, numbered: NumberedPassages) -> bool:
    """Tell whether the nearest heading above a unit is the field's own name, or little more."""
    passage = numbered.shown[unit.label]
    heading = unit.heading or (passage.headings[-1] if passage.headings else "")
    key, name = heading_key(heading), heading_key(field.heading)
    is_same = f" {name} " in f" {key} " and is_denied(name) == is_denied(key)
    return bool(name) and is_same and len(key.split()) <= 2 * len(name.split()) + LONGER_HEADING


def is_denied(key: str) -> bool:
    return bool({"pas", "non", "hors"} & set(key.split()))


def is_fit(
    unit: NumberedUnit, field: FieldBrief, numbered: NumberedPassages, *, named: bool = False
) -> bool:
    """Tell whether a unit may fill a field by itself: a whole statement of a suitable length.

    Under the field's own name, a row or an item without a verb says enough.
    """
    if unit.kind == "row":
        return (named or field.shape in ("table", "list")) and is_suitable_row(unit)
    chain = [numbered.units[i] for i in numbered.chain(numbered.by_number[unit.number])]
    text = " ".join(one.text for one in chain)
    if not (0 if named else SHORTEST) <= len(text) <= LONGEST:
        return False
    if unit.kind == "item" and (named or len(chain) > 1):  # its lead-in makes it a statement
        return field.shape != "text"
    return is_sentence(unit.text) if unit.kind == "sentence" else has_verb(unit.text)


def is_certain(
    unit: NumberedUnit, demand: FieldDemand, subject: SubjectWords, numbered: NumberedPassages
) -> bool:
    """Tell whether a unit answers the field, about the sheet's subject, in its own words."""
    passage = numbered.shown[unit.label]
    chain = numbered.chain(numbered.by_number[unit.number])
    text = " ".join(numbered.units[index].text for index in chain)
    heading = f"{unit.heading} {passage.headings[-1] if passage.headings else ''}"
    return demand.is_met(text, f"{unit.around} {heading}") and subject.concerns(passage, text)


def sums_up(unit: NumberedUnit, subject: SubjectWords, numbered: NumberedPassages) -> bool:
    """Tell whether a sentence says what the subject is or does, on the first pages of a source."""
    chain = numbered.chain(numbered.by_number[unit.number])
    text = " ".join(numbered.units[index].text for index in chain)
    passage = numbered.shown[unit.label]
    return unit.kind == "sentence" and subject.is_summed_up(passage, text)


def is_suitable_row(unit: NumberedUnit) -> bool:
    """Tell whether a row is of a table, not of a chart: columns named, most cells filled."""
    named = all(re.search(r"[^\W\d]{2}", name) for name in unit.columns)
    filled = sum(bool(cell.strip()) for cell in unit.cells)
    return 2 <= len(unit.columns) <= 8 and named and filled >= FILLED * len(unit.cells)


def pick_varied(units: Iterable[NumberedUnit], most: int) -> list[NumberedUnit]:
    """Return up to `most` of the units, best first, without near-duplicates, in reading order."""
    varied = without_near_duplicates(units, lambda unit: unit.text, NEAR_DUPLICATE)
    return sorted(islice(varied, most), key=lambda unit: unit.number)


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
    for unit in units_of(text):
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
    name, _, value = (part.strip() for part in text.partition(":"))
    value = value.removesuffix(".").rstrip()
    is_name = 2 <= len(name) <= LONGEST_NAME and not {"|", "."} & set(name)
    return (name, value, f"{name} : {value}") if value and is_name else None


def is_valid_value(value: str, field: FieldBrief) -> bool:
    """Tell whether a value suits the field: short, and one of the choices if there are any."""
    if (
        DOUBTFUL.search(value)
        or not value.strip()
        or len(value) > LONGEST_VALUE
        or (has_verb(value) and len(value) > 90)
    ):
        return False
    if field.choices:
        return any(fold_text(c)[:6] in fold_text(value) for c in field.choices)
    return True
