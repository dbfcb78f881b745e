"""Read Markdown: markdown-it makes HTML of it, the HTML reader does the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from ingestion.readers import Block, DocumentInfo, Limits, PageImage, PageText, Progress
from ingestion.readers import html as html_reader
from ingestion.readers.decode import decoded
from ingestion.readers.flow import About, merged_lists, paginate

_STATED = re.compile(r"^(title|titre|author|auteur)\s*:\s*[\"']?(.{1,300}?)[\"']?\s*$", re.M | re.I)
_FRONT = re.compile(r"\A---[ \t]*\n(.{0,4000}?)\n---[ \t]*$", re.M | re.S)
_CODE_OF_GITBOOK = re.compile(r"^\s*\{%.*?%\}\s*$", re.M)
_EMOJI_CODE = re.compile(r"(?<!\w):[a-z][a-z0-9_\\+-]{1,30}:\s?(?!\w)")


def check(file: str, limits: Limits) -> DocumentInfo:
    return DocumentInfo(page_count=0)


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read a Markdown text; what its front matter states is never parsed as YAML."""
    text = decoded(Path(file).read_bytes())
    front = _FRONT.match(text)
    stated = {key.lower(): value for key, value in _STATED.findall(front.group(1) if front else "")}
    about = About(
        title=stated.get("title") or stated.get("titre") or "",
        author=stated.get("author") or stated.get("auteur") or "",
    )
    root = html_reader.parsed(rendered(text))
    yield from about.document(paginate(html_reader.blocks(root)))


def rendered(text: str) -> str:
    """Return the HTML of a Markdown text, tables and footnotes included. It is not safe to show."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.use(front_matter_plugin).use(footnote_plugin)
    html: str = parser.render(_EMOJI_CODE.sub("", _CODE_OF_GITBOOK.sub("", text)))
    return html


def blocks(text: str) -> list[Block]:
    """Return the blocks of a Markdown text that does not come from a file."""
    return list(merged_lists(html_reader.blocks(html_reader.parsed(rendered(text)))))


def draw(file: str, number: int, max_width: int) -> PageImage:
    return html_reader.draw(file, number, max_width)


def picture(file: str, reference: str, max_width: int) -> PageImage:
    """Give a picture that is written in the text itself."""
    return html_reader.draw(file, 1, max_width)
