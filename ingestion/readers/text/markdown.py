"""Read Markdown: markdown-it makes HTML of it, the HTML reader does the rest."""

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
from ingestion.readers.text.html import html_blocks, parse_html, picture_in
from ingestion.readers.text.pagination import DocumentSummary, merge_list_items, paginate_blocks

MOST_PICTURES = 60_000_000
"""Characters of all the pictures that are written in a text; what comes after is left out."""

_STATED = re.compile(r"^(title|titre|author|auteur)\s*:\s*[\"']?(.{1,300}?)[\"']?\s*$", re.M | re.I)
_FRONT = re.compile(r"\A---[ \t]*\n(.{0,4000}?)\n---[ \t]*$", re.M | re.S)
_CODE_OF_GITBOOK = re.compile(r"^\s*\{%.*?%\}\s*$", re.M)
_EMOJI_CODE = re.compile(r"(?<!\w):[a-z][a-z0-9_\\+-]{1,30}:\s?(?!\w)")


def check(file: str, limits: Limits) -> DocumentInfo:
    return DocumentInfo(page_count=0)


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read a Markdown text; what its front matter states is never parsed as YAML."""
    text = decode_text(Path(file).read_bytes())
    front = _FRONT.match(text)
    stated = {key.lower(): value for key, value in _STATED.findall(front.group(1) if front else "")}
    about = DocumentSummary(
        title=stated.get("title") or stated.get("titre") or "",
        author=stated.get("author") or stated.get("auteur") or "",
    )
    root = parse_html(markdown_to_html(text))
    yield from about.document(paginate_blocks(html_blocks(root)))


def markdown_to_html(text: str) -> str:
    """Return the HTML of a Markdown text, tables and footnotes included. It is not safe to show."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.use(front_matter_plugin).use(footnote_plugin)
    env: dict[str, Any] = {}
    tokens = parser.parse(_EMOJI_CODE.sub("", _CODE_OF_GITBOOK.sub("", text)), env)
    _forget_addresses(tokens)
    html: str = parser.renderer.render(tokens, parser.options, env)
    return html


def _forget_addresses(tokens: Sequence[Token]) -> None:
    """Leave out where links lead, which nobody reads; keep pictures that are written in the text.

    An address stands once in the text and may be referred to any number of times.
    """
    room = MOST_PICTURES
    for token in chain.from_iterable(token.children or () for token in tokens):
        if token.type == "link_open":
            token.attrs = {}
        elif token.type == "image":
            source = str(token.attrs.get("src") or "")
            room -= len(source)
            if room < 0 or not source.startswith("data:"):
                token.attrs["src"] = ""


def markdown_blocks(text: str) -> list[Block]:
    """Return the blocks of a Markdown text that does not come from a file."""
    return list(merge_list_items(html_blocks(parse_html(markdown_to_html(text)))))


def draw(file: str, number: int, max_width: int) -> PageImage:
    return html_reader.draw(file, number, max_width)


def picture(file: str, reference: str, max_width: int) -> PageImage:
    """Give a picture that is written in the text itself."""
    root = parse_html(markdown_to_html(decode_text(Path(file).read_bytes())))
    return picture_in(root, reference, max_width)
