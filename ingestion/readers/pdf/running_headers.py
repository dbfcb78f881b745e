"""Find the running headers, footers and page numbers that repeat from page to page."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import product

from ingestion.readers.pdf.lines import TextLine
from ingestion.readers.pdf.page import RawPage

MARGIN = 0.12
"""Share of the page height, at the top and the bottom, in which a line may be a running header."""

NUMBER_MARGIN = 0.25
"""Share of the page height, at the bottom, in which the lowest line may be the page number if it is
only a number: LaTeX sets wide margins."""

BAND = 3.0
"""Points; lines of two pages whose baselines differ by less are at the same height."""

_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|p\.?)\s*)?(\d{1,5})(?:\s*(?:/|sur|of|de)\s*(\d{1,5}))?[\W_]*$", re.IGNORECASE
)

LinePosition = tuple[int, int]
"""A page's index and the index of a line on it."""

Key = tuple[str, tuple[int, ...]]
"""The words of a line, and its numbers, minus the page number if they count pages."""


def find_running_lines(pages: Sequence[RawPage]) -> set[LinePosition]:
    """Return the positions of the lines that repeat in the margins: same words, same height.

    A number in them may count the pages. Where most lines of a height do not repeat, none counts.
    """
    bands: dict[int, list[tuple[LinePosition, str]]] = defaultdict(list)
    for p, page in enumerate(pages):
        for i, line in _in_margins(page):
            bands[round(line.baseline / BAND)].append(((p, i), line.text))
    found: set[LinePosition] = set()
    for band in list(bands):
        lines = bands[band] + bands.get(band + 1, [])
        repeated = _repeated_lines(lines)
        if 2 * len(repeated) > len(lines):
            found |= repeated
    return found | _page_numbers_if_short(bands.values(), len(pages))


def _in_margins(page: RawPage) -> Iterable[tuple[int, TextLine]]:
    top, bottom = MARGIN * page.height, (1 - MARGIN) * page.height
    lowest = max((line.baseline for line in page.lines), default=0)
    for i, line in enumerate(page.lines):
        last = line.baseline == lowest > (1 - NUMBER_MARGIN) * page.height
        if line.baseline < top or line.baseline > bottom or (last and _NUMBER.match(line.text)):
            yield i, line


def _repeated_lines(lines: Sequence[tuple[LinePosition, str]]) -> set[LinePosition]:
    groups: dict[Key, set[LinePosition]] = defaultdict(set)
    for position, text in lines:
        for key in _keys(text, position[0]):
            groups[key].add(position)
    found: set[LinePosition] = set()
    for positions in groups.values():
        if _repeats_enough({page for page, _ in positions}):
            found |= positions
    return found


def _keys(text: str, page: int) -> Iterable[Key]:
    """Yield a key for each reading of a line's numbers: as constants, or as counting the pages."""
    numbers = [int(digits) for digits in _DIGITS.findall(text)[:3]]
    words = _DIGITS.sub("#", text).lower()
    for shift in product(*((0, page + 1) for _ in numbers)):
        counts = tuple(
            number - page_number if page_number else -1_000_000 - number
            for number, page_number in zip(numbers, shift, strict=True)
        )
        yield words, counts


def _repeats_enough(pages: set[int]) -> bool:
    span = max(pages) - min(pages) + 1
    return len(pages) >= 3 and len(pages) >= 0.2 * span


def _page_numbers_if_short(
    bands: Iterable[Sequence[tuple[LinePosition, str]]], page_count: int
) -> set[LinePosition]:
    """Return the page numbers, such as 1/2, of a document too short for lines to repeat."""
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
