"""Read the Markdown of a sheet: its sections, fields, statements and footnotes.

`sheets.markdown.scanner` reads the blocks. Headings of the levels 1 and 2 open a section, deeper
ones a field, `[^3]` marks a statement, and a footnote such as
`[^3]: [Guide, p. 14](/sources/7/pages/14/) « quote »` is a citation. Pure.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

from sheets.markdown.html_tags import without_html
from sheets.markdown.scanner import (
    BULLETS,
    HEADING_ANCHOR,
    LINK,
    ScannedBlock,
    ScannedText,
    scan,
    split_row,
)
from sheets.schema.types import SheetTemplate
from wikico2.text.normalize import folded_words

# Each pattern takes time linear in the text, whatever it contains: repetitions are possessive or
# cannot match what follows them.
# Before a marker's bracket: an even number of backslashes, which does not escape it.
UNESCAPED = "(?:" + "|".join(rf"(?<=(?<!\\)\\{{{n}}}\[)" for n in range(0, 18, 2)) + ")"
MARKER = re.compile(rf"\[{UNESCAPED}\^([^\[\]\s]+)\]")
SOURCE = "](/sources/"
CITED = re.compile(
    r"\]\(/sources/(?P<document>\d{1,18})/pages/(?P<page>\d{1,9})/?(?:\?[^()\[\]]*)?\)"
    r"\s*+(?::\s*+)?«"
)
MARKERS = re.compile(rf"(?:\[{UNESCAPED}\^[^\[\]\s]+\]\s*+)+")
MARKUP = re.compile(r"[\\\[<{&]")
SPECIAL = re.compile(r"[\\`*_\[\]<>|~^]|:(?=//)|(?<=\bwww)\.|@(?=\w)")
LINE_START = re.compile(rf"^(\d*)([-+#.)=~:{BULLETS}])(?=\s|#|=|~)")
ESCAPED = re.compile(rf"\\([\\`*_\[\]<>|#+.)=~^:@{BULLETS}-])")
MAY_BE_CODE = re.compile(r"```|~~~|    |\t")
INLINE_CODE = re.compile(r"`[^`\n]+`")
SHOWN_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()]|\([^()]*\))*\)")
PLAIN = re.compile(r"[A-Za-z0-9]")
LEADING_PUNCTUATION = re.compile(r"^[\s.,;:!?)»]+")


@dataclass(frozen=True)
class Note:
    """A footnote; a citation when it names a page of a source and a quote."""

    marker: str
    text: str
    document_id: int | None = None
    page: int | None = None
    quote: str = ""

    @property
    def is_citation(self) -> bool:
        return self.document_id is not None


@dataclass(frozen=True)
class BodyStatement:
    """A statement of a sheet: its section, field, text and footnote markers.

    A value of the header data has the heading that it stands beside as its `label`.
    """

    section: str
    field: str
    text: str
    markers: tuple[str, ...]
    label: str = ""


def split_notes(body: str) -> tuple[str, dict[str, Note]]:
    """Return the body without its footnote definitions, and the definitions by marker.

    The first definition of a marker counts. A blank line is left where two paragraphs would meet.
    """
    text, notes = _split(body)
    return text, dict(notes)


@lru_cache(maxsize=16)  # when a text is saved, it is parsed for checking, rendering and indexing
def _split(body: str) -> tuple[str, Mapping[str, Note]]:
    document = scan(body)
    notes: dict[str, Note] = {}
    for block in document.notes:
        if block.marker not in notes:
            notes[block.marker] = read_note(block.marker, note_text(document, block))
    return text_without(document, {"note"}, 0, len(document.lines)), notes


def text_without(document: ScannedText, kinds: Collection[str], start: int, end: int) -> str:
    """Return the lines `start`..`end` (excluded) without the top blocks of these kinds.

    A blank line is left where two paragraphs would meet.
    """
    kept: list[str] = []
    for block in document.blocks_in(start, end):
        if block.kind in kinds:
            kept.append(document.source(start, block.start))
            start = block.end
            if kept[-1].strip() and not kept[-1].endswith(("\n\n", "\n\r\n")):
                kept.append("\n")
    return "".join([*kept, document.source(start, end)])


def note_text(document: ScannedText, note: ScannedBlock) -> str:
    """Return a definition without its `[^a]: `; paragraphs on one line each."""
    if all(block.kind == "text" for block in note.children):
        paragraphs = (" ".join(map(str.strip, block.lines)) for block in note.children)
        return "\n\n    ".join(paragraphs)
    return document.source(note.start, note.end).partition("]:")[2].strip()


def read_note(marker: str, text: str) -> Note:
    """Parse a footnote; as a citation if it has the syntax of one."""
    whole = text.rstrip()
    at = len(whole) if whole.startswith("[") and whole.endswith("»") else 0
    while (at := whole.rfind(SOURCE, 0, at)) > 0:  # the title may name another source: not the last
        if match := CITED.match(whole, at, len(whole) - 1):
            quote = whole[match.end() : -1].strip()
            return Note(marker, text, int(match["document"]), int(match["page"]), quote)
    return Note(marker, text)


def write_note(marker: str, title: str, document_id: int, page: int, quote: str) -> str:
    """Return the footnote definition for a citation, on one line."""
    label = f"{' '.join(title.split())}, p. {page}".replace("[", "(").replace("]", ")")
    flat = " ".join(quote.split()).replace("«", "“").replace("»", "”")
    return f"[^{marker}]: [{label}](/sources/{document_id}/pages/{page}/) « {flat} »"


@lru_cache(maxsize=4096)
def heading_key(text: str) -> str:
    """Return the key that headings are compared by: words without emoji, number or accents."""
    text = readable_text(text) if MARKUP.search(text) else text
    return " ".join(
        folded_words(re.sub(r"^\W*\d+(?:\.\d+)*[.)]?\s+", "", text)) or folded_words(text)
    )


class OutlineTracker:
    """Map headings of a body to the keys of the template's sections and fields.

    A heading is Markdown; the anchor at its end, as in `## Titre {#resume}`, is the key.
    """

    def __init__(self, template: SheetTemplate) -> None:
        self.sections = {heading_key(s.heading): s for s in template.sections}

    def section(self, heading: str) -> str:
        """Return the section's key; a slug of the heading if the template has no such section."""
        if match := HEADING_ANCHOR.search(heading):
            return match[1]
        key = heading_key(heading)
        known = self.sections.get(key)
        return known.key if known else key.replace(" ", "-") or "section"

    def field(self, section: str, heading: str) -> str:
        """Return the field's key within the section; a slug of the heading if unknown."""
        if match := HEADING_ANCHOR.search(heading):
            return match[1]
        key = heading_key(heading)
        for known in self.sections.values():
            if known.key == section:
                for field in known.fields:
                    if heading_key(field.heading) == key:
                        return field.key
        return key.replace(" ", "-") or "partie"

    def only_field(self, section: str) -> str:
        """Return the key of a section's single field, which has no heading of its own."""
        for known in self.sections.values():
            if known.key == section and len(known.fields) == 1:
                return known.fields[0].key
        return ""


@dataclass(frozen=True)
class SheetHeading:
    """A heading of a body: the keys of its section and field ("" for a section), its HTML id."""

    key: str
    field: str
    anchor: str
    heading: ScannedBlock


def read_outline(body: str, template: SheetTemplate) -> list[SheetHeading]:
    """Return the headings of a body that open sections and fields, in order.

    Headings in lists and quotes open none. An id that the body already has gets a number.
    """
    outline = OutlineTracker(template)
    numbers: dict[str, int] = {}
    section = around = ""

    def unique(wanted: str) -> str:
        anchor, number = wanted, numbers.get(wanted, 0)
        while anchor in numbers:
            number += 1
            anchor = f"{wanted}-{number + 1}"
        numbers[wanted] = number
        numbers.setdefault(anchor, 0)
        return anchor

    found: list[SheetHeading] = []
    for block in scan(body).blocks:
        if block.kind != "heading":
            continue
        if block.level <= 2:
            section = outline.section(block.heading)
            around = unique(section)
            found.append(SheetHeading(section, "", around, block))
        else:
            field = outline.field(around, block.heading)
            found.append(SheetHeading(section, field, unique(f"{around}-{field}"), block))
    return found


def body_statements(body: str, template: SheetTemplate) -> list[BodyStatement]:
    """Return the statements of the body in order, with their section and field."""
    outline = OutlineTracker(template)
    section = field = ""
    found: list[BodyStatement] = []
    for kind, block in iterate_blocks(body):
        if kind == "h2":
            section, field = outline.section(block), outline.only_field(outline.section(block))
        elif kind == "heading":
            field = outline.field(section, block)
        elif kind != "code":
            found.extend(
                BodyStatement(section, field, words, markers)
                for words, markers in split_marked(block)
            )
    return found


def iterate_blocks(body: str) -> Iterator[tuple[str, str]]:
    """Yield ("h2" | "heading" | "text" | "item" | "row" | "code", text) for each block.

    Footnote definitions, heads of tables and what no page shows are left out.
    """
    for block in scan(body).leaves:
        if block.kind in {"rule", "reference"} or is_in_note(block):
            continue
        if block.kind == "heading" and block.is_top:
            yield ("h2" if block.level <= 2 else "heading"), block.heading
        elif block.kind == "table":
            for line in block.lines[2:]:
                yield "row", " | ".join(split_row(line))
        elif block.kind == "code":
            yield "code", block.text
        else:
            text = " ".join(line.strip() for line in block.lines)
            yield "item" if block.opens_item else "text", without_html(text)


def is_in_note(block: ScannedBlock) -> bool:
    """Tell whether a block belongs to a footnote definition."""
    while block.parent is not None and block.kind != "note":
        block = block.parent
    return block.kind == "note"


def called_markers(body: str) -> list[str]:
    """Return the distinct labels of the footnote markers outside code and definitions, in order."""
    if "[^" not in body:
        return []
    document = scan(body)
    texts = (
        document.source(block.start, block.end)
        for block in document.leaves
        if block.kind != "code" and not is_in_note(block)
    )
    found = (MARKER.findall(INLINE_CODE.sub("", text)) for text in texts if "[^" in text)
    return list(dict.fromkeys(chain.from_iterable(found)))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return the text with all but its code blocks changed."""
    if not MAY_BE_CODE.search(text):
        return change(text)
    document = scan(text)
    parts: list[str] = []
    start = 0
    for block in document.leaves:
        if block.kind == "code":
            parts += [change(document.source(start, block.start))]
            parts += [document.source(block.start, block.end)]
            start = block.end
    return "".join([*parts, change(document.source(start, len(document.lines)))])


def split_marked(block: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each statement of a block with its markers; text after the last marker has none."""
    start = 0
    for run in MARKERS.finditer(block):
        statement = clean_statement(block[start : run.start()])
        if has_words(statement):
            yield statement, tuple(MARKER.findall(run[0]))
        start = run.end()
    rest = clean_statement(block[start:])
    if has_words(rest):
        yield rest, ()


def clean_statement(text: str) -> str:
    """Return a statement as plain text, without Markdown syntax."""
    plain = LEADING_PUNCTUATION.sub("", without_links(text)).strip(" |").replace("**", "")
    return unescape_markdown(plain)


def without_links(text: str) -> str:
    """Return the text with wiki links replaced by their visible text."""
    return LINK.sub(lambda m: m["shown"] or m["title"], text) if "[[" in text else text


def linked_title(match: re.Match[str]) -> str:
    """Return the title that a wiki link names."""
    return " ".join(match["title"].split())


def linked_titles(body: str) -> list[str]:
    """Return the distinct titles of the wiki links outside code, in order."""
    found: list[str] = []

    def collect(text: str) -> str:
        found.extend(map(linked_title, LINK.finditer(INLINE_CODE.sub("", text))))
        return text

    outside_code(body, collect)
    return list(dict.fromkeys(found))


def readable_text(markdown: str) -> str:
    """Return a line of Markdown, such as a heading, as plain text."""
    shown = without_html(SHOWN_LINK.sub(r"\1", HEADING_ANCHOR.sub("", markdown)))
    plain = MARKERS.sub(lambda run: " " if run[0][-1].isspace() else "", shown)
    return " ".join(clean_statement(plain).split())


def escape_markdown(text: str) -> str:
    """Return `text` on one line, escaped so that Markdown shows it literally."""
    flat = SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))
    return LINE_START.sub(lambda m: m[1] + "\\" + m[2], flat)


def unescape_markdown(text: str) -> str:
    """Undo `escape_markdown`."""
    return ESCAPED.sub(r"\1", text)


def has_words(text: str) -> bool:
    """Tell whether a text contains a letter or a digit."""
    return bool(PLAIN.search(text)) or bool(folded_words(text))


def header_statements(metadata: Mapping[str, str], template: SheetTemplate) -> list[BodyStatement]:
    """Return the statements of the header data, parsed like those of the body."""
    parts: list[str] = []
    labels: dict[str, str] = {}
    for section in template.written:
        if section.role == "header":
            parts.append(f"## {section.heading}")
            for field in section.fields:
                if field.key in metadata:
                    labels[field.key] = field.heading
                    parts.append(f"### {field.heading}\n\n{metadata[field.key]}")
    found = body_statements("\n\n".join(parts), template)
    return [replace(one, label=labels.get(one.field, "")) for one in found]
