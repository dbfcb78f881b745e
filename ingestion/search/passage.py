"""A passage as returned by retrieval. Pure."""

from dataclasses import dataclass

BY_MEANING = "meaning"

BY_WORDS = "words"


@dataclass(frozen=True)
class Passage:
    """A passage found for a question.

    Scores of different questions cannot be compared. `found_by` is "words" when the passage was not
    among the neighbours, or vector search failed.
    """

    chunk_id: int
    document_id: int
    title: str
    page_start: int
    page_end: int
    headings: tuple[str, ...]
    kind: str
    text: str
    score: float
    found_by: str = BY_MEANING
