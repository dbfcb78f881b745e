"""Extract one section of a body for editing, and put it back."""

from sheets.markdown.notes import join_blocks, write_definitions
from sheets.markdown.parse import split_notes
from sheets.markdown.splice import (
    BodySection,
    body_sections,
    called_labels,
    joined_labels,
    note_lines,
    order_sections,
    relabel_markers,
)
from sheets.markdown.version import Version
from sheets.schema.types import SheetTemplate


def cut_section(version: Version, key: str, template: SheetTemplate) -> str:
    """Return a section with its footnotes; only its heading if the body lacks it."""
    text = "\n\n".join(p.text for p in body_sections(version.body, template) if p.key == key)
    if not text:
        brief = next((s for s in template.sections if s.key == key), None)
        return f"## {brief.emoji} {brief.heading}".replace("  ", " ") + "\n\n" if brief else ""
    calls = called_labels([text])
    notes = "\n".join(f"[^{m}]: {t}" for m, t in note_lines(version.body).items() if m in calls)
    return f"{text}\n\n{notes}\n" if notes else f"{text}\n"


def put_section(into: Version, key: str, typed: str, template: SheetTemplate) -> Version:
    """Return `into` with a section replaced by the typed text, and their footnotes merged.

    The typed text may have another heading, several or none. A typed footnote that differs from
    the sheet's one of the same label gets a new label; a marker without a definition keeps the
    former one.
    """
    text, notes = split_notes(typed)
    old = body_sections(into.body, template)
    stay = [p for p in old if p.key != key]
    known = note_lines(into.body)
    left = called_labels(p.text for p in old if p.key == key)
    kept = called_labels([*(p.text for p in stay), *into.values.values()])
    calls = called_labels([text])
    defined = {m: t for m, t in known.items() if m in kept or m not in left}
    defined |= {m: known[m] for m in calls if m in known and m not in notes}
    labels = joined_labels(defined, {m: n.text for m, n in notes.items()}, known)
    defined |= {labels[m]: n.text for m, n in notes.items() if m in calls or m not in known}
    parts = order_sections(
        stay,
        [BodySection(key, relabel_markers(text, labels).strip("\n"))],
        [p.key for p in old],
        [s.key for s in template.sections],
    )
    ordered = {m: defined[m] for m in known if m in defined} | defined
    return Version(join_blocks([*(p.text for p in parts), write_definitions(ordered)]), into.values)


def section_headings(version: Version, template: SheetTemplate) -> dict[str, str]:
    """Return the heading of each section of a version, by key."""
    found: dict[str, str] = {}
    for part in body_sections(version.body, template):
        if part.key:
            found.setdefault(part.key, part.text.partition("\n")[0].lstrip("# ").strip())
    return found


def is_header(key: str, template: SheetTemplate) -> bool:
    """Tell whether a section key belongs to the header data."""
    return any(s.key == key and s.role == "header" for s in template.sections)
