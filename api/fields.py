"""The text of a sheet as fields by name, and back. Pure.

A field is its Markdown; a list whose items are lines each is a list of texts, and a plain table a
list of rows by column heading. Both only where writing them gives the same Markdown again, so that
nothing is lost either way. What stands under the heading of a section before its first field, or in
a section that the sheet type does not know, has the name `_`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sheets.markdown.parse import OutlineTracker
from sheets.markdown.scanner import ScannedText, scan, split_row
from sheets.markdown.sections_edit import put_section
from sheets.markdown.splice import body_sections, note_lines, write_definitions
from sheets.markdown.version import Version
from sheets.schema.types import SectionBrief, SheetTemplate

FieldValue = str | list[str] | list[dict[str, str]]
LEAD = "_"
BLANK_START = re.compile(r"\A(?:[ \t]*+\n)+")
STEP = re.compile(r"(\d+)\. (.*)")


class BadField(ValueError):
    """A field that cannot be written: `where` names it, `why` is `unknown` or `lines`."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(where, why)
        self.where = where
        self.why = why


@dataclass(frozen=True)
class SectionFields:
    """One section: its heading as Markdown, its fields by name, the headings of these.

    The section before the first heading has the anchor "" and no heading.
    """

    anchor: str
    heading: str
    values: Mapping[str, FieldValue] = field(default_factory=dict)
    headings: Mapping[str, str] = field(default_factory=dict)


def read_fields_of(version: Version, template: SheetTemplate) -> list[SectionFields]:
    """Return the sections of a text with their fields, in order."""
    return [
        read_section_fields(part.anchor, part.text.replace("\r\n", "\n"), template)
        for part in body_sections(version.body, template)
    ]


def read_section_fields(anchor: str, text: str, template: SheetTemplate) -> SectionFields:
    """Return the fields of one section; the whole as one where they could not be written back."""
    found = split_section(anchor, text, template)
    if split_section(anchor, write_section_fields(found, template), template) != found:
        return SectionFields(anchor, "", {LEAD: text})
    return found


def split_section(anchor: str, text: str, template: SheetTemplate) -> SectionFields:
    """Cut a section at the headings that stand in it."""
    document = scan(text)
    outline = OutlineTracker(template)
    brief = section_brief(anchor, template)
    shapes = {one.key: one.shape for one in brief.fields} if brief else {}
    heads = [block for block in document.blocks if block.kind == "heading" and block.is_top]
    own = heads[0] if anchor and heads and heads[0].start == 0 else None
    below = heads[1:] if own else heads
    starts = [own.end if own else 0, *(block.end for block in below)]
    ends = [*(block.start for block in below), len(document.lines)]
    values: dict[str, FieldValue] = {}
    headings: dict[str, str] = {}
    lead = outline.only_field(anchor) if anchor else ""
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        content = without_blank_ends(document.source(start, end))
        if number == 0:
            if content:
                name = lead or LEAD
                values[name] = read_value(content, shapes.get(name, ""))
            continue
        block = below[number - 1]
        name = free_name(outline.field(anchor, block.heading), values)
        headings[name] = heading_source(document, block.start, block.end)
        values[name] = read_value(content, shapes.get(name, ""))
    title = heading_source(document, own.start, own.end) if own else ""
    return SectionFields(anchor, title, values, headings)


def section_brief(anchor: str, template: SheetTemplate) -> SectionBrief | None:
    return next((section for section in template.sections if section.key == anchor), None)


def heading_source(document: ScannedText, start: int, end: int) -> str:
    return document.source(start, end).rstrip("\n")


def without_blank_ends(text: str) -> str:
    """Return the text without blank lines at its ends; the indent of its first line stays."""
    return BLANK_START.sub("", text).rstrip()


def free_name(name: str, taken: Mapping[str, FieldValue]) -> str:
    """Return the name, with a number where the section has it already."""
    numbers = (f"{name}-{n}" for n in range(2, len(taken) + 3))
    return name if name not in taken else next(one for one in numbers if one not in taken)


def write_section_fields(section: SectionFields, template: SheetTemplate) -> str:
    """Return the Markdown of a section, without footnote definitions."""
    brief = section_brief(section.anchor, template)
    shapes = {one.key: one.shape for one in brief.fields} if brief else {}
    parts = [section.heading]
    for name, value in section.values.items():
        parts += [section.headings.get(name, ""), write_value(value, shapes.get(name, ""))]
    return "\n\n".join(part for part in parts if part)


# --- Values ---------------------------------------------------------------------------------------


def read_value(text: str, shape: str) -> FieldValue:
    """Return a field's Markdown, as a list where it is one of lines or of rows."""
    for value in (read_items(text, shape), read_rows(text)):
        if value and write_value(value, shape) == text:
            return value
    return text


def read_items(text: str, shape: str) -> list[str]:
    """Return the items of a list whose items are one line each; [] for anything else."""
    lines = text.split("\n")
    if shape == "steps":
        steps = [STEP.fullmatch(line) for line in lines]
        return [step[2] for step in steps if step] if all(steps) else []
    return [line[2:] for line in lines] if all(line.startswith("- ") for line in lines) else []


def read_rows(text: str) -> list[dict[str, str]]:
    """Return the rows of a table by column heading; [] for anything else."""
    lines = text.split("\n")
    if len(lines) < 3 or not text.startswith("|"):
        return []
    columns = split_row(lines[0])
    rows = [split_row(line) for line in lines[2:]]
    if len(set(columns)) < len(columns) or any(len(row) != len(columns) for row in rows):
        return []
    return [dict(zip(columns, row, strict=True)) for row in rows]


def write_value(value: FieldValue, shape: str) -> str:
    """Return the Markdown of a value."""
    if isinstance(value, str):
        return value
    if rows := [one for one in value if isinstance(one, dict)]:
        return write_rows(rows)
    items = [one for one in value if isinstance(one, str)]
    marks = (
        (f"{n}. " for n in range(1, len(items) + 1)) if shape == "steps" else ["- "] * len(items)
    )
    return "\n".join(mark + item for mark, item in zip(marks, items, strict=True))


def write_rows(rows: list[dict[str, str]]) -> str:
    """Return a table; its columns are those of all rows, in the order of their first use."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    written = [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    ]
    return "\n".join([written[0], "|" + " --- |" * len(columns), *written[1:]])


# --- Changing -------------------------------------------------------------------------------------


def put_fields(
    version: Version,
    template: SheetTemplate,
    changes: Mapping[str, Mapping[str, FieldValue]],
    notes: Mapping[str, str],
) -> Version:
    """Return the text with these fields changed; every other byte of its body stays.

    `changes` are values by section and field, `notes` definitions by marker. A field or section of
    the sheet type that the text lacks is added in its place. Raises BadField.
    """
    known = {one.anchor: one for one in read_fields_of(version, template)}
    defined = note_lines(version.body)
    fresh = {marker: text for marker, text in notes.items() if defined.get(marker) != text}
    for anchor, values in changes.items():
        before = known.get(anchor) or new_section(anchor, template)
        after = changed_section(before, values, template)
        if after == before and anchor in known:
            continue
        typed = write_section_fields(after, template)
        called = {m: t for m, t in fresh.items() if f"[^{m}]" in typed}
        if called:
            typed = f"{typed}\n\n{write_definitions(called)}\n"
        version = put_section(version, anchor, typed, template)
    return version


def new_section(anchor: str, template: SheetTemplate) -> SectionFields:
    """Return an empty section of the sheet type; raises BadField."""
    brief = section_brief(anchor, template)
    if brief is None or brief.role != "body":
        raise BadField(anchor, "unknown")
    return SectionFields(anchor, f"## {brief.emoji} {brief.heading}".replace("  ", " "))


def changed_section(
    section: SectionFields, values: Mapping[str, FieldValue], template: SheetTemplate
) -> SectionFields:
    """Return a section with some fields changed; raises BadField."""
    brief = section_brief(section.anchor, template)
    briefs = {one.key: one for one in brief.fields} if brief else {}
    new = {**section.values}
    headings = {**section.headings}
    for name, value in values.items():
        where = f"{section.anchor}.{name}"
        if name not in new and name != LEAD and name not in briefs:
            raise BadField(where, "unknown")
        if any("\n" in text for text in single_lines(value)):
            raise BadField(where, "lines")
        if name not in new and name in briefs and len(briefs) > 1:
            headings[name] = f"### {briefs[name].heading}"
        new[name] = value
    names = placed_names(section.values, values, [LEAD, *briefs])
    ordered = {name: new[name] for name in names}
    return SectionFields(section.anchor, section.heading, ordered, headings)


def single_lines(value: FieldValue) -> Iterator[str]:
    """Yield the texts of a value that stand on one line each."""
    for one in () if isinstance(value, str) else value:
        yield from one.values() if isinstance(one, dict) else (one,)


def placed_names(
    there: Mapping[str, FieldValue], names: Mapping[str, FieldValue], order: Sequence[str]
) -> list[str]:
    """Return the names; those that are new stand where the sheet type has them."""
    placed = list(there)
    for name in names:
        if name in there:
            continue
        later = set(order[order.index(name) + 1 :])
        at = next((n for n, other in enumerate(placed) if other in later), len(placed))
        placed.insert(0 if name == LEAD or len(order) == 2 else at, name)
    return placed
