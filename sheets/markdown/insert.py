"""Put a statement with its citations at the end of a field of a sheet. Pure."""

from collections.abc import Sequence
from itertools import count

from sheets.markdown.parse import escape_markdown, read_outline, write_note
from sheets.markdown.scanner import ScannedBlock, scan
from sheets.markdown.splice import (
    note_lines,
    split_open_block,
    write_notes,
)
from sheets.markdown.version import Version
from sheets.schema.types import FieldBrief, SectionBrief, SheetTemplate

Quote = tuple[str, int, int, str]
"""A citation: title, id and page of the document, and the quote."""


def insert_statement(
    version: Version,
    template: SheetTemplate,
    section: SectionBrief,
    field: FieldBrief,
    text: str,
    quotes: Sequence[Quote],
) -> Version:
    """Return the version with a statement at the end of a field, as its shape asks.

    A missing heading is added; header data gets the statement as its value, after what it has.
    """
    notes, markers = _with_notes(note_lines(version.body), quotes)
    line = escape_markdown(text) + "".join(f"[^{m}]" for m in markers)
    if section.role == "header":
        before = version.values.get(field.key, "").strip()
        value = f"{before} ; {line}" if before else line
        values = {**version.values, field.key: value}
        return Version(write_notes(version.body, notes), values)
    at = _end_of_field(version.body, template, section, field)
    body, at = (
        (version.body, at) if at is not None else _add_headings(version, template, section, field)
    )
    document = scan(body)
    before, open_block = split_open_block(document.source(0, at))
    after = open_block + document.source(at, len(document.lines))
    blocks = scan(before).blocks
    block, joins = _as_block(field, line, blocks[-1] if blocks else None)
    before = before.rstrip("\r\n")
    gap = "\n" if joins else "\n\n"
    ending = f"\n\n{after}" if after.strip() else "\n"
    return Version(write_notes(f"{before}{gap}{block}{ending}", notes), version.values)


def _with_notes(known: dict[str, str], quotes: Sequence[Quote]) -> tuple[dict[str, str], list[str]]:
    """Return the footnotes with those of the quotes, and the markers of these."""
    notes = dict(known)
    by_text = {text: marker for marker, text in notes.items()}
    markers: list[str] = []
    numbers = (str(n) for n in count(1))
    for title, document, page, quote in quotes:
        text = write_note("0", title, document, page, quote).partition(": ")[2]
        if text not in by_text:
            by_text[text] = next(n for n in numbers if n not in notes)
            notes[by_text[text]] = text
        markers.append(by_text[text])
    return notes, list(dict.fromkeys(markers))


def _end_of_field(
    body: str, template: SheetTemplate, section: SectionBrief, field: FieldBrief
) -> int | None:
    """Return the line at which a field's text ends; None where its heading is missing."""
    document = scan(body)
    heads = read_outline(body, template)
    alone = len(section.fields) == 1
    for number, entry in enumerate(heads):
        if entry.key != section.key or entry.field != ("" if alone else field.key):
            continue
        end = heads[number + 1].heading.start if number + 1 < len(heads) else len(document.lines)
        notes = [b.start for b in document.blocks_in(entry.heading.end, end) if b.kind == "note"]
        return min(notes, default=end)
    return None


def _add_headings(
    version: Version, template: SheetTemplate, section: SectionBrief, field: FieldBrief
) -> tuple[str, int]:
    """Return the body with the missing headings of a field, and the line after them.

    A field goes to the end of its section, a section before the next one of the template.
    """
    document = scan(version.body)
    heads = [entry for entry in read_outline(version.body, template) if not entry.field]
    keys = [entry.key for entry in heads]
    order = [s.key for s in template.sections]
    if section.key in keys:
        following = heads[keys.index(section.key) + 1 :]
    else:
        later = set(order[order.index(section.key) + 1 :])
        following = [entry for entry in heads if entry.key in later]
    notes = [block.start for block in document.notes]
    at = following[0].heading.start if following else min(notes, default=len(document.lines))
    opening = [] if section.key in keys else [f"## {section.heading}"]
    opening += [f"### {field.heading}"] if len(section.fields) > 1 else []
    before = "\n\n".join([document.source(0, at).rstrip("\r\n"), *opening]).lstrip("\n")
    after = document.source(at, len(document.lines))
    return f"{before}\n\n{after}", len(scan(f"{before}\n").lines)


def _as_block(field: FieldBrief, line: str, last: ScannedBlock | None) -> tuple[str, bool]:
    """Return the statement as a block of the field's shape, and whether it continues the last."""
    if field.shape in ("text", "value"):
        return line, False
    joins = last is not None and last.kind == "list"
    if field.shape == "steps":
        number = len(last.children) + max(last.level, 1) if joins and last else 1
        return f"{number}. {line}", joins
    return f"- {line}", joins
