"""Recognise statements that say nothing: the title again, words of the prompt, marks. Pure."""

import re
from collections.abc import Iterable
from functools import lru_cache

from sheets.schema.prompt import LOOKS_LIKE_A_LABEL, one_line
from wikico2.text.normalize import folded_words, stem_set

OF_TITLES = frozenset(
    "guide rapport document source page pages fiche etude note titre version".split()
)
TITLE_SHARE = 0.8
"""Share of a title's stems from which on a text that has no others repeats it."""

RUN = 6
"""Words in a row that a statement shares with the prompt only if it repeats it."""

MARKS = re.compile(r" ?[(\[] ?/? ?(?:S\d+|#\d+)(?: ?[,;] ?(?:S\d+|#\d+))* ?[)\]]|(?<!\w)#\d+\b")
"""Marks of the prompt, in a text with single spaces."""


def without_marks(text: str) -> str:
    """Return a model's text without the labels of passages and the numbers of sentences."""
    return one_line(LOOKS_LIKE_A_LABEL.sub("", MARKS.sub("", one_line(text))))


def repeats_title(text: str, title: str) -> bool:
    """Tell whether a text only repeats a title, perhaps with a page number."""
    said = {s for s in stem_set(text) if not s.isdigit()} - OF_TITLES
    named = {s for s in stem_set(title) if not s.isdigit()} - OF_TITLES
    return bool(named) and said <= named and len(said) >= TITLE_SHARE * len(named)


def repeats_prompt(text: str, prompt: Iterable[str]) -> bool:
    """Tell whether a text repeats one of the texts of a prompt, or six of its words in a row."""
    words = tuple(folded_words(text))
    if not words:
        return False
    for part in prompt:
        runs, whole = _runs(part)
        if words == whole or any(words[i : i + RUN] in runs for i in range(len(words) - RUN + 1)):
            return True
    return False


@lru_cache(maxsize=512)
def _runs(text: str) -> tuple[frozenset[tuple[str, ...]], tuple[str, ...]]:
    """Return the runs of words of a text, and all its words."""
    words = tuple(folded_words(text))
    return frozenset(words[i : i + RUN] for i in range(len(words) - RUN + 1)), words
