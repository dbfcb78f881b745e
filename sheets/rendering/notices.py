"""Say what of a text a page does not show, or not as its writer may have meant it."""

import re
from collections.abc import Iterator
from itertools import islice

from django.utils.translation import gettext as _

from sheets.markdown.html_tags import LETTER_TAGS, MARKUP, is_html, tag_name
from sheets.markdown.parse import INLINE_CODE
from sheets.markdown.scanner import ScannedBlock, scan, split_row

MOST_NOTICES = 20
LONGEST_QUOTED = 60
HONOURED = {*LETTER_TAGS.split("|"), "br", "a"}
NO_HEADING = re.compile(r"#{1,6}[^\W\d_]")
PICTURE_ELSEWHERE = re.compile(r"!\[[^\[\]]*\]\((?:https?:)?//")


def preview_notices(body: str) -> list[str]:
    """Return a sentence for each thing that the page of a text does not show as written."""
    return list(islice(dict.fromkeys(find_notices(body)), MOST_NOTICES))


def find_notices(body: str) -> Iterator[str]:
    hidden: dict[str, None] = {}
    for block in scan(body).leaves:
        if block.kind == "code":
            if block.marker and not block.closed:
                yield unclosed(block)
            continue
        if block.kind == "table":
            yield from surplus_cells(block)
        text = INLINE_CODE.sub("", block.text)
        if block.kind == "text" and NO_HEADING.match(text):
            sentence = _("“%(line)s” is not a heading: it needs a space after the #.")
            yield sentence % {"line": shortened(block.lines[0])}
        if PICTURE_ELSEWHERE.search(text):
            yield _("Pictures of other sites are shown as links: upload them to show them here.")
        if "<" in text:
            hidden |= dict.fromkeys(hidden_tags(text))
    if "<!-- -->" in hidden:
        yield _("Comments (<!-- … -->) are not shown to readers.")
    if names := [name for name in hidden if name != "<!-- -->"]:
        sentence = _("These HTML tags have no effect, only the text between them shows: %(tags)s")
        yield sentence % {"tags": ", ".join(names)}


def hidden_tags(text: str) -> Iterator[str]:
    """Yield the tags of a text that no page shows, such as `<div>`, and `<!-- -->` for comments."""
    for match in MARKUP.finditer(text):
        if match[0].startswith("<!--"):
            yield "<!-- -->"
        elif is_html(match[0]) and (name := tag_name(match[0])) not in HONOURED:
            yield f"<{name}>"


def unclosed(fence: ScannedBlock) -> str:
    """Return the notice for code without an end."""
    sentence = _(
        "The code that begins on line %(line)s has no end, so everything after it is code: close "
        "it with a line of %(marks)s."
    )
    return sentence % {"line": fence.start + 1, "marks": fence.marker}


def surplus_cells(table: ScannedBlock) -> Iterator[str]:
    """Yield a notice for each row of more cells than the head of the table."""
    width = len(split_row(table.lines[0]))
    sentence = _("A row has more cells than the head of its table; not shown: “%(cells)s”.")
    for row in table.lines[2:]:
        if cells := [cell for cell in split_row(row)[width:] if cell]:
            yield sentence % {"cells": shortened(" | ".join(cells))}


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTED else f"{text[:LONGEST_QUOTED].rstrip()}…"
