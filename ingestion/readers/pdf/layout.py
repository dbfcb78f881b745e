"""Make headings, paragraphs, lists and tables of the lines of a whole document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ingestion.readers import Block, PageText
from ingestion.readers.pdf.aligned_tables import AlignedTable, find_tables
from ingestion.readers.pdf.figures import BACKGROUND, Figure
from ingestion.readers.pdf.lines import TextLine, leads_to_page, tidy_lines
from ingestion.readers.pdf.page import RawPage
from ingestion.readers.pdf.reading_order import order_by_columns, split_footnotes
from ingestion.readers.pdf.ruled_tables import ruled_tables
from ingestion.readers.pdf.running_headers import find_running_lines
from ingestion.readers.repair.characters import CUT, count_words, join_lines, shorten_leaders
from ingestion.readers.repair.garbled import is_garbled
from ingestion.readers.repair.headings import (
    LARGER,
    Bookmark,
    HeadingCandidate,
    HeadingClassifier,
    body_size,
    is_caption,
    is_figure_caption,
    learn_headings,
)

_BULLET = re.compile(r"(?:[•●○◦▪▫■□‣⁃∙·►▶➢➤➔→✓✔❖◆◇⬥]+|[-–—*o»>](?=\s))\s*(?=\S)")
_NUMBERED = re.compile(r"\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,4})[.)]\s+(?=\S)")
_SENTENCE_END = re.compile(r"[.!?…:;][»”\")\]]*$")

MOST_TIMES = 2
"""Pages on which a picture may be, and still say something."""

NEAR_CAPTION = 30.0
"""Points between a figure and its caption."""

Join = Callable[[Iterable[str]], str]


@dataclass(slots=True)
class _Draft:
    """Lines that belong together, before their kind is known."""

    page: int
    lines: list[TextLine] = field(default_factory=list)
    table: AlignedTable | None = None
    figure: Figure | None = None
    note: bool = False

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)

    @property
    def is_prose(self) -> bool:
        """Tell a paragraph, or what may be a heading, from the rest."""
        return self.table is None and self.figure is None and not self.note

    def candidate(self) -> HeadingCandidate:
        size = max(line.size for line in self.lines)
        bold = all(line.bold for line in self.lines)
        return HeadingCandidate(self.text, size, bold, len(self.lines), self.page)


def build_structure(
    pages: Sequence[RawPage], bookmarks: Sequence[Bookmark] = ()
) -> Iterator[PageText]:
    """Turn the lines of all the pages of a document into the structured text of each.

    Running heads and page numbers go, words cut at the end of a line are joined, and nothing else
    is lost.
    """
    heads = find_running_lines(pages)
    kept = [
        tidy_lines([line for i, line in enumerate(page.lines) if (p, i) not in heads])
        for p, page in enumerate(pages)
    ]
    join = _joiner(kept)
    body = body_size(_sizes(kept))
    drafts = [_page_drafts(lines, page, body) for lines, page in zip(kept, pages, strict=True)]
    candidates = (d.candidate() for page in drafts for d in page if d.is_prose)
    headings = learn_headings(candidates, bookmarks, body)
    repeated = _repeated_figures(pages)
    for page, of_page in zip(pages, drafts, strict=True):
        ordered = _with_figures(_titles_first(of_page, headings), page, repeated)
        blocks = tuple(_draft_blocks(ordered, headings, join))
        text = "\n\n".join(block.text for block in blocks)
        doubt = _doubt(text, page)
        yield PageText(page.number, text, page.width, page.height, blocks, doubt)


def _doubt(text: str, page: RawPage) -> str:
    """Return why the text of a page is not to be trusted; nothing for a blank page."""
    if not text.strip():
        return "no_text" if page.objects else ""
    return "nonsense" if is_garbled(text, page.lost) else ""


def _repeated_figures(pages: Sequence[RawPage]) -> set[str]:
    """Return the pictures that come back on several pages: logos, ornaments, backgrounds."""
    seen = Counter(digest for page in pages for digest in {f.digest for f in page.figures})
    return {digest for digest, times in seen.items() if times > MOST_TIMES}


def _sizes(pages: Iterable[Sequence[TextLine]]) -> Mapping[float, int]:
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[line.size] += len(line.text)
    return sizes


def _joiner(pages: Sequence[Sequence[TextLine]]) -> Join:
    """Return the function that joins lines, with the words of the document as its evidence."""
    words: Mapping[str, int] = {}
    if any(line.cut or line.text.endswith("-") for lines in pages for line in lines):
        words = count_words(_marked(line) for lines in pages for line in lines)
    return lambda lines: join_lines(lines, words)


def _marked(line: TextLine) -> str:
    return line.text + CUT if line.cut else line.text


def _page_drafts(lines: Sequence[TextLine], page: RawPage, body: float) -> list[_Draft]:
    """Group the lines of a page into ruled tables, text in its order, and footnotes."""
    drafts: list[_Draft] = []
    taken: set[int] = set()
    for inside, table in ruled_tables(lines, page.rules) if page.rules else []:
        if not inside & taken:
            taken |= inside
            drafts.append(_Draft(page.number, [lines[i] for i in sorted(inside)], table))
    rest = [line for i, line in enumerate(lines) if i not in taken]
    text, notes = split_footnotes(rest, body, page.width, page.height)
    ordered = order_by_columns(text, page.width)
    found = _drafts(ordered, page.number, body)
    for ruled in drafts:
        found.insert(_place_of(ruled, found, lines), ruled)
    return found + [_Draft(page.number, note, note=True) for note in notes]


def _place_of(table: _Draft, drafts: Sequence[_Draft], lines: Sequence[TextLine]) -> int:
    """Return where a ruled table goes among the drafts: before what was drawn after it."""
    order = {id(line): i for i, line in enumerate(lines)}
    first = min(order[id(line)] for line in table.lines)
    for place, draft in enumerate(drafts):
        if min((order.get(id(line), -1) for line in draft.lines), default=-1) > first:
            return place
    return len(drafts)


def _drafts(lines: Sequence[TextLine], page: int, body: float) -> list[_Draft]:
    """Group the lines of a page into tables and paragraphs."""
    drafts: list[_Draft] = []
    leading = _leading(lines)
    position = 0
    for table in find_tables(lines):
        drafts += _paragraphs(lines[position : table.first], page, leading, body)
        drafts.append(_Draft(page, list(lines[table.first : table.last + 1]), table))
        position = table.last + 1
    return drafts + _paragraphs(lines[position:], page, leading, body)


def _leading(lines: Sequence[TextLine]) -> float:
    """Return the usual distance between two lines, in sizes of type."""
    steps = [
        (below.baseline - above.baseline) / above.size
        for above, below in pairwise(lines)
        if above.size == below.size and above.size > 0
    ]
    steps = [step for step in steps if 0.8 < step < 2.2]
    return median(steps) if steps else 1.25


def _paragraphs(lines: Sequence[TextLine], page: int, leading: float, body: float) -> list[_Draft]:
    drafts: list[_Draft] = []
    for line in lines:
        before = drafts[-1].lines if drafts else []
        if before and (
            _title_goes_on(before[-1], line, body) or _paragraph_goes_on(before, line, leading)
        ):
            before.append(line)
        else:
            drafts.append(_Draft(page, [line]))
    return drafts


def _title_goes_on(last: TextLine, line: TextLine, body: float) -> bool:
    """Tell whether a line in large type ends the title that the line before begins."""
    if min(last.size, line.size) < LARGER * body or not line.text[:1].islower():
        return False
    step = line.baseline - last.baseline
    alike = abs(line.size - last.size) <= 0.2 * last.size
    return alike and 0 < step <= 1.8 * last.size and not _SENTENCE_END.search(last.text)


def _paragraph_goes_on(lines: Sequence[TextLine], line: TextLine, leading: float) -> bool:
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


def _stops_short(lines: Sequence[TextLine], line: TextLine) -> bool:
    """Tell whether the last line ends well before the right edge of its paragraph."""
    left = min(line.x0, *(before.x0 for before in lines))
    right = max(line.x1, *(before.x1 for before in lines))
    return lines[-1].x1 < right - 0.15 * (right - left)


def _is_item(line: TextLine) -> bool:
    text = line.text
    return _BULLET.match(text) is not None or _NUMBERED.match(text) is not None


def _titles_first(drafts: Sequence[_Draft], headings: HeadingClassifier) -> list[_Draft]:
    """Put titles that were drawn after their text back before it."""
    ordered: list[_Draft] = []
    for draft in drafts:
        late = draft.is_prose and len(ordered) > 1 and headings.level(draft.candidate())
        place = next(
            (i for i, text in enumerate(ordered) if late and _is_title_of(draft, text)), -1
        )
        ordered.insert(place if place >= 0 else len(ordered), draft)
    return ordered


def _is_title_of(title: _Draft, text: _Draft) -> bool:
    """Tell whether a title stands on the left of a paragraph, or right above it."""
    if not text.is_prose:
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


def _with_figures(drafts: Sequence[_Draft], page: RawPage, repeated: set[str]) -> Sequence[_Draft]:
    """Put the figures of a page before the text that stands below them, such as their captions."""
    length = sum(len(line.text) for line in page.lines)
    figures = [f for f in page.figures if f.digest not in repeated and not _is_behind(f, length)]
    placed = list(drafts)
    for figure in figures:
        place, caption = _figure_place(figure, placed, page)
        if figure.drawn and (not caption or _covers_table(figure, placed, page)):
            continue
        if any(other.figure and _same_place(other.figure, figure) for other in placed):
            continue
        placed.insert(place, _Draft(page.number, figure=figure))
    return placed


def _is_behind(figure: Figure, length: int) -> bool:
    """Tell whether a picture lies behind the text of the page."""
    box = figure.box
    return (box.x1 - box.x0) * (box.y1 - box.y0) > BACKGROUND and length > 200


def _figure_place(figure: Figure, drafts: Sequence[_Draft], page: RawPage) -> tuple[int, bool]:
    """Return where a figure goes among the drafts, and whether a caption stands beside it."""
    top, bottom = figure.box.y0 * page.height, figure.box.y1 * page.height
    middle = (figure.box.x0 + figure.box.x1) / 2 * page.width
    for place, draft in enumerate(drafts):
        if draft.lines and is_figure_caption(draft.text):
            first, last = draft.lines[0], draft.lines[-1]
            if -NEAR_CAPTION < first.baseline - bottom < 2 * NEAR_CAPTION:
                return place, True
            if -NEAR_CAPTION < top - last.baseline < NEAR_CAPTION:
                return place + 1, True
    for place, draft in enumerate(drafts):
        if draft.lines and not draft.note:
            over = min(line.x0 for line in draft.lines) < middle + 0.3 * page.width
            if over and draft.lines[0].baseline > bottom:
                return place, False
    notes = next((i for i, draft in enumerate(drafts) if draft.note), len(drafts))
    return notes, False


def _covers_table(figure: Figure, drafts: Sequence[_Draft], page: RawPage) -> bool:
    """Tell whether strokes are the rules of a table."""
    top, bottom = figure.box.y0 * page.height, figure.box.y1 * page.height
    return any(
        draft.table is not None and any(top < line.baseline < bottom for line in draft.lines)
        for draft in drafts
    )


def _same_place(one: Figure, other: Figure) -> bool:
    """Tell whether the middle of a figure lies in another."""
    x, y = (other.box.x0 + other.box.x1) / 2, (other.box.y0 + other.box.y1) / 2
    return one.box.x0 <= x <= one.box.x1 and one.box.y0 <= y <= one.box.y1


def _draft_blocks(
    drafts: Sequence[_Draft], headings: HeadingClassifier, join: Join
) -> Iterator[Block]:
    """Make a block of each draft, and one of the successive items of a list."""
    items: list[Block] = []
    for draft in drafts:
        block = _draft_block(draft, headings, join)
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


def _draft_block(draft: _Draft, headings: HeadingClassifier, join: Join) -> Block:
    if draft.table is not None:
        return Block("table", draft.table.markdown(join))
    if draft.figure is not None:
        box = ",".join(f"{side:.4f}" for side in draft.figure.box)
        return Block("figure", "", picture=f"{draft.page}:{box}", digest=draft.figure.digest)
    if draft.note:
        return Block("footnote", join(_marked(line) for line in draft.lines))
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
