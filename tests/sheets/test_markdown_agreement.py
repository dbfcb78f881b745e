"""Page, contents, editor, statements and merge see the blocks that the scanner sees.

`make test` takes a sample; `make markdown-agreement` takes 150 documents and 2,000 mixtures of
lines, and the Markdown files of a folder if FOLDER names one.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from markdown_it import MarkdownIt

from sheets.markdown.html_tags import without_html
from sheets.markdown.parse import (
    MARKER,
    body_statements,
    read_outline,
    readable_text,
    split_notes,
)
from sheets.markdown.scanner import CONTAINERS, ScannedBlock, scan, split_row
from sheets.markdown.sections_edit import cut_section, put_section, section_headings
from sheets.markdown.splice import body_sections, splice_sections
from sheets.merge import Version, merge_bodies
from sheets.merge.diff import diff_blocks
from sheets.merge.tokenize import cut_blocks
from sheets.rendering.html import render_sheet
from tests.sheets.factories import TEMPLATE
from tests.sheets.markdown_texts import FIXED, FrenchWriter, mixture

IS_LONG = os.environ.get("MARKDOWN_AGREEMENT") == "all"
DOCUMENTS, MIXTURES = (150, 2_000) if IS_LONG else (25, 250)
FOLDER = os.environ.get("MARKDOWN_FOLDER", "")
ALPHANUMERIC = re.compile(r"[^\W_]+")
IMAGE = re.compile(r"!\[[^\[\]]*\]\([^()]*\)")
Facts = list[tuple[object, ...]]


def documents() -> list[str]:
    files = sorted(Path(FOLDER).rglob("*.md")) if FOLDER else []
    texts = [FrenchWriter(seed).document() for seed in range(DOCUMENTS)]
    return [*FIXED, *texts, *(file.read_text("utf-8") for file in files)]


def mixtures() -> list[str]:
    return [mixture(seed) for seed in range(MIXTURES)]


# --- What the page shows, and what the scanner says -----------------------------------------------


def letters(text: str) -> str:
    """Return the letters and digits of a text, without markers that no footnote explains."""
    return "".join(ALPHANUMERIC.findall(MARKER.sub("", text)))


def plain(markdown: str) -> str:
    """Return the letters that a page shows of a paragraph's Markdown."""
    shown = without_html(IMAGE.sub("", markdown.replace("\n", " ")).replace("<mailto:", "<"))
    return letters(readable_text(shown))


def page_facts(html: str) -> Facts:
    """Return the headings, lists, items, tables, code and notes of a page, in order."""
    found: Facts = []
    root = lxml.html.fragment_fromstring(html, create_parent="div")
    for extra in root.xpath(
        "//sup[@class='cite'] | //*[@class='backref'] | //*[@class='empty-field'] | //figcaption"
        " | //section[@class='notes']/h2"
    ):
        extra.drop_tree()
    for element in root.iter():
        tag = str(element.tag)
        if re.fullmatch("h[1-6]", tag):
            found.append(("heading", int(tag[1]), letters(element.text_content())))
        elif tag in {"ul", "ol"} and not element.xpath("ancestor::section[@class='notes']"):
            found.append(("list", tag, len(element.findall("li"))))
        elif tag == "li":
            kind = "note" if (element.get("id") or "").startswith("note-") else "item"
            found.append((kind, depth(element), letters(element.text_content())))
        elif tag == "table":
            rows = [[letters(c.text_content()) for c in row] for row in element.iter("tr")]
            sides = [c.get("align", "") for c in element.iter("th")]
            found.append(("table", sides, rows))
        elif tag == "pre":
            found.append(("code", element.text_content().rstrip()))
    return found


def as_stated(fact: tuple[Any, ...], scanned: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what a page shows without the columns of figures that it aligns by itself."""
    if not fact[0] == scanned[0] == "table" or len(fact[1]) != len(scanned[1]):
        return fact
    pairs = zip(fact[1], scanned[1], strict=True)
    sides = ["" if side == "right" and not stated else side for side, stated in pairs]
    return (fact[0], sides, *fact[2:])


def depth(element: lxml.html.HtmlElement) -> int:
    return sum(1 for _ in element.iterancestors("ul", "ol"))


def block_facts(block: ScannedBlock, level: int) -> Iterator[tuple[object, ...]]:
    for child in block.children:
        if child.kind == "note":
            continue
        if child.kind == "heading":
            yield "heading", max(child.level, 2), plain(child.text)
        elif child.kind == "list":
            yield "list", "ol" if child.level >= 0 else "ul", len(child.children)
        elif child.kind == "item":
            yield "item", level, content(child)
        elif child.kind == "table":
            yield "table", alignment(child), cells(child)
        elif child.kind == "code":
            yield "code", child.text.rstrip()
        if child.kind in CONTAINERS:
            yield from block_facts(child, level + (child.kind == "list"))


def alignment(table: ScannedBlock) -> list[str]:
    names = {(True, True): "center", (True, False): "left", (False, True): "right"}
    rule = split_row(table.lines[1])
    return [names.get((cell.startswith(":"), cell.endswith(":")), "") for cell in rule]


def cells(table: ScannedBlock) -> list[list[str]]:
    head, _rule, *rows = (split_row(line) for line in table.lines)
    padded = ([*row, *[""] * len(head)][: len(head)] for row in (head, *rows))
    return [[plain(cell) for cell in row] for row in padded]


def content(block: ScannedBlock) -> str:
    """Return the letters of all that stands in a block."""
    if block.kind == "reference":
        return ""
    if block.kind == "table":
        return "".join("".join(row) for row in cells(block))
    if block.kind == "code":
        return letters(block.text)
    return plain(block.text) + "".join(map(content, block.children))


def shown(text: str) -> str:
    return render_sheet(text, {}, TEMPLATE, {}).body


# --- They agree -----------------------------------------------------------------------------------


def check(text: str) -> None:
    """Check that everything that reads the text finds the same blocks in it."""
    rendered = render_sheet(text, {}, TEMPLATE, {})
    facts = page_facts(rendered.body)
    found = [fact for fact in facts if fact[0] != "note"]
    scanned = list(block_facts(scan(text).root, 0))
    assert [*map(as_stated, found, scanned), *found[len(scanned) :]] == scanned, text
    check_notes(text, facts)
    check_sections(text, [anchor for anchor, label in rendered.outline if label != "Sources"])
    check_merge(text)


def check_notes(text: str, facts: Facts) -> None:
    """Each note of the page has the words of a definition, paragraphs included."""
    defined = {content(note) for note in scan(text).notes}
    assert {note[2] for note in facts if note[0] == "note"} <= defined, text
    assert set(split_notes(text)[1]) == {note.marker for note in scan(text).notes}


def check_sections(text: str, contents: list[str]) -> None:
    """Contents, editor and splice have the same sections; putting one back changes nothing."""
    version = Version(text)
    anchors = [part.anchor for part in body_sections(text, TEMPLATE) if part.anchor]
    assert contents == anchors == list(section_headings(version, TEMPLATE)), text
    assert len(set(anchors)) == len(anchors)
    tops = [e for e in read_outline(text, TEMPLATE) if not e.field]
    assert len(tops) == len(anchors)
    for part in (p for p in body_sections(text, TEMPLATE) if p.anchor):
        cut = cut_section(version, part.anchor, TEMPLATE)
        assert put_section(version, part.anchor, cut, TEMPLATE).body == text
        check_edit(version, part.anchor, cut)
    keys = {part.key for part in body_sections(text, TEMPLATE)}
    spliced = splice_sections(version, version, keys, TEMPLATE).body
    assert [p.key for p in body_sections(spliced, TEMPLATE)] == [
        p.key for p in body_sections(text, TEMPLATE)
    ], text


def check_edit(version: Version, anchor: str, cut: str) -> None:
    """A line added to a section leaves the other sections and all definitions as they were."""
    fresh = [*cut.splitlines(keepends=True)[:1], "\nMot ajouté.\n\n"]
    typed = "".join([*fresh, *cut.splitlines(keepends=True)[1:]])
    if is_setext(cut):
        return
    edited = put_section(version, anchor, typed, TEMPLATE).body
    before = {p.anchor: p.text for p in body_sections(version.body, TEMPLATE)}
    after = {p.anchor: p.text for p in body_sections(edited, TEMPLATE)}
    changed = {a for a in {*before, *after} if before.get(a) != after.get(a)}
    assert changed <= {anchor}, (version.body, anchor, edited)
    assert split_notes(edited)[1] == split_notes(version.body)[1], (version.body, anchor, edited)


def is_setext(cut: str) -> bool:
    return scan(cut).blocks[0].end > 1


def check_merge(text: str) -> None:
    """The merge cuts the text losslessly, at the headings of the page, and finds it unchanged."""
    blocks, end = cut_blocks(text)
    assert "".join(block.gap + block.text for block in blocks) + end == text
    headings = [b for b in blocks if b.kind == "heading"]
    assert len(headings) == sum(b.kind == "heading" for b in scan(text).blocks), text
    assert all(change.kind == "same" for change in diff_blocks(text, text))
    assert merge_bodies(text, text, text).text == text
    body_statements(text, TEMPLATE)


@pytest.mark.parametrize("kind", ["documents", "mixtures"])
def test_everything_reads_the_blocks_of_the_scanner(kind: str) -> None:
    for text in documents() if kind == "documents" else mixtures():
        check(text)


# --- CommonMark -----------------------------------------------------------------------------------

REFERENCE = MarkdownIt("commonmark", {"maxNesting": 200}).enable("table")
OWN = re.compile(r"(?m)\[\^|^\s*:|^\s*[•–]|o\t|Table:|> >|\{#|\[[ x]\]|^\s*-? *$\n\s*\n|\u00a0")
"""What is not of CommonMark, or what the other reader is known to read otherwise than its text."""


def reference_facts(text: str) -> Facts:
    """Return the kinds of blocks and the lines where they begin, as another reader finds them."""
    kinds = {
        "heading_open": "heading", "paragraph_open": "text", "bullet_list_open": "list",
        "ordered_list_open": "list", "list_item_open": "item", "blockquote_open": "quote",
        "fence": "code", "code_block": "code", "html_block": "html", "hr": "rule",
        "table_open": "table",
    }  # fmt: skip
    return [
        (kinds[token.type], token.map[0])
        for token in REFERENCE.parse(text)
        if token.type in kinds and token.map
    ]


def test_blocks_are_those_of_commonmark() -> None:
    texts = [text for text in (*documents(), *mixtures()) if not OWN.search(text)]
    assert len(texts) > MIXTURES / 10
    for text in texts:
        blocks = [b for b in scan(text).root.walk() if b.kind != "reference"]
        assert [(b.kind, b.start) for b in blocks] == reference_facts(text), text
