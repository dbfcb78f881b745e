"""Cut passages into numbered sentences, items and rows, and set chosen numbers word for word. Pure.

A model answers with numbers; what stands on the sheet is the source's own text. A sentence that
leans on the one before it, or an item on its lead-in, is set with what it leans on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ingestion.search.passage import Passage
from sheets.markdown.parse import heading_key
from sheets.markdown.sentences import (
    QuotableUnit,
    is_sentence,
    needs_context,
    points_elsewhere,
)
from sheets.schema.prompt import LOOKS_LIKE_A_LABEL
from sheets.schema.types import CitedPassage, DraftStatement, FieldBrief, FieldDraft, TableRow
from sheets.writers.empty_words import repeats_title
from sheets.writers.passage_units import Place, units_of
from wikico2.text.exponents import DOUBTFUL
from wikico2.text.normalize import fold_text
from wikico2.text.quotes import find_quote

LONGEST_UNIT = 1_200
"""Characters of a sentence, item or row that may be quoted."""

LONGEST_CHAIN = 4
"""Most sentences that are set because a chosen one leans on them."""

CAPTION = re.compile(r"^(figure|tableau|fig\.|tab\.|source)\s*\d*\s*[-–—:.]", re.IGNORECASE)
OF_CONTENTS = re.compile(r"\s(?:…|\.{2,})\s*\d*$|(?:\.\s?){5,}|…{2,}")
CAPITALS_INSIDE = re.compile(r"(?<![A-ZÀ-Ý])[A-ZÀ-Ý]{4,}(?:\s+[A-ZÀ-Ý’'-]{2,}){2,}")
FOOTNOTE_CALL = re.compile(r"^\d{1,3}\s+(?=[A-ZÀ-Ý«])(?!\d)")


@dataclass(frozen=True)
class NumberedUnit:
    """A sentence, item or row of a passage. `number` is 0 for one that may not be quoted.

    `leans_on` is the index of the unit that has to stand before it; None if it stands by itself.
    """

    number: int
    label: str
    kind: str  # "sentence", "item", "row"
    text: str
    leans_on: int | None = None
    columns: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    position: int = 0
    """Its number among the quotable units of its passage, and that of its row in a table."""
    row: int | None = None
    heading: str = ""
    """The heading above it within its passage."""
    around: str = ""
    """What else stands above it: its lead-in, or the headings of its columns."""


class NumberedPassages:
    """The units of all passages shown for a section, in reading order."""

    def __init__(self, shown: Mapping[str, Passage]) -> None:
        self.units: list[NumberedUnit] = []
        self.shown = shown
        self.ranges: dict[str, range] = {}
        numbers = 0
        for label, passage in shown.items():
            first = len(self.units)
            for unit in cut_passage(label, passage, first):
                if unit.number:
                    numbers += 1
                self.units.append(replace(unit, number=numbers if unit.number else 0))
            self.ranges[label] = range(first, len(self.units))
        self.by_number = {u.number: i for i, u in enumerate(self.units) if u.number}

    def __getitem__(self, number: int) -> NumberedUnit:
        """Return the unit of that number; raises KeyError."""
        return self.units[self.by_number[number]]

    def place(self, unit: NumberedUnit) -> Place:
        """Return where a unit stands."""
        return self.shown[unit.label].chunk_id, unit.position, unit.row

    def lines(self, label: str) -> Iterator[str]:
        """Yield the lines of a passage as a model is shown them: `#12 The text.`"""
        columns: tuple[str, ...] = ()
        for index in self.ranges[label]:
            unit = self.units[index]
            if unit.kind == "row" and unit.columns != columns:
                yield "| " + " | ".join(unit.columns) + " |"
            columns = unit.columns
            text = {"row": f"| {unit.text} |", "item": f"- {unit.text}"}.get(unit.kind, unit.text)
            yield f"#{unit.number} {text}" if unit.number else text

    def chain(self, index: int) -> list[int]:
        """Return the index after those of what it leans on, in reading order."""
        found = [index]
        while (before := self.units[found[0]].leans_on) is not None:
            found.insert(0, before)
        return found

    def cite(self, indices: Sequence[int]) -> tuple[CitedPassage, ...]:
        """Return the citations of units of one passage: one quote for those that stand together."""
        label = self.units[indices[0]].label
        text = self.shown[label].text
        quotes: list[str] = []
        for index in indices:
            unit = self.units[index].text
            joined = f"{quotes[-1]} {unit}" if quotes else ""
            if joined and find_quote(text, joined):
                quotes[-1] = joined
            else:
                quotes.append(unit)
        return tuple(CitedPassage(label, quote) for quote in quotes)


def cut_passage(label: str, passage: Passage, first: int) -> Iterator[NumberedUnit]:
    """Yield the units of a passage; `first` is the index of the first one.

    `number` is 1 for those that may be quoted, else 0.
    """
    headings = {heading_key(h) for h in (passage.title, *passage.headings)}
    index = first
    previous: int | None = None
    leads: dict[str, int] = {}
    quotable: set[int] = set()
    chains: dict[int, int] = {}
    for position, unit in enumerate(units_of(passage.text)):
        if unit.kind == "table":
            for row, cells in enumerate(unit.rows):
                text = " | ".join(cells)
                usable = len([c for c in cells if c.strip()]) > 1 and is_clean(text)
                yield NumberedUnit(
                    int(usable),
                    label,
                    "row",
                    text,
                    None,
                    unit.columns,
                    cells,
                    position,
                    row,
                    unit.heading,
                    f"{unit.lead_in} {' '.join(unit.columns)}",
                )
                index += 1
            previous = None
            continue
        leans, on = _leaning(unit, previous, leads)
        chains[index] = chains.get(on, 0) + 1 if on is not None else 0
        usable = (
            is_clean(unit.text)
            and (not leans or (on in quotable and chains[index] <= LONGEST_CHAIN))
            and heading_key(unit.text) not in headings
            and not repeats_title(unit.text, passage.title)
        )
        if usable or (unit.text.endswith(":") and is_clean(unit.text) and not leans):
            quotable.add(index)
        if unit.kind == "sentence":
            leads[unit.text] = index
            # A lead-in says nothing alone; a question says nothing at all.
            usable = usable and not unit.text.rstrip().endswith((":", "?"))
        yield NumberedUnit(
            int(usable),
            label,
            unit.kind,
            unit.text,
            on if leans else None,
            position=position,
            heading=unit.heading,
            around=unit.lead_in,
        )
        previous = index
        index += 1


def _leaning(
    unit: QuotableUnit, previous: int | None, leads: Mapping[str, int]
) -> tuple[bool, int | None]:
    """Tell whether a unit leans on another one, and on which; None where that is out of reach."""
    if unit.kind == "item":
        leans = bool(unit.lead_in) and not is_sentence(unit.text)
        return leans, leads.get(unit.lead_in)
    return needs_context(unit.text), previous


def is_clean(text: str) -> bool:
    """Tell whether a text may stand on a page: certain, mostly letters, no pointer or caption."""
    return (
        0 < len(text) <= LONGEST_UNIT
        and any(c.isalpha() for c in text)
        and not CAPTION.match(text)
        and not OF_CONTENTS.search(text)
        and not CAPITALS_INSIDE.search(text)
        and not DOUBTFUL.search(text)
        and not LOOKS_LIKE_A_LABEL.search(text)
        and not FOOTNOTE_CALL.match(text)
        and not points_elsewhere(text)
    )


# --- Setting ----------------------------------------------------------------------------------


def set_field(
    field: FieldBrief, numbers: Iterable[int], passages: NumberedPassages, used: set[str]
) -> FieldDraft:
    """Return a field with the units of these numbers, word for word, in this order.

    `used` are the folded texts that the section has already; each is set once. Unknown numbers are
    left out.
    """
    runs: dict[int, set[int]] = {}  # by the index of their first unit
    rows: list[TableRow] = []
    columns: tuple[str, ...] = ()
    for number in dict.fromkeys(numbers):
        index = passages.by_number.get(number)
        if index is None or fold_text(passages.units[index].text) in used:
            continue
        unit = passages.units[index]
        used.add(fold_text(unit.text))
        if unit.kind != "row":
            chain = passages.chain(index)
            runs.setdefault(chain[0], set()).update(chain)
        elif field.shape == "table" and (not columns or columns == unit.columns):
            columns = unit.columns
            rows.append(TableRow(unit.cells, (CitedPassage(unit.label, row_quote(unit)),)))
        else:
            runs[index] = {index}
    statements = tuple(set_run(sorted(run), passages, used) for run in runs.values())
    return FieldDraft(field.key, statements, columns, tuple(rows))


def set_run(run: Sequence[int], passages: NumberedPassages, used: set[str]) -> DraftStatement:
    """Return one statement: sentences one after the other, items after their lead-in, or a row."""
    units = [passages.units[index] for index in run]
    used.update(fold_text(u.text) for u in units)
    if units[0].kind == "row":
        return DraftStatement(
            row_text(units[0]), (CitedPassage(units[0].label, row_quote(units[0])),)
        )
    return DraftStatement(join_units(units), passages.cite(run))


def join_units(units: Sequence[NumberedUnit]) -> str:
    """Return units as one text; items are parted by semicolons after their lead-in."""
    text = ""
    for position, unit in enumerate(units):
        if unit.kind == "item":
            later = units[position + 1 :]
            bare = unit.text.rstrip(" ;,") if unit.text.rstrip().endswith((";", ",")) else unit.text
            if later and later[0].kind == "item":
                bare = bare.rstrip(" .") + " ;"
            elif text and bare[-1:] not in ".!?…»":
                bare += "."
            text += f" {bare}"
        else:
            text += f" {unit.text}"
    return text.strip()


def row_text(unit: NumberedUnit) -> str:
    """Return a row with the headings of its cells: `Poste : Vapeur ; Part : 40 %`."""
    filled = [(c, cell) for c, cell in zip(unit.columns, unit.cells, strict=True) if cell.strip()]
    return " ; ".join(f"{column} : {cell}" if column.strip() else cell for column, cell in filled)


def row_quote(unit: NumberedUnit) -> str:
    """Return the quote of a row: its cells one after the other."""
    return " ".join(cell for cell in unit.cells if cell)
