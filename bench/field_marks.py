"""Count, by the marks of a reader, the fields that are filled and on topic, and what is offered.

`tests/gold/real/marks/*.jsonl` has a line for each field of a sheet: whether its sources answer it,
and where, as page and a few words of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.drawn_sheet import DrawnSheet, PlacedText
from bench.real_documents import holds

if TYPE_CHECKING:
    from ingestion.models import Document

Mark = dict[str, Any]


@dataclass(frozen=True)
class MarkedField:
    """What became of a field: what it was filled with, and the candidates offered for it."""

    mark: Mark
    pages: frozenset[tuple[int, int]]
    """The pages of the marked answers, as (document id, page)."""
    filled: Sequence[PlacedText]
    offered: Sequence[PlacedText]

    @property
    def is_answered(self) -> bool:
        """Tell whether the sources answer the field."""
        return bool(self.mark["answered"])

    @property
    def is_on_topic(self) -> bool:
        """Tell whether the field is filled with a marked answer."""
        return any_marked(self.mark, self.filled)

    @property
    def is_on_page(self) -> bool:
        """Tell whether the field is filled from the page of a marked answer."""
        return self.is_on_topic or any(self.pages & one.pages for one in self.filled)

    @property
    def is_off_topic(self) -> bool:
        """Tell whether the field is filled with something that is marked as off its topic."""
        return any_marked(self.mark, self.filled, "off")

    @property
    def is_reached(self) -> bool:
        """Tell whether the field is filled, or a marked answer is among its candidates."""
        return bool(self.filled) or self.is_offered

    @property
    def is_offered(self) -> bool:
        """Tell whether a marked answer is among the candidates."""
        return any_marked(self.mark, self.offered)


def any_marked(mark: Mark, texts: Iterable[PlacedText], kind: str = "answers") -> bool:
    """Tell whether one of the texts has the words of an answer, or of what is marked as off."""
    wanted = [place["contains"] for place in mark.get(kind, ())]
    return any(holds(one.text, [words]) for one in texts for words in wanted)


def follow_marks(
    marks: Sequence[Mark], drawn: DrawnSheet, documents: Mapping[str, Document]
) -> list[MarkedField]:
    """Return what became of the marked fields of one sheet; `documents` are by hash."""
    from sheets.models import SheetType
    from sheets.models.schema_loader import load_template
    from sheets.writers.field_picks import find_picks

    template = load_template(SheetType.objects.get(key=marks[0]["sheet_type"]))
    fields = {(s.key, f.key): f for s in template.written for f in s.fields}
    found = []
    for mark in marks:
        name = mark["section"], mark["field"]
        ids = [documents[digest].pk for digest in mark["documents"]]
        picks = find_picks(mark["sheet"], fields[name], ids) if mark["answered"] else []
        offered = [PlacedText(p.text, frozenset(s[1:3] for s in p.sources)) for p in picks]
        pages = frozenset((documents[a["document"]].pk, a["page"]) for a in mark["answers"])
        found.append(MarkedField(mark, pages, drawn.fields.get(name, ()), offered))
    return found


def report(fields: Sequence[MarkedField]) -> str:
    """Return the counts over some fields, in one line."""
    answered = [f for f in fields if f.is_answered]
    filled = [f for f in answered if f.filled]
    return (
        f"{len(answered)} fields that the sources answer: {len(filled)} filled "
        f"({sum(f.is_on_topic for f in filled)} with a marked answer, "
        f"{sum(f.is_on_page for f in filled)} from its page), "
        f"{sum(f.is_reached for f in answered)} filled or with a marked answer among their first "
        f"candidates; of {len(fields) - len(answered)} others "
        f"{sum(bool(f.filled) for f in fields if not f.is_answered)} filled; "
        f"{sum(f.is_off_topic for f in fields)} with what is marked as off topic"
    )


def print_unreached(fields: Sequence[MarkedField], out: Callable[[str], None]) -> None:
    """Print the answered fields that are neither filled nor have a marked answer offered."""
    for f in fields:
        if f.is_answered and not f.is_reached:
            out(f"  not reached: {f.mark['sheet']}, {f.mark['section']}/{f.mark['field']}")
