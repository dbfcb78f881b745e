"""Render a part of a sheet with the footnote numbers of the whole sheet. Pure.

The renderer numbers markers in the order it meets them. A part is therefore rendered with a hidden
header line that lists all markers in the order of the whole sheet; `section_html` then removes from
the page what only this line added.
"""

import re
from collections.abc import Iterable, Mapping

from sheets.markdown.parse import called_markers, split_notes
from sheets.merge import Version
from sheets.schema.types import SheetTemplate

UNSEEN = ""
"""The key of the hidden header line."""
REF = re.compile(r'id="ref-(\d+)-(\d+)"')
NOTE = re.compile(r'<li value="\d+" id="note-(\d+)".*?class="backref".*?</li>', re.DOTALL)
GROUP = re.compile(r'<details class="source-notes">.*?</details>', re.DOTALL)
COUNT = re.compile(r'(?<=<span class="count">)\d+')
NO_NOTES = re.compile(r'<section class="notes" id="[^"]*"><h2[^>]*>[^<]*</h2></section>')


def reading_order(version: Version, template: SheetTemplate) -> list[str]:
    """Return the markers of a version in the order in which its page numbers them."""
    _text, notes = split_notes(version.body)
    parts = [*template.ordered(version.values).values(), version.body]
    markers = (marker for part in parts for marker in called_markers(part))
    return [marker for marker in dict.fromkeys(markers) if marker in notes]


def numbering_header(order: Iterable[str]) -> Mapping[str, str]:
    """Return the header line that makes the renderer number the markers in this order."""
    return {UNSEEN: " ".join(f"[^{marker}]" for marker in order)}


def section_html(page: str, counted: int) -> str:
    """Return the HTML of a part with only the notes that it uses.

    `counted` is the number of markers in the hidden header line.
    """
    used = {match[1] for match in REF.finditer(page)}

    def renumber(match: re.Match[str]) -> str:
        number, times = int(match[1]), int(match[2])
        return f'id="ref-{number}-{times - (number <= counted)}"'

    def item(match: re.Match[str]) -> str:
        return match[0] if match[1] in used else ""

    def recount(match: re.Match[str]) -> str:
        left = match[0].count(' id="note-')
        return COUNT.sub(str(left), match[0], count=1) if left else ""

    return NO_NOTES.sub("", GROUP.sub(recount, NOTE.sub(item, REF.sub(renumber, page))))
