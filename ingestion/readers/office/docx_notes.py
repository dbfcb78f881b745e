"""The footnotes and endnotes of a Word document, numbered as Word numbers them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingestion.readers.office.docx_numbering import numeral
from ingestion.readers.office.docx_runs import NoteCall
from ingestion.readers.office.docx_styles import W, child_value
from ingestion.readers.office.package import OfficePackage

if TYPE_CHECKING:
    from lxml.etree import _Element

KINDS = ("footnote", "endnote")
_FORMS = {"footnote": "decimal", "endnote": "lowerRoman"}


@dataclass(slots=True)
class Notes:
    """The notes of a document by kind and id, and the numbers given so far."""

    elements: dict[tuple[str, str], _Element] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=lambda: dict(_FORMS))
    counts: Counter[str] = field(default_factory=Counter)
    signs: dict[tuple[str, str], str] = field(default_factory=dict)  # of those called so far
    unread: list[str] = field(default_factory=list)  # kinds whose part could not be read

    @classmethod
    def of(cls, package: OfficePackage, part: str, body: _Element) -> Notes:
        """Read the notes that a document links to; those that can be read."""
        notes = cls()
        for kind in KINDS:
            name = package.related(part, kind + "s")
            if not name:
                continue
            try:
                root = package.root(name)
            except Exception:  # noqa: BLE001  the text is read without its notes
                notes.unread.append(f"{kind}s")
                continue
            for element in root.iterfind(W + kind):
                notes.elements[kind, str(element.get(W + "id"))] = element
        for section in body.iter(W + "sectPr"):
            for kind in KINDS:
                form = child_value(section.find(f"{W}{kind}Pr"), "numFmt")
                if form:
                    notes.forms[kind] = form
        return notes

    def sign(self, call: NoteCall) -> str:
        """Return the number or sign of a note that is called, as readers see it."""
        key = (call.kind, call.name)
        if key not in self.signs:
            self.counts[call.kind] += not call.sign
            number = numeral(self.counts[call.kind], self.forms[call.kind])
            self.signs[key] = call.sign or number
        return self.signs[key]

    def take(self, call: NoteCall) -> _Element | None:
        """Return the note that is called, None if it is missing or was taken before."""
        return self.elements.pop((call.kind, call.name), None)
