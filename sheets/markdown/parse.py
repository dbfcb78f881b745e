"""Read the Markdown of a sheet: its sections, fields, statements and footnotes.

In the body, `## ` opens a section, `### ` a field, `[^3]` marks a statement,
and a footnote such as `[^3]: [Guide, p. 14](/sources/7/pages/14/) « quote »` is a citation. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sheets.schema.types import SheetTemplate
from wikico2.text.normalize import folded_words

# Each pattern takes time linear in the text, whatever it contains: repetitions are possessive or
# cannot match what follows them.
HEADING = re.compile(r"^(#{1,6})\s++((?:[^\s#]|#++(?!$)|[^\S\n]++(?!#*$))*+)\s*#*$")
NOTE = re.compile(r"^\[\^([^\[\]\s]+)\]:\s*(.*)$")
# Before a marker's bracket: an even number of backslashes, which does not escape it.
UNESCAPED = "(?:" + "|".join(rf"(?<=(?<!\\)\\{{{n}}}\[)" for n in range(0, 18, 2)) + ")"
MARKER = re.compile(rf"\[{UNESCAPED}\^([^\[\]\s]+)\]")
LINK = re.compile(
    r"(?<!\\)\[\[(?P<title>[^\[\]|\\\n]{1,200}?)(?:\\?\|(?P<shown>[^\[\]\n]{1,200}?))?\]\]"
)
SOURCE = "](/sources/"
CITED = re.compile(
    r"\]\(/sources/(?P<document>\d{1,18})/pages/(?P<page>\d{1,9})/?(?:\?[^()\[\]]*)?\)"
    r"\s*+(?::\s*+)?«"
)
MARKERS = re.compile(rf"(?:\[{UNESCAPED}\^[^\[\]\s]+\]\s*+)+")
SPECIAL = re.compile(r"[\\`*_\[\]<>|]")
LINE_START = re.compile(r"^(\d*)([-+#.)=~])(?=\s|#|=|~)")
ESCAPED = re.compile(r"\\([\\`*_\[\]<>|#+.)=~-])")
ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
TABLE_RULE = re.compile(r"^\s*+(?:\|\s*+)?:?-{2,}+:?\s*+(?:\|\s*+:?-{2,}+:?\s*+)*+(?:\|\s*+)?$")
FENCE = re.compile(r"^\s*(```|~~~)")
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
    """A statement of the body: its section, field, text and footnote markers."""

    section: str
    field: str
    text: str
    markers: tuple[str, ...]


def split_notes(body: str) -> tuple[str, dict[str, Note]]:
    """Return the body without its footnote definitions, and the definitions by marker.

    Indented lines continue a definition. The first definition of a marker counts.
    """
    text, notes = _split(body)
    return text, dict(notes)


@lru_cache(maxsize=16)  # when a text is saved, it is parsed for checking, rendering and indexing
def _split(body: str) -> tuple[str, Mapping[str, Note]]:
    kept: list[str] = []
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    fenced = False
    for line in body.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        match = None if fenced else NOTE.match(line)
        if match:
            current = [match[2]]
            found.setdefault(match[1], current)
        elif current is not None and line.startswith("    ") and line.strip():
            current.append(line.strip())
        else:
            current = None
            kept.append(line)
    return "\n".join(kept), {m: read_note(m, " ".join(lines)) for m, lines in found.items()}


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
    return " ".join(
        folded_words(re.sub(r"^\W*\d+(?:\.\d+)*[.)]?\s+", "", text)) or folded_words(text)
    )


class OutlineTracker:
    """Map headings of a body to the keys of the template's sections and fields."""

    def __init__(self, template: SheetTemplate) -> None:
        self.sections = {heading_key(s.heading): s for s in template.sections}

    def section(self, heading: str) -> str:
        """Return the section's key; a slug of the heading if the template has no such section."""
        key = heading_key(heading)
        known = self.sections.get(key)
        return known.key if known else key.replace(" ", "-") or "section"

    def field(self, section: str, heading: str) -> str:
        """Return the field's key within the section; a slug of the heading if unknown."""
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


def body_statements(body: str, template: SheetTemplate) -> list[BodyStatement]:
    """Return the statements of the body in order, with their section and field."""
    text, _notes = split_notes(body)
    outline = OutlineTracker(template)
    section = field = ""
    found: list[BodyStatement] = []
    for kind, block in iterate_blocks(text):
        if kind == "h2":
            section, field = outline.section(block), outline.only_field(outline.section(block))
        elif kind == "heading":
            field = outline.field(section, block)
        else:
            found.extend(
                BodyStatement(section, field, words, markers)
                for words, markers in split_marked(block)
            )
    return found


def iterate_blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield ("h2" | "heading" | "text" | "item" | "row", text) for each block."""
    paragraph: list[str] = []
    table_head = in_item = False
    lines = text.splitlines()
    for index, line in enumerate(lines):
        heading = HEADING.match(line)
        is_row = line.lstrip().startswith("|")
        is_item = bool(ITEM.match(line))
        if paragraph and (heading or is_row or is_item or not line.strip()):
            yield "text", " ".join(paragraph)
            paragraph = []
        if heading:
            yield ("h2" if len(heading[1]) <= 2 else "heading"), heading[2]
        elif is_row:
            following = lines[index + 1] if index + 1 < len(lines) else ""
            table_head = bool(TABLE_RULE.match(following)) and not TABLE_RULE.match(line)
            if not table_head and not TABLE_RULE.match(line):
                yield "row", " | ".join(table_cells(line))
        elif is_item:
            yield "item", continued_item(lines, index)
        elif line.strip() and not (in_item and line.startswith("  ")):
            paragraph.append(line.strip())
        in_item = is_item or (in_item and line.startswith("  "))
    if paragraph:
        yield "text", " ".join(paragraph)


def table_cells(line: str) -> list[str]:
    """Return the cells of a table row."""
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", inner)]


def continued_item(lines: list[str], index: int) -> str:
    """Return a list item with the lines that continue it."""
    parts = [ITEM.sub("", lines[index]).strip()]
    for number in range(index + 1, len(lines)):
        line = lines[number]
        if not line.startswith("  ") or ITEM.match(line) or not line.strip():
            break
        parts.append(line.strip())
    return " ".join(parts)


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
    kept: list[str] = []
    fenced = False
    for line in body.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            kept.append(re.sub(r"`[^`]*`", "", line))
    return list(dict.fromkeys(linked_title(m) for m in LINK.finditer("\n".join(kept))))


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


def header_as_body(metadata: Mapping[str, str], template: SheetTemplate) -> str:
    """Return the header data as Markdown, so that its statements are parsed like the body's."""
    parts: list[str] = []
    for section in template.written:
        if section.role == "header":
            parts.append(f"## {section.heading}")
            parts.extend(
                f"### {f.heading}\n\n{metadata[f.key]}" for f in section.fields if f.key in metadata
            )
    return "\n\n".join(parts)
