"""Rank the first passages found by how well one of their sentences or rows answers. Pure.

Whole passages are found by their words and their meaning. Of the first ones it is read whether a
single sentence, or a row of a table with its head, holds what the question asks together, and
whether it gives a number where one is asked for. Tables of contents do not answer.

The same tells when nothing was found: words of the question that no text has count as missing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ingestion.search.fusion import ScoreSet
from wikico2.text.normalize import fold_text, stem_set

RERANKED = 50
"""Rows that are ranked again."""
MEANING_WEIGHTS = {"universal-sentence-encoder-multilingual": 0.7}
MEANING_WEIGHT, WORDS_WEIGHT = 1.2, 0.25
TOGETHER_WEIGHT, NUMBER_WEIGHT, CONTENTS_WEIGHT = 4.5, 2.0, -2.2
"""Weights of the standardised scores and of what is read: chosen by measurement, see
docs/search.md. Meaning weighs by what the embedding model is worth."""
TOGETHER_EVIDENCE, COVERED_EVIDENCE, MEANING_EVIDENCE, FLOOR = 9.0, 7.0, 1.15, 8.0
"""Weights of the evidence that a row answers, and the least of it: learned from questions without
an answer, so that hardly one in a hundred answers is lost."""
STRICT_COVERED, LEAST_COVERED = 0.5, 0.3
"""Least share of the words, weighted by how rare they are, for a few words and for a question."""
COMMON_WEIGHT = 1.0
"""Weight of a word that all texts have, in what a text covers."""
BESIDE, ABOVE = 0.7, 0.5
"""Share of a word in the head of the table, the sentence before, or in the headings above."""
CONTENTS_LEADERS = 4

ASKS_NUMBER = re.compile(
    r"\b(?:combien|quand|jusqu|a partir de|tous les|quel(?:le)?s? (?:est (?:le |la |l'))?"
    r"(?:part|proportion|duree|puissance|distance|annee|date|hauteur|taille|surface|valeur|"
    r"temperature|quantite|densite|majorite|majoration|longueur|vitesse|population|superficie|"
    r"prix|cout|montant|taux|pourcentage|nombre|coefficient|seuil|plafond|rythme|age|cop))\b"
)
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
SENTENCE_END = re.compile(r"(?<=[.!?;:])\s+")


class AskedGroup(NamedTuple):
    """A term of a question: stems that stand for it, each enough by itself, and its weight."""

    alternatives: tuple[frozenset[str], ...]
    weight: float

    def is_in(self, stems: frozenset[str]) -> bool:
        return any(one <= stems for one in self.alternatives)


@dataclass(frozen=True)
class AskedQuestion:
    """What is asked: its terms, whether for a number, and the numbers that it gives itself."""

    groups: tuple[AskedGroup, ...]
    for_number: bool
    numbers: frozenset[str]

    @classmethod
    def of(cls, text: str, groups: Sequence[AskedGroup]) -> "AskedQuestion":
        asked = bool(ASKS_NUMBER.search(fold_text(text)))
        return cls(tuple(groups), asked, frozenset(NUMBER.findall(text)))

    def share(self, *texts: tuple[frozenset[str], float], least: float = 0.0) -> float:
        """Return the share of the question in some texts, each of which counts by its factor.

        `least` is added to the weight of each term, so that common words count for something.
        """
        total = sum(group.weight + least for group in self.groups) or 1.0
        found = sum(
            (group.weight + least)
            * max((f for stems, f in texts if group.is_in(stems)), default=0.0)
            for group in self.groups
        )
        return found / total


class ReadAnswer(NamedTuple):
    """How well a text answers: the share of the question in its best sentence or row, with what
    stands beside it, and in the whole text; whether that gives a number asked for; whether the
    text is a table of contents."""

    together: float = 0.0
    covered: float = 0.0
    numbered: bool = False
    is_contents: bool = False

    def is_evident(self, meaning: float | None, *, strict: bool) -> bool:
        """Tell whether there is evidence that a text answers.

        `meaning` is its standardised similarity, None in a search by words alone. Of a `strict`
        query, a few words all of which are wanted, a text has half, or is very near.
        """
        if meaning is None:
            return self.covered >= (STRICT_COVERED if strict else LEAST_COVERED)
        near = MEANING_EVIDENCE * meaning
        if strict and self.covered < STRICT_COVERED:
            return near >= FLOOR
        return TOGETHER_EVIDENCE * self.together + COVERED_EVIDENCE * self.covered + near >= FLOOR

    def score(self, words: float, meaning: float, model: str) -> float:
        """Return the score by which the first rows are ranked; words and meaning standardised."""
        return (
            MEANING_WEIGHTS.get(model, MEANING_WEIGHT) * meaning
            + WORDS_WEIGHT * words
            + TOGETHER_WEIGHT * self.together
            + NUMBER_WEIGHT * self.numbered
            + CONTENTS_WEIGHT * self.is_contents
        )


def read_answer(question: AskedQuestion, headings: Sequence[str], text: str) -> ReadAnswer:
    """Return how well a passage under these headings answers a question."""
    above = stem_set(" ".join(headings))
    best, best_numbered, everything = 0.0, False, set[str]()
    head = before = frozenset[str]()
    in_table = False
    for line in text.split("\n"):
        is_row = line.startswith("|")
        if is_row and not in_table:
            head = stem_set(line)
        in_table = is_row
        for piece in [line] if is_row else SENTENCE_END.split(line):
            if not piece.strip("|- "):
                continue
            stems = stem_set(piece)
            everything |= stems
            beside = head if is_row else before
            share = question.share((stems, 1.0), (beside, BESIDE), (above, ABOVE))
            numbered = question.for_number and bool(set(NUMBER.findall(piece)) - question.numbers)
            if (share + 0.1 * numbered) > (best + 0.1 * best_numbered):
                best, best_numbered = share, numbered
            before = stems
    covered = question.share((frozenset(everything), 1.0), least=COMMON_WEIGHT)
    return ReadAnswer(best, covered, best_numbered, text.count("…") >= CONTENTS_LEADERS)


def rerank(
    scores: Mapping[int, float],
    answers: Mapping[int, ReadAnswer],
    words: ScoreSet,
    meaning: ScoreSet,
    model: str,
) -> dict[int, float]:
    """Return the scores with the rows whose answer was read before all others, by how they answer.

    `model` is the embedding model that `meaning` comes from.
    """
    by_words, by_meaning = words.standard(), meaning.standard()
    nothing = (0.0 - words.mean) / (words.spread or 1.0) if words.of else 0.0
    farthest = min(by_meaning.values(), default=0.0)
    read = {
        row: answer.score(by_words.get(row, nothing), by_meaning.get(row, farthest), model)
        for row, answer in answers.items()
    }
    rest = [score for row, score in scores.items() if row not in read]
    above = max(rest, default=0.0) - min(read.values(), default=0.0) + 1.0
    return {row: read[row] + above if row in read else score for row, score in scores.items()}
