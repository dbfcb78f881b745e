"""Read Markdown: markdown-it converts it to HTML, which the HTML reader reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from ingestion.readers import Block, DocumentInfo, Limits, PageImage, PageText, Progress
from ingestion.readers.text import html as html_reader
from ingestion.readers.text.encoding import decode_text
from ingestion.readers.text.html import embedded_picture, html_blocks, parse_html
from ingestion.readers.text.pagination import DocumentSummary, merge_list_items, paginate_blocks

MAX_PICTURE_CHARACTERS = 60_000_000
"""Characters of all the embedded pictures of a text; pictures beyond this limit are dropped."""

MAX_ADDRESS = 100
"""Characters of the address of a place in the text itself, such as that of a note."""

_FRONT_FIELD = re.compile(
    r"^(title|titre|author|auteur)\s*:\s*[\"']?(.{1,300}?)[\"']?\s*$", re.M | re.I
)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.{0,4000}?)\n---[ \t]*$", re.M | re.S)
_GITBOOK_TAG = re.compile(r"^[^\S\n]*\{%.*%\}[^\S\n]*$", re.M)
_SHIFTED = re.compile(r"(?<=[\w)\]])(?:\^([\w+\-−,]{1,12})\^(?!\^)|~([\w+\-−,]{1,12})~(?!~))")
"""Raised and lowered text of Pandoc: "10^6^", "CO~2~"; not "~12-~15 kWh"."""

_EMOJI_CODE = re.compile(r"(?<!\w):[a-z][a-z0-9_\\+-]{1,30}:\s?(?!\w)")


def check(file: str, limits: Limits) -> DocumentInfo:
    return DocumentInfo(page_count=0)


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read a Markdown text; its front matter is matched by pattern, never parsed as YAML."""
    text = decode_text(Path(file).read_bytes())
    front = _FRONT_MATTER.match(text)
    fields = {
        key.lower(): value for key, value in _FRONT_FIELD.findall(front.group(1) if front else "")
    }
    summary = DocumentSummary(
        title=fields.get("title") or fields.get("titre") or "",
        author=fields.get("author") or fields.get("auteur") or "",
    )
    root = parse_html(markdown_to_html(text))
    yield from summary.document(paginate_blocks(html_blocks(root)))


def markdown_to_html(text: str) -> str:
    """Return the HTML of a Markdown text, with tables and footnotes. It is not sanitised."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.use(front_matter_plugin).use(footnote_plugin)
    env: dict[str, Any] = {}
    tokens = parser.parse(_EMOJI_CODE.sub("", _GITBOOK_TAG.sub("", text)), env)
    _remove_link_targets(tokens)
    _shift_text(tokens)
    html: str = parser.renderer.render(tokens, parser.options, env)
    return html


def _remove_link_targets(tokens: Sequence[Token]) -> None:
    """Remove the targets of links, but for those in the text, and pictures that are not embedded.

    A reference definition may be used any number of times, so its address could multiply the HTML.
    """
    characters_left = MAX_PICTURE_CHARACTERS
    for token in chain.from_iterable(token.children or () for token in tokens):
        if token.type == "link_open":
            address = str(token.attrs.get("href") or "")
            is_near = address.startswith("#") and len(address) <= MAX_ADDRESS
            token.attrs = {"href": address} if is_near else {}
        elif token.type == "image":
            source = str(token.attrs.get("src") or "")
            characters_left -= len(source)
            if characters_left < 0 or not source.startswith("data:"):
                token.attrs["src"] = ""


def _shift_text(tokens: Sequence[Token]) -> None:
    """Turn text between "^" or "~" into raised and lowered text."""
    for token in tokens:
        children = token.children or []
        if any(child.type == "text" and _SHIFTED.search(child.content) for child in children):
            token.children = list(chain.from_iterable(map(_shifted_tokens, children)))


def _shifted_tokens(token: Token) -> list[Token]:
    """Return a token of text as tokens of plain, raised and lowered text."""
    if token.type != "text":
        return [token]
    found: list[Token] = []
    start = 0
    for match in _SHIFTED.finditer(token.content):
        tag = "sup" if match[1] else "sub"
        found += [
            Token("text", "", 0, content=token.content[start : match.start()]),
            Token(f"{tag}_open", tag, 1),
            Token("text", "", 0, content=match[1] or match[2]),
            Token(f"{tag}_close", tag, -1),
        ]
        start = match.end()
    return [*found, Token("text", "", 0, content=token.content[start:])]


def markdown_blocks(text: str) -> list[Block]:
    """Return the blocks of a Markdown text that is not a file."""
    items = merge_list_items(html_blocks(parse_html(markdown_to_html(text))))
    return [item for item in items if isinstance(item, Block)]


def draw(file: str, number: int, max_width: int) -> PageImage:
    return html_reader.draw(file, number, max_width)


def picture(file: str, reference: str, max_width: int) -> PageImage:
    """Return a picture embedded in the text."""
    root = parse_html(markdown_to_html(decode_text(Path(file).read_bytes())))
    return embedded_picture(root, reference, max_width)
