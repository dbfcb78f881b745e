"""Extract one section of a body for editing, and put it back.

A section is named by its HTML id, so that each of two sections of one name can be edited. A
reworded heading gets the id behind it, as in `## Nouveau titre {#ancien-titre}`.
"""

import re

from sheets.markdown.parse import OutlineTracker, read_outline, readable_text, split_notes
from sheets.markdown.scanner import HEADING_ANCHOR, scan
from sheets.markdown.splice import (
    BodySection,
    body_sections,
    called_labels,
    joined_labels,
    note_lines,
    relabel_markers,
    write_definitions,
    write_notes,
    write_sections,
)
from sheets.markdown.version import Version
from sheets.schema.types import SheetTemplate

SAME_LINES = 0.5
"""The share of common lines from which a section under another heading is the same section."""


def cut_section(version: Version, anchor: str, template: SheetTemplate) -> str:
    """Return a section with its footnotes; only its heading if the body lacks it."""
    part = find_section(body_sections(version.body, template), anchor)
    if part is None:
        brief = next((s for s in template.sections if s.key == anchor), None)
        return f"## {brief.emoji} {brief.heading}".replace("  ", " ") + "\n\n" if brief else ""
    calls = called_labels([part.text])
    notes = {m: text for m, text in note_lines(version.body).items() if m in calls}
    if not notes:
        return f"{part.text}\n"
    blocks = [part.text, write_definitions(notes)]
    if scan(part.text).open_block:  # would swallow the definitions
        blocks.reverse()
    return "\n\n".join(blocks) + "\n"


def find_section(parts: list[BodySection], anchor: str) -> BodySection | None:
    return next((part for part in parts if part.anchor == anchor), None)


def put_section(into: Version, anchor: str, typed: str, template: SheetTemplate) -> Version:
    """Return `into` with a section replaced by the typed text, and their footnotes merged.

    The typed text may have another heading, several or none. A typed footnote that differs from
    the sheet's one of the same label gets a new label; a marker without a definition keeps the
    former one. The rest of the body keeps every byte.
    """
    before = cut_section(into, anchor, template).replace("\r\n", "\n")
    if typed.strip("\n") == before.strip("\n"):
        return into
    text, notes = split_notes(typed)
    old = body_sections(into.body, template)
    edited = find_section(old, anchor)
    stay = [part for part in old if part is not edited]
    known = note_lines(into.body)
    left = called_labels([edited.text] if edited else [])
    kept = called_labels([*(p.text for p in stay), *into.values.values()])
    calls = called_labels([text])
    defined = {m: t for m, t in known.items() if m in kept or m not in left}
    defined |= {m: known[m] for m in calls if m in known and m not in notes}
    labels = joined_labels(defined, {m: n.text for m, n in notes.items()}, known)
    defined |= {labels[m]: n.text for m, n in notes.items() if m in calls or m not in known}
    text = keep_anchor(relabel_markers(text, labels).strip("\n"), edited, template)
    if "\r\n" in into.body:
        text = text.replace("\n", "\r\n")
    body = write_section(into.body, old, edited, BodySection(anchor, text), template)
    ordered = {m: defined[m] for m in known if m in defined} | defined
    return Version(write_notes(body, ordered), into.values)


def write_section(
    body: str,
    old: list[BodySection],
    edited: BodySection | None,
    new: BodySection,
    template: SheetTemplate,
) -> str:
    """Return the body with the section replaced, or inserted in the order of the template."""
    if edited is not None:
        new = BodySection(edited.key, new.text)
        return write_sections(body, old, [new if part is edited else part for part in old])
    order = [section.key for section in template.sections]
    before = set(order[: order.index(new.key)]) if new.key in order else {p.key for p in old}
    place = max((n for n, p in enumerate(old, 1) if p.key in before), default=0)
    return write_sections(body, old, [*old[:place], new, *old[place:]])


def keep_anchor(text: str, edited: BodySection | None, template: SheetTemplate) -> str:
    """Return the text of a section with the section's HTML id behind its heading, if reworded."""
    document = scan(text)
    first = document.blocks[0] if document.blocks else None
    if edited is None or not edited.anchor or first is None or first.kind != "heading":
        return text
    key = OutlineTracker(template).section(first.heading)
    if first.level > 2 or first.marker or key == edited.key or key in template_keys(template):
        return text
    lines = list(document.lines)
    lines[first.start] = add_anchor(lines[first.start], edited.anchor)
    return "".join(lines)


def template_keys(template: SheetTemplate) -> set[str]:
    return {section.key for section in template.sections}


def add_anchor(line: str, anchor: str) -> str:
    """Return the line of a heading with the anchor at its end."""
    written = line.rstrip()
    closing = re.search(r"(?<![ \t])[ \t]++#++$", written)
    place = closing.start() if closing and written.lstrip().startswith("#") else len(written)
    return f"{written[:place]} {{#{anchor}}}{line[place:]}"


def keep_anchors(version: Version, base: Version, template: SheetTemplate) -> Version:
    """Return a version whose reworded headings of sections keep the HTML ids that `base` has.

    A section is the same under another heading if it follows the same section and has at least
    `SAME_LINES` of its lines.
    """
    if version.body == base.body:
        return version
    old = [part for part in body_sections(base.body, template) if part.anchor]
    new = [part for part in body_sections(version.body, template) if part.anchor]
    place = {"": 0} | {part.anchor: number for number, part in enumerate(old, 1)}
    own = {*place, *template_keys(template)}
    now = {part.anchor for part in new}
    lines = list(scan(version.body).lines)
    before = ""
    for part in new:
        index = place.get(before, len(old))
        before = part.anchor
        if part.anchor in own or index == len(old) or old[index].anchor in now:
            continue
        is_marked = HEADING_ANCHOR.search(lines[part.start].rstrip(" #\r\n"))
        if not is_marked and are_alike(old[index].text, part.text):
            lines[part.start] = add_anchor(lines[part.start], old[index].anchor)
    return Version("".join(lines), version.values)


def are_alike(old: str, new: str) -> bool:
    """Tell whether two sections have most of their lines below the heading in common."""
    was, now = ({line for line in text.splitlines()[1:] if line.strip()} for text in (old, new))
    return bool(was and now) and len(was & now) >= SAME_LINES * max(len(was), len(now))


def section_headings(version: Version, template: SheetTemplate) -> dict[str, str]:
    """Return the heading of each section of a version, by HTML id."""
    return {
        entry.anchor: readable_text(entry.heading.text)
        for entry in read_outline(version.body, template)
        if not entry.field
    }


def is_header(key: str, template: SheetTemplate) -> bool:
    """Tell whether a section key belongs to the header data."""
    return any(s.key == key and s.role == "header" for s in template.sections)
