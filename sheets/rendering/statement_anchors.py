"""Lasting addresses of statements: an anchor that its words make, wherever it stands."""

import hashlib
from collections.abc import Iterable, Iterator

from wikico2.text.normalize import folded_words

DIGITS = 10


def statement_anchor(text: str) -> str:
    """Return the anchor of a statement: it depends on its words alone, not on its typography."""
    words = " ".join(folded_words(text)) or text
    return f"s-{hashlib.blake2s(words.encode(), digest_size=8).hexdigest()[:DIGITS]}"


def statement_anchors(texts: Iterable[str]) -> Iterator[str]:
    """Yield the anchor of each statement; the same words again get a number."""
    times: dict[str, int] = {}
    for text in texts:
        anchor = statement_anchor(text)
        times[anchor] = times.get(anchor, 0) + 1
        yield anchor if times[anchor] == 1 else f"{anchor}-{times[anchor]}"
