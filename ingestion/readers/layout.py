"""Make headings, paragraphs, lists and tables of the lines of a whole document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ingestion.readers import Block, PageText
from ingestion.readers.headings import (
    LARGER,
    Bookmark,
    Candidate,
    Headings,
    body_size,
    is_caption,
    learn,
)
from ingestion.readers.heads import running
from ingestion.readers.lines import Line, RawPage, leads_to_page, tidy
from ingestion.readers.tables import Table, find_tables
from ingestion.readers.text import CUT, join_lines, shorten_leaders, vocabulary

_BULLET = re.compile(r"(?:[•●○◦▪▫■□‣⁃∙·►▶➢➤➔→✓✔❖◆◇⬥]+|[-–—*o»>](?=\s))\s*(?=\S)")
_NUMBERED = re.compile(r"\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,4})[.)]\s+(?=\S)")
_SENTENCE_END = re.compile(r"[.!?…:;][»”\")\]]*$")

Join = Callable[[Iterable[str]], str]


@dataclass(slots=True)
class _Draft:
    """Lines that belong together, before their kind is known."""

    page: int
    lines: list[Line] = field(default_factory=list)
    table: Table | None = None

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)

    def candidate(self) -> Candidate:
        size = max(line.size for line in self.lines)
        bold = all(line.bold for line in self.lines)
        return Candidate(self.text, size, bold, len(self.lines), self.page)


def structure(pages: Sequence[RawPage], bookmarks: Sequence[Bookmark] = ()) -> Iterator[PageText]:
    """Turn the lines of all the pages of a document into the structured text of each.

    Running heads and page numbers go, words cut at the end of a line are joined, and nothing else
    is lost.
    """
    heads = running(pages)
    kept = [
        tidy([line for i, line in enumerate(page.lines) if (p, i) not in heads])
        for p, page in enumerate(pages)
    ]
    join = _joiner(kept)
    body = body_size(_sizes(kept))
    drafts = [_drafts(lines, page.number, body) for lines, page in zip(kept, pages, strict=True)]
    candidates = (d.candidate() for page in drafts for d in page if d.table is None)
    headings = learn(candidates, bookmarks, body)
    for page, of_page in zip(pages, drafts, strict=True):
        blocks = tuple(_blocks(_titles_first(of_page, headings), headings, join))
        text = "\n\n".join(block.text for block in blocks)
        yield PageText(page.number, text, page.width, page.height, blocks)


def _sizes(pages: Iterable[Sequence[Line]]) -> Mapping[float, int]:
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[line.size] += len(line.text)
    return sizes


def _joiner(pages: Sequence[Sequence[Line]]) -> Join:
    """Return the function that joins lines, with the words of the document as its evidence."""
    words: Mapping[str, int] = {}
    if any(line.cut or line.text.endswith("-") for lines in pages for line in lines):
        words = vocabulary(_marked(line) for lines in pages for line in lines)
    return lambda lines: join_lines(lines, words)


def _marked(line: Line) -> str:
    return line.text + CUT if line.cut else line.text


def _drafts(lines: Sequence[Line], page: int, body: float) -> list[_Draft]:
    """Group the lines of a page into tables and paragraphs."""
    drafts: list[_Draft] = []
    leading = _leading(lines)
    position = 0
    for table in find_tables(lines):
        drafts += _paragraphs(lines[position : table.first], page, leading, body)
        drafts.append(_Draft(page, table=table))
        position = table.last + 1
    return drafts + _paragraphs(lines[position:], page, leading, body)


def _leading(lines: Sequence[Line]) -> float:
    """Return the usual distance between two lines, in sizes of type."""
    steps = [
        (below.baseline - above.baseline) / above.size
        for above, below in pairwise(lines)
        if above.size == below.size and above.size > 0
    ]
    steps = [step for step in steps if 0.8 < step < 2.2]
    return median(steps) if steps else 1.25


def _paragraphs(lines: Sequence[Line], page: int, leading: float, body: float) -> list[_Draft]:
    drafts: list[_Draft] = []
    for line in lines:
        before = drafts[-1].lines if drafts else []
        if before and (_title_goes_on(before[-1], line, body) or _goes_on(before, line, leading)):
            before.append(line)
        else:
            drafts.append(_Draft(page, [line]))
    return drafts


def _title_goes_on(last: Line, line: Line, body: float) -> bool:
    """Tell whether a line in large type ends the title that the line before begins."""
    if min(last.size, line.size) < LARGER * body or not line.text[:1].islower():
        return False
    step = line.baseline - last.baseline
    alike = abs(line.size - last.size) <= 0.2 * last.size
    return alike and 0 < step <= 1.8 * last.size and not _SENTENCE_END.search(last.text)


def _goes_on(lines: Sequence[Line], line: Line, leading: float) -> bool:
    """Tell whether a line continues the paragraph of the lines before it."""
    last = lines[-1]
    if last.cut:
        return True
    step = line.baseline - last.baseline
    size = max(last.size, line.size)
    if abs(line.size - last.size) > 0.08 * size or leads_to_page(last.text):
        return False
    if not -0.3 * size < step <= (max(leading, 1.0) * 1.22 + 0.08) * size:
        return False
    if line.x0 > last.x1 + size and step > 0.3 * size:
        return False
    ended = _SENTENCE_END.search(last.text) is not None
    short = _stops_short(lines, line)
    if _BULLET.match(line.text) or (line.bold != last.bold and short):
        return False
    if _NUMBERED.match(line.text) and (ended or short or _is_item(lines[0])):
        return False
    if ended and short and line.text[:1].isupper():
        return False
    indented = 0.8 * size < line.x0 - last.x0 < 4 * size
    return not (ended and indented and not _is_item(lines[0]))


def _stops_short(lines: Sequence[Line], line: Line) -> bool:
    """Tell whether the last line ends well before the right edge of its paragraph."""
    left = min(line.x0, *(before.x0 for before in lines))
    right = max(line.x1, *(before.x1 for before in lines))
    return lines[-1].x1 < right - 0.15 * (right - left)


def _is_item(line: Line) -> bool:
    text = line.text
    return _BULLET.match(text) is not None or _NUMBERED.match(text) is not None


def _titles_first(drafts: Sequence[_Draft], headings: Headings) -> list[_Draft]:
    """Put titles that were drawn after their text back before it."""
    ordered: list[_Draft] = []
    for draft in drafts:
        late = draft.table is None and len(ordered) > 1 and headings.level(draft.candidate())
        place = next(
            (i for i, text in enumerate(ordered) if late and _is_title_of(draft, text)), -1
        )
        ordered.insert(place if place >= 0 else len(ordered), draft)
    return ordered


def _is_title_of(title: _Draft, text: _Draft) -> bool:
    """Tell whether a title stands on the left of a paragraph, or right above it."""
    if text.table is not None:
        return False
    first, last = title.lines[0], title.lines[-1]
    top = text.lines[0].baseline - text.lines[0].size
    left, right = min(line.x0 for line in text.lines), max(line.x1 for line in text.lines)
    title_right = max(line.x1 for line in title.lines)
    if title_right <= left:
        middle = (first.baseline - first.size + last.baseline) / 2
        return top <= middle <= text.lines[-1].baseline
    over = first.x0 < right and title_right > left
    return over and 0 <= top - last.baseline < 1.5 * last.size


def _blocks(drafts: Sequence[_Draft], headings: Headings, join: Join) -> Iterator[Block]:
    """Make a block of each draft, and one of the successive items of a list."""
    items: list[Block] = []
    for draft in drafts:
        block = _block(draft, headings, join)
        if items and items[0].kind != block.kind:
            yield _one(items)
            items = []
        if block.kind in {"list", "contents"}:
            items.append(block)
        else:
            yield block
    if items:
        yield _one(items)


def _one(items: Sequence[Block]) -> Block:
    return Block(items[0].kind, "\n".join(item.text for item in items))


def _block(draft: _Draft, headings: Headings, join: Join) -> Block:
    if draft.table is not None:
        return Block("table", draft.table.markdown(join))
    text = join(_marked(line) for line in draft.lines)
    if leads_to_page(text):
        return Block("contents", shorten_leaders(text))
    level = headings.level(draft.candidate())
    if level:
        return Block("heading", text, level)
    if is_caption(text):
        return Block("caption", text)
    bullet = _BULLET.match(text)
    if bullet:
        return Block("list", "- " + text[bullet.end() :])
    return Block("list" if _NUMBERED.match(text) else "paragraph", text)
