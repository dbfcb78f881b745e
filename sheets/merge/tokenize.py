"""Split Markdown into blocks, losslessly, and blocks into words. Pure."""

import re
from typing import NamedTuple

LINE = re.compile(
    r"(?P<blank>\s*$)|[ \t]*(?:(?P<heading>\#{1,6}(?:\s|$))|(?P<row>\|)"
    r"|(?P<rule>(?:[-*_][ \t]*){3,}$)|(?P<item>(?:[-*+]|\d{1,9}[.)])(?:\s|$))|(?P<code>```|~~~))"
)
WORD = re.compile(
    r"""(\s*)(
        \[\^[^\[\]\s]+\]            # a footnote marker
      | `[^`\n]+`                   # code
      | \]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)   # the address of a link
      | https?://[^\s)>\]]+
      | \\\S
      | \*\*|__|\#+|-{2,}|`+
      | \w+(?:[.,\u00a0\u202f]\d+|[-\u2011]\w+)*['’]?
      | \S
    )""",
    re.VERBOSE,
)


class MarkdownBlock(NamedTuple):
    """A heading, paragraph, list item, table row or code fence, and the whitespace before it.

    `before` is the text of the block before it, "" for the first.
    """

    gap: str
    text: str
    kind: str  # heading, text, item, row, rule, code
    before: str = ""


def cut_blocks(text: str) -> tuple[list[MarkdownBlock], str]:
    """Return the blocks of a text and the whitespace after the last one.

    The gaps and texts joined are the text again. The indent of a block is part of its gap.
    """
    found: list[MarkdownBlock] = []
    start = end = position = 0  # of the open block; of the last closed one; of the line
    kind = fence = before = ""
    match_line = LINE.match

    def close() -> None:
        nonlocal end, kind, before
        body = text[start:last].rstrip()
        found.append(MarkdownBlock(text[end:start], body, kind, before))
        end, kind, before = start + len(body), "", body

    last = 0  # where the open block's last line ends
    for line in text.split("\n"):
        length = len(line)
        if fence:
            last = position + length
            stripped = line.strip()
            if stripped.startswith(fence) and not stripped.strip(fence[0]):
                close()
                fence = ""
        else:
            plain = line[:1].isalpha()
            match = None if plain else match_line(line)
            group = match.lastgroup if match else None
            if group is None and kind in {"text", "item"}:
                last = position + length
            else:
                if kind:
                    close()
                if group != "blank":
                    kind = group or "text"
                    start = position + length - len(line.lstrip())
                    last = position + length
                    if kind == "code":
                        fence = fence_opening(line)
                    elif kind not in {"text", "item"}:
                        close()
        position += length + 1
    if kind:
        close()
    return found, text[end:]


def fence_opening(line: str) -> str:
    """Return the marks that open a code fence, which its closing line must repeat."""
    stripped = line.strip()
    return stripped[: len(stripped) - len(stripped.lstrip(stripped[0]))]


def cut_words(text: str) -> tuple[list[str], list[str]]:
    """Return the words and punctuation of a block, and the whitespace before each."""
    found = WORD.findall(text.rstrip())
    return [word for _gap, word in found], [gap for gap, _word in found]


def split_gap(text: str) -> tuple[str, str]:
    """Return the leading whitespace of a text, and the rest."""
    rest = text.lstrip()
    return text[: len(text) - len(rest)], rest


def gap_indent(gap: str) -> str:
    """Return the indent of a block: the whitespace of its gap after the last line end."""
    return gap.rpartition("\n")[2]


def widen_gap(gap: str, other: str) -> str:
    """Return the gap, extended to as many line ends as `other` has, at most two."""
    wanted = min(other.count("\n"), 2)
    return gap if gap.count("\n") >= wanted else "\n" * wanted + gap_indent(gap)
