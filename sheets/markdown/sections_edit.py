"""Extract one section of a body for editing, and put it back.

A section is named by its HTML id, so that each of two sections of one name can be edited. A
reworded heading gets the id behind it, as in `## Nouveau titre {#ancien-titre}`.
"""

import re

from sheets.markdown.parse import OutlineTracker, read_outline, readable_text, split_notes
from sheets.markdown.scanner import ScannedText, scan
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
    return f"{part.text}\n\n{write_definitions(notes)}\n" if notes else f"{part.text}\n"


def find_section(parts: list[BodySection], anchor: str) -> BodySection | None:
    return next((part for part in parts if part.anchor == anchor), None)


def put_section(into: Version, anchor: str, typed: str, template: SheetTemplate) -> Version:
    """Return `into` with a section replaced by the typed text, and their footnotes merged.

    The typed text may have another heading, several or none. A typed footnote that differs from
    the sheet's one of the same label gets a new label; a marker without a definition keeps the
    former one. The rest of the body keeps every byte.
    """
    if typed.strip("\n") == cut_section(into, anchor, template).strip("\n"):
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
    return mark_heading(document, first.start, edited.anchor)


def template_keys(template: SheetTemplate) -> set[str]:
    return {section.key for section in template.sections}


def mark_heading(document: ScannedText, line: int, anchor: str) -> str:
    """Return the text with the anchor behind the heading that begins on a line."""
    lines = list(document.lines)
    written = lines[line].rstrip()
    closing = re.search(r"(?<![ \t])[ \t]++#++$", written)
    place = closing.start() if closing and written.lstrip().startswith("#") else len(written)
    lines[line] = f"{written[:place]} {{#{anchor}}}{lines[line][place:]}"
    return "".join(lines)


def keep_anchors(version: Version, base: Version, template: SheetTemplate) -> Version:
    """Return a version whose reworded headings of sections keep the HTML ids that `base` has.

    A section is the same under another heading if it has the same neighbours and at least
    `SAME_LINES` of its lines.
    """
    if version.body == base.body:
        return version
    old = [p for p in body_sections(base.body, template) if p.anchor]
    new = [p for p in body_sections(version.body, template) if p.anchor]
    known, now = {p.anchor for p in old}, {p.anchor for p in new}
    own = template_keys(template)
    body = version.body
    for place in reversed(range(len(new))):
        part = new[place]
        before = new[place - 1].anchor if place else ""
        index = next((n for n, p in enumerate(old, 1) if p.anchor == before), 0)
        former = old[index] if index < len(old) else None
        if (
            former is not None
            and part.anchor not in known | own
            and former.anchor not in now
            and (index > 0 or place == 0)
            and are_alike(former.text, part.text)
        ):
            document = scan(body)
            entry = next(e for e in read_outline(body, template) if e.heading.start == part.start)
            if not entry.heading.marker:
                body = mark_heading(document, part.start, former.anchor)
    return Version(body, version.values)


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
