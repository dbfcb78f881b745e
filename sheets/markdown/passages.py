"""Cut a sheet into the parts that answer by themselves. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sheets.markdown.parse import MARKERS, Outline, blocks, clean, has_words, split_notes
from sheets.schema.types import Template

LONGEST = 1_000
"""A section of more characters is cut, at the headings of its fields where it has any."""
LINK = re.compile(r"!?\[([^\]]*)\]\((?:[^()]|\([^()]*\))*\)")


@dataclass(frozen=True)
class Part:
    """A section, or a run of one: `key` is its section's, `fields` those that it holds."""

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


def parts(body: str, template: Template) -> list[Part]:
    """Return the parts of a sheet's body in order, as readers see their words."""
    return [part for section in _sections(body, template) for part in _cut(section)]


def readable(markdown: str) -> str:
    """Return a line of Markdown as its reader sees it."""
    return " ".join(clean(MARKERS.sub("", LINK.sub(r"\1", markdown))).split())


def _sections(body: str, template: Template) -> Iterable[_Section]:
    """Read the sections and fields, each with the id that it has in the page."""
    outline = Outline(template)
    ids: Counter[str] = Counter()

    def unique(wanted: str) -> str:
        ids[wanted] += 1
        return wanted if ids[wanted] == 1 else f"{wanted}-{ids[wanted]}"

    found = [_Section("", "", "", [_Field("", "", "")])]
    text, _notes = split_notes(body)
    for kind, block in blocks(text):
        if kind == "h2":
            anchor = unique(outline.section(block))
            found.append(_Section(anchor, readable(block), anchor, [_Field("", "", anchor)]))
        elif kind == "heading":
            section = found[-1]
            key = outline.field(section.key, block)
            section.fields.append(_Field(key, readable(block), unique(f"{section.key}-{key}")))
        elif has_words(line := readable(block)):
            found[-1].fields[-1].lines.append(line)
    return found


def _cut(section: _Section) -> Iterator[Part]:
    """Yield a section whole, or in runs of its fields when it is long."""
    run: list[_Field] = []
    for one in section.fields:
        if not one.lines:
            continue
        for piece in _pieces(one):
            if run and sum(len(f.text) for f in run) + len(piece.text) > LONGEST:
                yield _part(section, run)
                run = []
            run.append(piece)
    if run:
        yield _part(section, run)


def _pieces(one: _Field) -> Iterator[_Field]:
    """Yield a field, cut between lines when it is long by itself."""
    piece = _Field(one.key, one.heading, one.anchor)
    for line in one.lines:
        if piece.lines and len(piece.text) + len(line) > LONGEST:
            yield piece
            piece = _Field(one.key, one.heading, one.anchor)
        piece.lines.append(line)
    yield piece


def _part(section: _Section, run: list[_Field]) -> Part:
    text = "\n".join(f"{f.heading} : {f.text}" if f.heading else f.text for f in run)
    whole = section.fields[0] is run[0] or next(f for f in section.fields if f.lines) is run[0]
    heading, anchor = section.heading, section.anchor
    if not whole and run[0].heading:
        heading, anchor = f"{heading} › {run[0].heading}", run[0].anchor
    return Part(section.key, heading[:200], anchor[:200], text, tuple(f.key for f in run))
