"""A passage as retrieval hands it out. Pure."""

from dataclasses import dataclass

BY_MEANING = "meaning"

BY_WORDS = "words"


@dataclass(frozen=True)
class Passage:
    """A passage as an answer to a question.

    `score` compares passages of one answer only. `found_by` says "words" when its meaning was not
    near, or could not be asked.
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
