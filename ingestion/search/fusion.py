"""Fuse what was found by words with what was found by meaning. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

WORDS_SHARE, MEANING_SHARE = 0.25, 0.75
"""How much each counts; chosen by measurement, see docs/search.md."""


@dataclass(frozen=True)
class ScoreSet:
    """Scores by row, with the mean and the standard deviation over all rows there are."""

    of: Mapping[int, float] = field(default_factory=dict)
    mean: float = 0.0
    spread: float = 1.0

    def standard(self) -> dict[int, float]:
        """Return the scores in standard deviations above the mean."""
        return {row: (score - self.mean) / (self.spread or 1.0) for row, score in self.of.items()}


def fuse_scores(words: ScoreSet, meaning: ScoreSet) -> dict[int, float]:
    """Return one score for each row that either has found, the better the higher.

    Each kind is brought to a common measure: how far above all rows its score stands. A row that
    one of them has not found has, there, no more than the last one that it has.
    """
    if not meaning.of:
        return dict(words.of)
    by_words, by_meaning = words.standard(), meaning.standard()
    no_words = (0.0 - words.mean) / (words.spread or 1.0) if words.of else 0.0
    no_meaning = min(by_meaning.values())
    return {
        row: WORDS_SHARE * by_words.get(row, no_words)
        + MEANING_SHARE * by_meaning.get(row, no_meaning)
        for row in by_words.keys() | by_meaning.keys()
    }


def above_chance(meaning: ScoreSet, rows: int) -> set[int]:
    """Return what is nearer than the nearest of so many `rows` would be by chance."""
    chance = math.sqrt(2 * math.log(max(rows, 10)))
    return {row for row, score in meaning.standard().items() if score > chance}
