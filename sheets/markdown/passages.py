"""Split a sheet into passages for search: sections, or runs of their fields. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sheets.markdown.parse import has_words, iterate_blocks, read_outline, readable_text
from sheets.schema.types import SheetTemplate

LONGEST = 1_000
"""Most characters of a passage; a longer section is split at its field headings."""


@dataclass(frozen=True)
class SheetPassage:
    """A section or some of its fields: the section's `key`, the keys of the `fields`."""

    key: str
    heading: str
    anchor: str
    text: str
    fields: tuple[str, ...] = ()


@dataclass
class _Field:
    key: str
    heading: str
    anchor: str
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass
class _Section:
    key: str
    heading: str
    anchor: str
    fields: list[_Field] = field(default_factory=list)


def split_passages(body: str, template: SheetTemplate) -> list[SheetPassage]:
    """Return the passages of a sheet's body in order, as plain text."""
    return [part for section in _read_sections(body, template) for part in _cut_section(section)]


def _read_sections(body: str, template: SheetTemplate) -> Iterable[_Section]:
    """Return the sections with their fields, each with its HTML id in the page."""
    outline = iter(read_outline(body, template))
    found = [_Section("", "", "", [_Field("", "", "")])]
    for kind, block in iterate_blocks(body):
        if kind in {"h2", "heading"}:
            entry = next(outline)
            heading = readable_text(entry.heading.text)
            if kind == "h2":
                first = _Field("", "", entry.anchor)
                found.append(_Section(entry.anchor, heading, entry.anchor, [first]))
            else:
                found[-1].fields.append(_Field(entry.field, heading, entry.anchor))
        elif has_words(line := readable_text(block)):
            found[-1].fields[-1].lines.append(line)
    return found


def _cut_section(section: _Section) -> Iterator[SheetPassage]:
    """Yield a section as one passage, or as several if it is longer than LONGEST."""
    run: list[_Field] = []
    for one in section.fields:
        if not one.lines:
            continue
        for piece in _cut_field(one):
            if run and sum(len(f.text) for f in run) + len(piece.text) > LONGEST:
                yield _make_passage(section, run)
                run = []
            run.append(piece)
    if run:
        yield _make_passage(section, run)


def _cut_field(one: _Field) -> Iterator[_Field]:
    """Yield a field, split between lines if it is longer than LONGEST."""
    piece = _Field(one.key, one.heading, one.anchor)
    for line in one.lines:
        if piece.lines and len(piece.text) + len(line) > LONGEST:
            yield piece
            piece = _Field(one.key, one.heading, one.anchor)
        piece.lines.append(line)
    yield piece


def _make_passage(section: _Section, run: list[_Field]) -> SheetPassage:
    text = "\n".join(f"{f.heading} : {f.text}" if f.heading else f.text for f in run)
    whole = section.fields[0] is run[0] or next(f for f in section.fields if f.lines) is run[0]
    heading, anchor = section.heading, section.anchor
    if not whole and run[0].heading:
        heading, anchor = f"{heading} › {run[0].heading}", run[0].anchor
    return SheetPassage(section.key, heading[:200], anchor[:200], text, tuple(f.key for f in run))
