"""Find the running heads, running feet and page numbers that repeat from page to page."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import product

from ingestion.readers.pdf.lines import TextLine
from ingestion.readers.pdf.page import RawPage

MARGIN = 0.12
"""Share of the page's height, above and below, in which a line may be a running head."""

LOWEST = 0.25
"""Share of the page's height in which the lowest line, where it is but a number, may be the page's:
LaTeX sets wide margins."""

BAND = 3.0
"""Lines whose heights differ by fewer points than this are at the same place of their pages."""

_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|p\.?)\s*)?(\d{1,5})(?:\s*(?:/|sur|of|de)\s*(\d{1,5}))?[\W_]*$", re.IGNORECASE
)

Place = tuple[int, int]
"""A page's index and the index of a line on it."""

Key = tuple[str, tuple[int, ...]]
"""The words of a line, and its numbers less the page's index where they count pages."""


def find_running_lines(pages: Sequence[RawPage]) -> set[Place]:
    """Return the places of the lines that repeat in the margins: same words, same height.

    A number in them may count the pages. What stands where other pages have their text is text.
    """
    bands: dict[int, list[tuple[Place, str]]] = defaultdict(list)
    for p, page in enumerate(pages):
        for i, line in _in_margins(page):
            bands[round(line.baseline / BAND)].append(((p, i), line.text))
    found: set[Place] = set()
    for band in list(bands):
        lines = bands[band] + bands.get(band + 1, [])
        repeated = _repeated_lines(lines)
        if 2 * len(repeated) > len(lines):
            found |= repeated
    return found | _alone_on_few(bands.values(), len(pages))


def _in_margins(page: RawPage) -> Iterable[tuple[int, TextLine]]:
    top, bottom = MARGIN * page.height, (1 - MARGIN) * page.height
    lowest = max((line.baseline for line in page.lines), default=0)
    for i, line in enumerate(page.lines):
        last = line.baseline == lowest > (1 - LOWEST) * page.height
        if line.baseline < top or line.baseline > bottom or (last and _NUMBER.match(line.text)):
            yield i, line


def _repeated_lines(lines: Sequence[tuple[Place, str]]) -> set[Place]:
    groups: dict[Key, set[Place]] = defaultdict(set)
    for place, text in lines:
        for key in _keys(text, place[0]):
            groups[key].add(place)
    found: set[Place] = set()
    for places in groups.values():
        if _repeat_count({page for page, _ in places}):
            found |= places
    return found


def _keys(text: str, page: int) -> Iterable[Key]:
    """Return the ways to read a line's numbers: as they are, or each counting the pages."""
    numbers = [int(digits) for digits in _DIGITS.findall(text)[:3]]
    words = _DIGITS.sub("#", text).lower()
    for shift in product(*((0, page + 1) for _ in numbers)):
        counts = tuple(
            number - by if by else -1_000_000 - number
            for number, by in zip(numbers, shift, strict=True)
        )
        yield words, counts


def _repeat_count(pages: set[int]) -> bool:
    span = max(pages) - min(pages) + 1
    return len(pages) >= 3 and len(pages) >= 0.2 * span


def _alone_on_few(bands: Iterable[Sequence[tuple[Place, str]]], page_count: int) -> set[Place]:
    """Return the page numbers, such as 1/2, of a document too short for anything to repeat."""
    if page_count > 3:
        return set()
    return {
        (page, line)
        for band in bands
        for (page, line), text in band
        if (match := _NUMBER.match(text))
        and int(match.group(1)) == page + 1
        and match.group(2) in {None, str(page_count)}
    }
