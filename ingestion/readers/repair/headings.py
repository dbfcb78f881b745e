"""Detect headings by font size and weight, numbering and the document's bookmarks."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import NamedTuple

from ingestion.readers import PageText

HEADING_SIZE_RATIO = 1.09
"""Ratio of font size to body size from which a paragraph may be a heading."""

LARGE_RATIO = 1.3
"""Ratio of font size to body size from which a paragraph is a heading whatever it says."""

MAX_COLON_TITLE = 60
"""Characters of a bold title, in the size of the body, that ends with a colon."""

MIN_SENTENCE = 6
"""Words from which a line with a verb is a sentence."""

MAX_LENGTH = 220
MAX_LINES = 4
DEEPEST = 6

_NUMBERED = re.compile(
    r"(?:\(?(\d{1,2}(?:\.\d{1,2})*)[.)]?)(?:\s+[-–—:]?\s*|\s*[-–—:]\s*)(?=[^\W\d_])"
)
_PART = re.compile(
    r"(?:annexe|chapitre|partie|titre|livre|étape|fiche|section)\s+[\dIVXLA-Z]+\b", re.IGNORECASE
)
_CAPTION = re.compile(
    r"(?:fig(?:ure|\.)|tabl(?:eau|e)|graphique|schéma|illustration|carte|photo(?:graphie)?|source)s?\b"
    r"\s*(?:n°\s*)?[\dIVX.]*[^:–—-]{0,3}\s*[:–—-]",
    re.IGNORECASE,
)
_NOT_A_TITLE = re.compile(r"^[•●○◦▪■□‣⁃∙·]|=|\.{4}|…\s*\d+$|^\S+\.[a-z]{2,4}(?:/\S*)?$|^\S+@\S+$")
"""A list item, a formula, an entry of a table of contents, a URL or an e-mail address."""
_CONTENTS = re.compile(
    r"(?:table (?:des matières|of contents)|sommaire|contents)\W*", re.IGNORECASE
)
"""The heading of a table of contents."""
_KINDS_OF_DOCUMENT = frozenset(
    "guide rapport note document étude etude fiche mémento memento manuel présentation "
    "presentation annexe annexes synthèse synthese livret brochure cahier notice titre sommaire "
    "version final finale définitif définitive provisoire brouillon vf report study handbook draft "
    "title".split()
)
"""Words that say of what kind a document is, or which state of it, but not what it is about."""
_GOES_ON = re.compile(r"(?:de|du|des|pour|sur|à|au|aux|en|of|for|on|to)\s|d['’]", re.IGNORECASE)
"""Begins the rest of a title of which « Guide » stands alone on the line above."""
_VERB = re.compile(
    r"(?:\b(?:ne|n['’]|il|ils|elle|elles|on|nous|vous|ce|c['’])\s?)?"
    r"\b(?:est|sont|était|étaient|sera|seront|a|ont|avait|aura|auront|peut|peuvent|pourra|doit|doivent"
    r"|devra|devront|faut|permet|permettent|représente|représentent|concerne|concernent|comprend"
    r"|comprennent|répond|répondent|fait|font|atteint|atteignent|dépend|dépendent|reste|restent"
    r"|varie|varient|s['’]élève|s['’]élèvent|is|are|was|were|has|have|can|must|shall|will)\b"
)
_QUESTION = re.compile(
    r"(?:\W*\d[\d.]*\W*)?(?:qu['’e]|qui|quoi|quels?|quelles?|comment|pourquoi|où|quand|combien"
    r"|ce qu|what|how|why|who|which|where|when)\b",
    re.IGNORECASE,
)
_QUANTITY_FIRST = re.compile(
    r"\d[\d\s.,]*\s?(?:%|€|[kM]€|[kMGT]Wh?\b|t\b|tCO|tep\b|k?m[²³]?\b|ha\b|millions?\b|milliards?\b)"
)
_NOT_WORD = re.compile(r"[\W_]+")

Style = tuple[float, bool]
"""Font size rounded to half a point, and whether it is bold."""


class Bookmark(NamedTuple):
    """An entry of the document's outline."""

    level: int  # from 1
    title: str
    page: int


@dataclass(frozen=True, slots=True)
class HeadingCandidate:
    """A paragraph that may be a heading."""

    text: str
    size: float
    bold: bool
    lines: int
    page: int
    leads: bool = False  # a list, a table or the rest of a sentence follows
    opens: bool = False  # a paragraph of text follows

    @property
    def style(self) -> Style:
        return round(self.size * 2) / 2, self.bold

    @property
    def letters(self) -> int:
        return sum(map(str.isalpha, self.text))


def is_caption(text: str) -> bool:
    """Tell whether a paragraph is the caption of a figure or table."""
    return len(text) < 300 and _CAPTION.match(text) is not None


def is_figure_caption(text: str) -> bool:
    """Tell whether a paragraph is the caption of a figure, not of a table."""
    return is_caption(text) and not text.lower().startswith(("tabl", "source"))


def fold_title(text: str) -> str:
    """Return a title in lower case, without spaces and punctuation, for comparison."""
    return _NOT_WORD.sub("", text).lower()


@dataclass(slots=True)
class HeadingClassifier:
    """Decides which paragraphs are headings, from the styles of the whole document."""

    body: float  # font size of the body text
    bookmarks: dict[tuple[str, int], int] = field(default_factory=dict)
    levels: dict[Style, int] = field(default_factory=dict)

    def level(self, candidate: HeadingCandidate) -> int:
        """Return the heading level of a candidate, 0 if it is not a heading."""
        bookmarked = self.bookmarked(candidate)
        if not (bookmarked or self.stands_out(candidate)) or not _is_short_enough(candidate):
            return 0
        return bookmarked or self.levels.get(candidate.style, 0)

    def bookmarked(self, candidate: HeadingCandidate) -> int:
        """Return the level of the bookmark with the candidate's title and page, 0 if none."""
        if not self.bookmarks or len(candidate.text) > MAX_LENGTH:
            return 0
        return self.bookmarks.get((fold_title(candidate.text), candidate.page), 0)

    def stands_out(self, candidate: HeadingCandidate) -> bool:
        """Tell a heading by its font: larger than the body, or short and bold or in capitals."""
        if _leads_in(candidate, self.body):
            return False
        if candidate.size >= HEADING_SIZE_RATIO * self.body:
            return candidate.size >= LARGE_RATIO * self.body or not _is_sentence(candidate.text)
        if candidate.size < 0.97 * self.body:
            return False
        short = candidate.lines <= 2 and len(candidate.text) <= 140
        return (
            short and (candidate.bold or _in_capitals(candidate)) and _is_title_like(candidate.text)
        )


def learn_headings(
    candidates: Iterable[HeadingCandidate], bookmarks: Sequence[Bookmark], body: float
) -> HeadingClassifier:
    """Learn the styles of a document's headings from its short paragraphs and its bookmarks."""
    headings = HeadingClassifier(body, _index_bookmarks(bookmarks))
    found = [
        candidate
        for candidate in candidates
        if (headings.stands_out(candidate) or headings.bookmarked(candidate))
        and _is_short_enough(candidate)
    ]
    headings.levels = _style_levels(found, headings)
    return headings


def body_size(sizes: Mapping[float, int]) -> float:
    """Return the most frequent font size, from the number of characters in each size."""
    return max(sizes, key=lambda size: (sizes[size], -size)) if sizes else 10.0


def _index_bookmarks(bookmarks: Sequence[Bookmark]) -> dict[tuple[str, int], int]:
    levels: dict[tuple[str, int], int] = {}
    for level, title, page in bookmarks:
        key = fold_title(title)
        if sum(char.isalpha() for char in key) >= 2:
            levels.setdefault((key, page), min(level, DEEPEST))
    return levels


def _style_levels(
    found: Sequence[HeadingCandidate], headings: HeadingClassifier
) -> dict[Style, int]:
    """Give each style a level from bookmarks, else from numbering, else from its rank by size."""
    body = headings.body
    bookmark_levels: dict[Style, list[int]] = defaultdict(list)
    depths: dict[Style, list[int]] = defaultdict(list)
    for candidate in found:
        level = headings.bookmarked(candidate)
        if level:
            bookmark_levels[candidate.style].append(level)
        number = _NUMBERED.match(candidate.text)
        if number:
            depths[candidate.style].append(number.group(1).count(".") + 1)
        elif _PART.match(candidate.text):
            depths[candidate.style].append(1)
    counts = Counter(candidate.style for candidate in found)
    levels: dict[Style, int] = {}
    above = 0
    for style in sorted(counts, key=lambda style: (-style[0], not style[1])):
        if bookmark_levels[style]:
            level = median_low(bookmark_levels[style])
        elif 3 * len(depths[style]) >= counts[style]:
            level = max(median_low(depths[style]), 1 if style[0] > 1.3 * body else 2)
        elif style[0] < HEADING_SIZE_RATIO * body:
            level = max(above + 1, 3)
        elif _is_only_on_cover(style, found):
            levels[style] = 1
            continue
        else:
            level = above + 1
        levels[style] = max(1, min(level, DEEPEST))
        above = max(above, levels[style]) if not bookmark_levels[style] else levels[style]
        above = min(above, 3)
    return levels


def _is_only_on_cover(style: Style, found: Sequence[HeadingCandidate]) -> bool:
    pages = {candidate.page for candidate in found if candidate.style == style}
    return pages == {1} and any(candidate.page > 1 for candidate in found)


def _is_short_enough(candidate: HeadingCandidate) -> bool:
    text = candidate.text
    return (
        candidate.lines <= MAX_LINES
        and len(text) <= MAX_LENGTH
        and candidate.letters >= 2
        and candidate.letters >= 0.4 * len(_NUMBERED.sub("", text, count=1))
        and not text.endswith((";", ","))
        and _NOT_A_TITLE.search(text) is None
        and not is_caption(text)
    )


def _leads_in(candidate: HeadingCandidate, body: float) -> bool:
    """Tell whether a paragraph that ends with a colon introduces what follows it.

    A title may end with a colon too: in a larger font, numbered, in capitals, or short above text.
    """
    text = candidate.text
    if not text.endswith(":"):
        return False
    if candidate.size >= LARGE_RATIO * body or _NUMBERED.match(text) or text.isupper():
        return False
    if candidate.leads or _is_sentence(text):
        return True
    is_title = candidate.opens and len(text) <= MAX_COLON_TITLE
    return candidate.size < HEADING_SIZE_RATIO * body and not is_title


def _in_capitals(candidate: HeadingCandidate) -> bool:
    return candidate.text.isupper() and candidate.letters >= 6


def _is_title_like(text: str) -> bool:
    """Tell a title from a bold sentence: capital or digit first, no full stop at the end."""
    return (text[0].isupper() or text[0].isdigit()) and not _is_sentence(text)


def _is_sentence(text: str) -> bool:
    """Tell whether a line is a sentence: it ends as one, or says something with a verb."""
    if text.endswith((".", "!")) and not text.endswith(("etc.", "...")) and " " in text:
        return True
    if text.endswith("?") or _QUESTION.match(text) or _QUANTITY_FIRST.match(text):
        return not text.endswith("?") and _QUESTION.match(text) is None
    words = text.split()
    return (
        len(words) >= MIN_SENTENCE
        and not text.isupper()
        and _NUMBERED.match(text) is None
        and _VERB.search(text) is not None
    )


def names_matter(title: str) -> bool:
    """Tell whether a title says more than the kind of its document: « Guide », « Rapport »."""
    words = re.findall(r"[^\W\d_]{2,}", title)
    return any(word.casefold() not in _KINDS_OF_DOCUMENT for word in words)


def first_title(pages: Sequence[PageText]) -> str:
    """Return the highest heading of the first page, for a document that does not state its title.

    « Guide » alone is no title: what follows on the page as another heading of that level goes on,
    or is the title. Empty if there is none, or if it is the heading of a table of contents: the
    file name is then more informative.
    """
    first = [block for block in pages[0].blocks if block.kind == "heading"] if pages else []
    highest = min((block.level for block in first), default=0)
    kind = ""
    for text in (block.text for block in first if block.level == highest):
        if _CONTENTS.fullmatch(text):
            return ""
        if names_matter(text):
            return (f"{kind} {text}" if kind and _GOES_ON.match(text) else text)[:300]
        kind = text
    return ""
