"""Fuse the scores of full-text search (words) and vector search (meaning). Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

WORDS_WEIGHT, MEANING_WEIGHT = 0.25, 0.75
"""Weights of the two scores; chosen by measurement, see docs/search.md."""


@dataclass(frozen=True)
class ScoreSet:
    """Scores by row, with the mean and the standard deviation over all rows."""

    of: Mapping[int, float] = field(default_factory=dict)
    mean: float = 0.0
    spread: float = 1.0

    def standard(self) -> dict[int, float]:
        """Return the scores in standard deviations above the mean."""
        return {row: (score - self.mean) / (self.spread or 1.0) for row, score in self.of.items()}


def fuse_scores(words: ScoreSet, meaning: ScoreSet) -> dict[int, float]:
    """Return one score for each row found by either search; higher is better.

    Scores are standardised over all rows, then weighted. A row that full-text search has not found
    counts there as score 0; one that vector search has not found, as its lowest score.
    """
    if not meaning.of:
        return dict(words.of)
    by_words, by_meaning = words.standard(), meaning.standard()
    no_words = (0.0 - words.mean) / (words.spread or 1.0) if words.of else 0.0
    no_meaning = min(by_meaning.values())
    return {
        row: WORDS_WEIGHT * by_words.get(row, no_words)
        + MEANING_WEIGHT * by_meaning.get(row, no_meaning)
        for row in by_words.keys() | by_meaning.keys()
    }


def above_chance(meaning: ScoreSet, rows: int) -> set[int]:
    """Return the rows nearer than the nearest of this many random `rows` is expected to be."""
    chance = math.sqrt(2 * math.log(max(rows, 10)))
    return {row for row, score in meaning.standard().items() if score > chance}
