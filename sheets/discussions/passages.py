"""Find passages in the page of a sheet, follow them through its versions, and mark them."""

import html
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sheets.merge.align import match_items
from wikico2.text.quotes import Span, find_quote

AROUND = 60
"""Characters kept of the text on either side of a passage."""
KEPT = 0.5
"""The share of the words of a passage that must still be there for it to be the same passage."""
TAG = re.compile(r"(<[^<>]*>)")
NAME = re.compile(r"</?([a-zA-Z0-9]+)")
NOTE_CALL = re.compile(r'<a\b[^>]*\bid="ref-')
INLINE = {"a", "abbr", "b", "code", "del", "em", "i", "ins", "mark", "q", "s", "small", "span",
          "strong", "sub", "sup"}  # fmt: skip
WORD = re.compile(r"\w+", re.UNICODE)


@dataclass
class PageWords:
    """The words of a page, without the calls of its notes, and where each piece of HTML has them.

    `pieces` are the tags and texts of the HTML; `starts` the places in `text` of those that are
    texts, in their order, and `indexes` their numbers in `pieces`.
    """

    pieces: list[str]
    text: str = ""
    starts: list[int] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)

    def words(self) -> list[Span]:
        return [Span(*match.span()) for match in WORD.finditer(self.text)]

    def around(self, span: Span) -> tuple[str, str]:
        """Return the text before and after a span, `AROUND` characters of each."""
        before = self.text[max(span.start - AROUND, 0) : span.start]
        return before.strip(), self.text[span.end : span.end + AROUND].strip()


def page_text(page: str) -> PageWords:
    """Return the text of the HTML that the renderer made."""
    found = PageWords(TAG.split(page))
    parts: list[str] = []
    length = 0
    skipping = False
    for index, piece in enumerate(found.pieces):
        if index % 2:
            skipping = bool(NOTE_CALL.match(piece)) or (skipping and not piece.startswith("</a"))
            name = NAME.match(piece)
            text = "" if name and name[1].lower() in INLINE else "\n"
        else:
            text = "" if skipping else html.unescape(piece)
            found.starts.append(length)
            found.indexes.append(index)
        parts.append(text)
        length += len(text)
    found.text = "".join(parts)
    return found


def find_passage(page: PageWords, quote: str, before: str = "", after: str = "") -> Span | None:
    """Return where a passage stands in a page, told from the same words elsewhere by its context.

    None if it is not there word for word.
    """
    if not quote.strip():
        return None
    for lead, tail in ((before, after), (before, ""), ("", after)):
        if not (lead or tail):
            continue
        if spans := find_quote(page.text, f"{lead}\n{quote}\n{tail}"):
            start = spans[0].start
            if lead:  # its last word stands before the passage
                ends = find_quote(page.text[start:], lead)
                start += ends[-1].end if ends else 0
            if inner := find_quote(page.text[start : spans[-1].end + 1], quote):
                return Span(start + inner[0].start, start + inner[-1].end)
    spans = find_quote(page.text, quote)
    return Span(spans[0].start, spans[-1].end) if spans else None


def follow_passage(old: PageWords, new: PageWords, span: Span) -> Span | None:
    """Return where the words of a span of the old page stand in the new one; None if they went.

    Words are matched in their order; at least `KEPT` of those of the span must be there.
    """
    was, now = old.words(), new.words()
    matches = match_items([old.text[a:b] for a, b in was], [new.text[a:b] for a, b in now])
    inside = [n for n, word in enumerate(was) if word.start >= span.start and word.end <= span.end]
    kept = [matches[n] for n in inside if matches[n] >= 0]
    if not kept or len(kept) < KEPT * len(inside):
        return None
    first, last = min(kept), max(kept)
    if last - first > 2 * len(inside) + 10:  # scattered over the page: no passage any more
        return None
    return Span(now[first].start, now[last].end)


def mark_passages(page: PageWords, spans: Iterable[tuple[int, Span]]) -> str:
    """Return the HTML of a page with each passage in <mark>, by the ids of their discussions.

    The first mark of a discussion is where links to it lead.
    """
    pieces = list(page.pieces)
    cuts: dict[int, list[tuple[int, Span]]] = {}
    for key, span in spans:
        first = max(bisect_right(page.starts, span.start) - 1, 0)
        for place in range(first, len(page.starts)):
            if page.starts[place] >= span.end:
                break
            cuts.setdefault(place, []).append((key, span))
    seen: set[int] = set()
    for place, found in sorted(cuts.items()):
        index, start = page.indexes[place], page.starts[place]
        end = page.starts[place + 1] if place + 1 < len(page.starts) else len(page.text)
        text = html.unescape(pieces[index])
        if page.text[start : start + len(text)] == text:  # else it is the call of a note
            end = min(end, start + len(text))
            pieces[index] = "".join(marked_runs(text, start, end, found, seen))
    return "".join(pieces)


def marked_runs(
    text: str, start: int, end: int, found: Sequence[tuple[int, Span]], seen: set[int]
) -> Iterator[str]:
    """Yield the runs of a text, those of passages in <mark>."""
    bounds = {start, end}
    bounds.update(at for _key, span in found for at in span if start < at < end)
    for left, right in pairwise(sorted(bounds)):
        run = text[left - start : right - start]
        keys = [key for key, span in found if span.start <= left and right <= span.end]
        if not keys or not run.strip():
            yield html.escape(run)
            continue
        fresh = [key for key in keys if key not in seen]
        name = f' id="passage-{fresh[0]}"' if fresh else ""
        seen.update(fresh[:1])
        yield f'<mark class="passage"{name} data-discussion="{keys[-1]}">{html.escape(run)}</mark>'
