"""Build headings, paragraphs, lists and tables from the lines of a whole document."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from statistics import median

from ingestion.readers import Block, PageText
from ingestion.readers.pdf.aligned_tables import find_tables
from ingestion.readers.pdf.figures import BACKGROUND_SHARE, Figure
from ingestion.readers.pdf.lines import (
    TextLine,
    join_broken_lines,
    join_contents,
    join_markers,
    leads_to_page,
)
from ingestion.readers.pdf.page import RawPage
from ingestion.readers.pdf.raised_marks import write_marked
from ingestion.readers.pdf.reading_order import NOTE_SIZE_RATIO, order_by_columns, split_footnotes
from ingestion.readers.pdf.ruled_tables import ruled_tables, table_areas
from ingestion.readers.pdf.rules import Box
from ingestion.readers.pdf.running_headers import find_running_lines
from ingestion.readers.pdf.tables import PageTable
from ingestion.readers.repair.characters import CUT, count_words, join_lines, shorten_leaders
from ingestion.readers.repair.garbled import is_garbled
from ingestion.readers.repair.headings import (
    HEADING_SIZE_RATIO,
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
_NUMBERS = re.compile(r"(?:[-−+]?\d[\d.,]*(?:\s?(?:%|€|[kM]€|[kMGT]?Wh|°C?))?(?:\s+|$))+$")
_FIELD = re.compile(r"[^\W\d_][^:]{0,60}\s?:\s+(?=\S)")
_SENTENCE_END = re.compile(r"[.!?…:;][»”\")\]]*$")

MAX_REPEATS = 2
"""Pages on which a picture may appear; a more frequent one is a logo or background."""

LABEL_MARGIN = 6.0
"""Distance in points from a figure within which text stands on it."""

MAX_LEGEND = 60
"""Characters of a legend on a chart."""

MIN_AXIS_NUMBERS = 3
"""Successive paragraphs of numbers from which they are those of an axis."""

MAX_EDGE_LINES = 60
"""Last lines of a paragraph that give its edges."""

MAX_GLUED_LINES = 2
"""Lines of a heading that is set like the first lines of its text, but bold."""

MIN_OPENED = 60
"""Characters from which a paragraph is the text below a title."""

SHIFTED_STEP = 0.4
"""By how much raised or lowered text may widen the step between two lines, in font sizes."""

MAX_CAPTION_DISTANCE = 30.0
"""Maximum distance between a figure and its caption, in points."""

MIN_FIELD_GAP = 3.0
"""Minimum gap between two labelled fields of one line, in font sizes."""

MAX_BESIDE_TURNED = 200
"""Maximum number of characters on a page beside a turned table that may go on over pages."""

TABLE_MARGIN = 6.0
"""Points around a table that is shown as a picture."""

Join = Callable[[Iterable[str]], str]


@dataclass(slots=True)
class _Draft:
    """A group of lines before the kind of its block is known."""

    page: int
    lines: list[TextLine] = field(default_factory=list)
    table: PageTable | None = None
    figure: Figure | None = None
    note: str = ""  # the number or sign of a footnote
    labels: list[TextLine] = field(default_factory=list)  # text of a figure
    leads: bool = False  # items, a table or the rest of a sentence follow
    opens: bool = False  # a paragraph of text follows
    size: tuple[float, float] | None = None  # of the page of a table; width and height in points
    turned: bool = False  # a table whose lines are placed as on the page turned by 90°

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)

    @property
    def is_prose(self) -> bool:
        """Tell whether the draft is a paragraph or a heading."""
        return not (self.table or self.figure or self.note or self.labels)

    def candidate(self) -> HeadingCandidate:
        size = max(line.size for line in self.lines)
        bold = all(line.bold for line in self.lines)
        return HeadingCandidate(
            self.text, size, bold, len(self.lines), self.page, self.leads, self.opens
        )


def build_structure(
    pages: Sequence[RawPage], bookmarks: Sequence[Bookmark] = ()
) -> Iterator[PageText]:
    """Yield the structured text of each page from the lines of all the pages of a document.

    Running headers and page numbers are removed and words split at a line end are joined; all other
    text is kept.
    """
    running_lines = find_running_lines(pages)
    text_lines = [
        join_contents(
            join_broken_lines(_without_running(page, {i for n, i in running_lines if n == p})),
            len(pages),
        )
        for p, page in enumerate(pages)
    ]
    join = _line_joiner(text_lines)
    body = body_size(_sizes(text_lines))
    drafts = [
        _page_drafts(lines, page, body) for lines, page in zip(text_lines, pages, strict=True)
    ]
    _look_ahead(drafts)
    _continue_tables(drafts)
    candidates = (d.candidate() for page in drafts for d in page if d.is_prose)
    headings = learn_headings(candidates, bookmarks, body)
    repeated = _repeated_figures(pages)
    for page, of_one_page in zip(pages, drafts, strict=True):
        ordered = _with_figures(_titles_first(of_one_page, headings), page, repeated)
        notes = {draft.note for draft in ordered if draft.note}
        blocks = tuple(_draft_blocks(ordered, headings, _writer(join, notes)))
        text = "\n\n".join(block.text for block in blocks)
        doubt = _doubt(text, page)
        yield PageText(page.number, text, page.width, page.height, blocks, doubt, page.remarks)


def _look_ahead(pages: Iterable[Sequence[_Draft]]) -> None:
    """Record what follows each paragraph: items, a table, the rest of a sentence, or text."""
    for drafts in pages:
        for draft, after in pairwise(drafts):
            if draft.is_prose and not after.note and after.lines:
                first = after.lines[0]
                draft.leads = after.table is not None or first.text[:1].islower() or _is_item(first)
                draft.opens = not draft.leads and len(after.text) >= MIN_OPENED


def _doubt(text: str, page: RawPage) -> str:
    """Return why the text of a page is unreliable; empty if it is reliable or the page is blank."""
    if not text.strip():
        return "no_text" if page.objects else ""
    return "nonsense" if is_garbled(text, page.lost) else ""


def _repeated_figures(pages: Sequence[RawPage]) -> set[str]:
    """Return the digests of pictures on many pages: logos, ornaments, backgrounds."""
    page_counts = Counter(digest for page in pages for digest in {f.digest for f in page.figures})
    return {digest for digest, times in page_counts.items() if times > MAX_REPEATS}


def _sizes(pages: Iterable[Sequence[TextLine]]) -> Mapping[float, int]:
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[line.size] += len(line.text)
    return sizes


def _line_joiner(pages: Sequence[Sequence[TextLine]]) -> Join:
    """Return a function that joins lines, using the word counts of the document."""
    words: Mapping[str, int] = {}
    if any(line.cut or line.text.endswith("-") for lines in pages for line in lines):
        words = count_words(_text_with_cut(line) for lines in pages for line in lines)
    return lambda lines: join_lines(lines, words)


def _writer(join: Join, notes: Container[str]) -> Join:
    """Return `join` followed by the writing of raised and lowered text, on a page with `notes`."""
    return lambda lines: write_marked(join(lines), notes)


def _text_with_cut(line: TextLine) -> str:
    return line.marked + CUT if line.cut else line.marked


def _without_running(page: RawPage, running: set[int]) -> list[TextLine]:
    """Return the lines of a page without running headers.

    The headings that a table repeats on each page look like one; they stay with their table.
    """
    areas = table_areas(page.rules) if running and page.rules else []
    for left, top, right, bottom in areas:
        inside = {
            i
            for i, line in enumerate(page.lines)
            if top <= line.baseline <= bottom + 2 and left - 4 <= line.x0 <= right
        }
        if len(inside - running) > len(inside & running):
            running = running - inside
    return [line for i, line in enumerate(page.lines) if i not in running]


def _page_drafts(lines: Sequence[TextLine], page: RawPage, body: float) -> list[_Draft]:
    """Group the lines of a page into tables, text in reading order, and footnotes."""
    ruled = ruled_tables(lines, page.rules) if page.rules else []
    tables = [_table_draft(page, t, lines) for t in ruled]
    in_tables = {i for table in ruled for i in table.lines}
    left = [line for i, line in enumerate(lines) if i not in in_tables]
    rest, notes = split_footnotes(join_markers(left), lines, body, page.width, page.height)
    aligned = find_tables(rest, page.rules)
    tables += [_table_draft(page, t, rest) for t in aligned]
    in_tables = {i for table in aligned for i in table.lines}
    text = [f for i, line in enumerate(rest) if i not in in_tables for f in _fields(line)]
    ordered = order_by_columns(text, page.width)
    found = _paragraphs(ordered, page.number, _leading(ordered), body)
    order = _drawing_order(lines, rest)
    for table in tables:
        found.insert(_table_index(table, found, order), table)
    size = page.width, page.height
    for turned in page.turned_tables:
        table = _Draft(page.number, list(turned.lines), turned.table, size=size, turned=True)
        found.insert(_place_of(turned.table.box, found), table)
    return found + [_Draft(page.number, note.lines, note=note.mark) for note in notes]


def _fields(line: TextLine) -> list[TextLine]:
    """Split a line of labelled fields ("Type : Technique    Maturity : High"), far apart."""
    pieces = line.segments
    far = all(right.x0 - left.x1 > MIN_FIELD_GAP * line.size for left, right in pairwise(pieces))
    if len(pieces) == 1 or not far or not all(_FIELD.match(piece.text) for piece in pieces):
        return [line]
    cut = [False] * (len(pieces) - 1) + [line.cut]
    return [replace(line, segments=(piece,), cut=c) for piece, c in zip(pieces, cut, strict=True)]


def _drawing_order(lines: Sequence[TextLine], joined: Sequence[TextLine]) -> dict[int, int]:
    """Return the order of drawing of lines by their id; a joined line follows the one before."""
    order = {id(line): i for i, line in enumerate(lines)}
    last = -1
    for line in joined:
        last = order.setdefault(id(line), last)
    return order


def _table_draft(page: RawPage, table: PageTable, lines: Sequence[TextLine]) -> _Draft:
    inside = [lines[i] for i in sorted(table.lines)]
    return _Draft(page.number, inside, table, size=(page.width, page.height))


def _table_index(table: _Draft, drafts: Sequence[_Draft], order: Mapping[int, int]) -> int:
    """Return the index at which to insert a table: before the drafts drawn after it."""
    first = min(order[id(line)] for line in table.lines)
    for index, draft in enumerate(drafts):
        if min((order.get(id(line), -1) for line in draft.lines), default=-1) > first:
            return index
    return len(drafts)


def _place_of(box: Box, drafts: Sequence[_Draft]) -> int:
    """Return the index at which to insert a turned table: before the first text below its top."""
    for index, draft in enumerate(drafts):
        if (
            draft.lines
            and min(line.baseline for line in draft.lines) > box[1] + draft.lines[0].size
        ):
            return index
    return len(drafts)


def _continue_tables(pages: Sequence[Sequence[_Draft]]) -> None:
    """Give each table that continues the last one of the page before the headings of that one."""
    for before, after in pairwise(pages):
        last = next((d for d in reversed(before) if d.table and _is_outermost(d, before, 1)), None)
        first = next((d for d in after if d.table and _is_outermost(d, after, -1)), None)
        if last and first and last.table and first.table:
            table = first.table
            first.table = last.table.continued_by(table)
            last.table = last.table.completed_by(table)


def _is_outermost(table: _Draft, drafts: Sequence[_Draft], side: int) -> bool:
    """Tell whether a table is the lowest (`side` 1) or the highest (-1) text of its page."""
    if table.turned:
        return sum(len(d.text) for d in drafts if d is not table) < MAX_BESIDE_TURNED
    size = median(line.size for line in table.lines)
    others = [
        side * line.baseline
        for draft in drafts
        if draft is not table and not draft.note
        for line in draft.lines
        if line.size > NOTE_SIZE_RATIO * size
    ]
    return max(others, default=-1e9) < max(side * line.baseline for line in table.lines)


def _leading(lines: Sequence[TextLine]) -> float:
    """Return the median line spacing, as a multiple of the font size."""
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
            _continues_title(before[-1], line, body) or _continues_paragraph(before, line, leading)
        ):
            before.append(line)
        else:
            drafts.append(_Draft(page, [line]))
    return drafts


def _continues_title(last: TextLine, line: TextLine, body: float) -> bool:
    """Tell whether a line in a large font continues the title of the previous line."""
    if min(last.size, line.size) < HEADING_SIZE_RATIO * body or not line.text[:1].islower():
        return False
    step = line.baseline - last.baseline
    similar_size = abs(line.size - last.size) <= 0.2 * last.size
    return similar_size and 0 < step <= 1.8 * last.size and not _SENTENCE_END.search(last.text)


def _continues_paragraph(lines: Sequence[TextLine], line: TextLine, leading: float) -> bool:
    """Tell whether a line continues the paragraph of `lines`."""
    last = lines[-1]
    if last.cut:
        return True
    step = line.baseline - last.baseline
    size = max(last.size, line.size)
    if abs(line.size - last.size) > 0.08 * size or leads_to_page(last.text):
        return False
    shifted = SHIFTED_STEP if line.is_shifted or last.is_shifted else 0.0
    if not -0.3 * size < step <= (max(leading, 1.0) * 1.22 + 0.08 + shifted) * size:
        return False
    if line.x0 > last.x1 + size and (step > 0.3 * size or _FIELD.match(line.text)):
        return False
    ended = _SENTENCE_END.search(last.text) is not None
    short = _ends_early(lines, line)
    if short and _is_item(lines[0]) and line.x0 < lines[0].x0 - 0.5 * size:
        return False
    if _BULLET.match(line.text) or (line.bold != last.bold and short):
        return False
    if not ended and _is_glued_heading(lines, line):
        return False
    if _NUMBERED.match(line.text) and (ended or short or _is_item(lines[0])):
        return False
    if ended and short and line.text[:1].isupper():
        return False
    indented = 0.8 * size < line.x0 - last.x0 < 4 * size
    return not (ended and indented and not _is_item(lines[0]))


def _is_glued_heading(lines: Sequence[TextLine], line: TextLine) -> bool:
    """Tell whether bold lines are a heading, as long as its line, and `line` begins its text."""
    begins_text = not line.begins_bold and line.text[:1].isupper() and not line.text.isupper()
    return begins_text and all(before.bold for before in lines) and len(lines) <= MAX_GLUED_LINES


def _ends_early(lines: Sequence[TextLine], line: TextLine) -> bool:
    """Tell whether the last line ends well before the right edge of its paragraph."""
    near = lines[-MAX_EDGE_LINES:]
    left = min(line.x0, *(before.x0 for before in near))
    right = max(line.x1, *(before.x1 for before in near))
    return lines[-1].x1 < right - 0.15 * (right - left)


def _is_item(line: TextLine) -> bool:
    text = line.text
    return _BULLET.match(text) is not None or _NUMBERED.match(text) is not None


def _titles_first(drafts: Sequence[_Draft], headings: HeadingClassifier) -> list[_Draft]:
    """Move titles that were drawn after their text before it."""
    ordered: list[_Draft] = []
    for draft in drafts:
        late = draft.is_prose and len(ordered) > 1 and headings.level(draft.candidate())
        places = (i for i, text in enumerate(ordered) if _is_title_of(draft, text))
        ordered.insert(next(places, len(ordered)) if late else len(ordered), draft)
    return ordered


def _is_title_of(title: _Draft, text: _Draft) -> bool:
    """Tell whether a title is to the left of a paragraph, or directly above it."""
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
    """Insert the figures of a page before the text below them, such as their captions."""
    length = sum(len(line.text) for line in page.lines)
    figures = [
        f for f in page.figures if f.digest not in repeated and not _is_background(f, length)
    ]
    result = list(drafts)
    for figure in figures:
        index, caption = _figure_index(figure, result, page)
        if figure.drawn and (not caption or _covers_table(figure, result, page)):
            continue
        if any(other.figure and _contains_centre(other.figure, figure) for other in result):
            continue
        draft = _Draft(page.number, figure=figure)
        result.insert(index, draft)
        result = _take_labels(draft, result, page)
    return _group_axis_numbers(result)


def _take_labels(figure: _Draft, drafts: Sequence[_Draft], page: RawPage) -> list[_Draft]:
    """Move the numbers on a figure, and the legends of a drawn one, from the text to the figure."""
    assert figure.figure is not None
    box, drawn = figure.figure.box, figure.figure.drawn
    left, right = box.x0 * page.width - LABEL_MARGIN, box.x1 * page.width + LABEL_MARGIN
    top, bottom = box.y0 * page.height - LABEL_MARGIN, box.y1 * page.height + LABEL_MARGIN

    def is_label(draft: _Draft) -> bool:
        if not draft.is_prose or not (_is_numbers(draft) or (drawn and _is_legend(draft))):
            return False
        return all(
            left <= line.x0 and line.x1 <= right and top <= line.baseline <= bottom
            for line in draft.lines
        )

    labels = [draft for draft in drafts if is_label(draft)]
    figure.labels = [line for draft in labels for line in draft.lines]
    taken = {id(draft) for draft in labels}
    return [draft for draft in drafts if id(draft) not in taken]


def _is_numbers(draft: _Draft) -> bool:
    """Tell whether a paragraph is only numbers, such as those of an axis."""
    return draft.is_prose and _NUMBERS.match(draft.text) is not None


def _is_legend(draft: _Draft) -> bool:
    text = draft.text
    return len(text) <= MAX_LEGEND and not _SENTENCE_END.search(text) and not is_caption(text)


def _group_axis_numbers(drafts: Sequence[_Draft]) -> list[_Draft]:
    """Make one figure of successive paragraphs of numbers: the axis of a chart."""
    result: list[_Draft] = []
    for numbers, run in groupby(drafts, key=_is_numbers):
        group = list(run)
        if numbers and len(group) >= MIN_AXIS_NUMBERS:
            lines = [line for draft in group for line in draft.lines]
            result.append(_Draft(group[0].page, labels=lines))
        else:
            result += group
    return result


def _is_background(figure: Figure, length: int) -> bool:
    """Tell whether a figure is the background of a page with `length` characters of text."""
    box = figure.box
    return (box.x1 - box.x0) * (box.y1 - box.y0) > BACKGROUND_SHARE and length > 200


def _figure_index(figure: Figure, drafts: Sequence[_Draft], page: RawPage) -> tuple[int, bool]:
    """Return the index at which to insert a figure, and whether a caption is next to it."""
    top, bottom = figure.box.y0 * page.height, figure.box.y1 * page.height
    middle = (figure.box.x0 + figure.box.x1) / 2 * page.width
    for index, draft in enumerate(drafts):
        if draft.lines and is_figure_caption(draft.text):
            first, last = draft.lines[0], draft.lines[-1]
            if -MAX_CAPTION_DISTANCE < first.baseline - bottom < 2 * MAX_CAPTION_DISTANCE:
                return index, True
            if -MAX_CAPTION_DISTANCE < top - last.baseline < MAX_CAPTION_DISTANCE:
                return index + 1, True
    for index, draft in enumerate(drafts):
        if draft.lines and not draft.note:
            over = min(line.x0 for line in draft.lines) < middle + 0.3 * page.width
            if over and draft.lines[0].baseline > bottom:
                return index, False
    notes = next((i for i, draft in enumerate(drafts) if draft.note), len(drafts))
    return notes, False


def _covers_table(figure: Figure, drafts: Sequence[_Draft], page: RawPage) -> bool:
    """Tell whether a drawn figure consists of the ruled lines of a table."""
    top, bottom = figure.box.y0 * page.height, figure.box.y1 * page.height
    return any(
        draft.table is not None and any(top < line.baseline < bottom for line in draft.lines)
        for draft in drafts
    )


def _contains_centre(one: Figure, other: Figure) -> bool:
    """Tell whether the centre of `other` lies inside `one`."""
    x, y = (other.box.x0 + other.box.x1) / 2, (other.box.y0 + other.box.y1) / 2
    return one.box.x0 <= x <= one.box.x1 and one.box.y0 <= y <= one.box.y1


def _draft_blocks(
    drafts: Sequence[_Draft], headings: HeadingClassifier, join: Join
) -> Iterator[Block]:
    """Convert drafts to blocks, merging successive items of a list."""
    items: list[Block] = []
    for draft in drafts:
        block = _draft_block(draft, headings, join)
        if items and items[0].kind != block.kind:
            yield _merge_items(items)
            items = []
        if block.kind in {"list", "contents"}:
            items.append(block)
        else:
            yield block
    if items:
        yield _merge_items(items)


def _merge_items(items: Sequence[Block]) -> Block:
    return Block(items[0].kind, "\n".join(item.text for item in items))


def _draft_block(draft: _Draft, headings: HeadingClassifier, join: Join) -> Block:
    if draft.table is not None:
        return _table_block(draft, draft.table, join)
    if draft.figure is not None:
        text = _labels_text(draft, join)
        picture = _picture(draft.page, draft.figure.box)
        return Block("figure", text, picture=picture, digest=draft.figure.digest)
    if draft.labels:
        return Block("figure", _labels_text(draft, join))
    if draft.note:
        text = join(_text_with_cut(line) for line in draft.lines)
        return Block("footnote", f"[{draft.note}] {text}", note=draft.note)
    text = join(_text_with_cut(line) for line in draft.lines)
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


def _labels_text(draft: _Draft, join: Join) -> str:
    return " ".join(join([_text_with_cut(line)]) for line in draft.labels)


def _table_block(draft: _Draft, table: PageTable, join: Join) -> Block:
    """Return a table; one whose cells are in doubt is a picture of its place with plain text."""
    if len(table.rows) + bool(table.header) < 2:
        return Block("paragraph", table.plain(join))
    if not (table.doubts and draft.size):
        return Block("table", table.markdown(join))
    width, height = draft.size
    box = (table.box[0] / width, table.box[1] / height, table.box[2] / width, table.box[3] / height)
    margin = TABLE_MARGIN / width
    box = (box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin)
    picture = _picture(draft.page, tuple(min(max(side, 0.0), 1.0) for side in box))
    text = table.plain(join)
    digest = hashlib.sha256(f"{picture}\n{text}".encode()).hexdigest()
    return Block("figure", text, picture=picture, digest=digest, doubt="layout")


def _picture(page: int, box: Iterable[float]) -> str:
    return f"{page}:" + ",".join(f"{side:.4f}" for side in box)
