"""Read the labelled statements of `bench/gold/`, which hold no sentences of other people.

A line says which words of a document a statement takes over, by place, and which are its own:

    {"half": "held", "kind": "digit_altered", "true": false, "by": "change", "document": "9f2c…",
     "place": [12, 340, 21, "5ab0…"], "text": [[0, 14], "18", [15, 21]]}

`document` is the beginning of the SHA-256 of the file. `place` is a run of words in the passages
that begin on a page: the page, the first word, the number of words, and a digest of them that tells
whether the document is still read alike. `text` lists runs of those words (first, end) and words of
our own. `said_at` is a second document and place that the words come from, where the passage is
another one. The statement is put together when the folder with the documents is given.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from ingestion.pipeline.chunk import ChunkDraft
from sheets.sources.file_passages import file_passages

GOLD = Path(__file__).parent / "gold"
SHORTEST_RUN = 4
"""Words in a row that are stored as a place, not as text."""

SPACES = str.maketrans({"’": "'", "‘": "'", "\u00ad": None})


class GoldError(Exception):
    """A line whose place is not found in the documents."""


@dataclass(frozen=True)
class Place:
    """A run of words in the passages that begin on a page."""

    page: int
    first: int
    count: int
    digest: str


@dataclass(frozen=True)
class GoldLine:
    """A labelled statement, without the words of others."""

    half: str  # "tune": the check may be tuned on it; "held": only measured
    kind: str
    true: bool
    by: str  # "hand", or "change" by a program
    document: str
    place: Place
    text: tuple[str | tuple[int, int], ...]
    said_at: tuple[str, Place] | None = None

    def as_json(self) -> str:
        """Return the line as it is stored."""
        row = asdict(self)
        row["place"] = list(row["place"].values())
        if self.said_at:
            row["said_at"] = [self.said_at[0], *asdict(self.said_at[1]).values()]
        else:
            del row["said_at"]
        return json.dumps(row, ensure_ascii=False)


def parse_line(line: str) -> GoldLine:
    """Return a line of a gold file."""
    row: dict[str, Any] = json.loads(line)
    row["place"] = Place(*row["place"])
    row["text"] = tuple(p if isinstance(p, str) else (p[0], p[1]) for p in row["text"])
    if said_at := row.get("said_at"):
        row["said_at"] = said_at[0], Place(*said_at[1:])
    return GoldLine(**row)


def read_gold(folder: Path = GOLD) -> Iterator[GoldLine]:
    """Yield the lines of all gold files."""
    for file in sorted(folder.glob("*.jsonl")):
        yield from map(parse_line, file.read_text("utf-8").splitlines())


class Document:
    """A file with its passages, and their words by page."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def key(self) -> str:
        """Return the first half of the digest of the file, which names it."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:32]

    @cached_property
    def passages(self) -> tuple[ChunkDraft, ...]:
        return file_passages(self.path)

    @cached_property
    def pages(self) -> dict[int, list[str]]:
        """Return the words of the passages that begin on each page; raises ReadError."""
        pages: dict[int, list[str]] = {}
        for passage in self.passages:
            pages.setdefault(passage.page_start, []).extend(split_words(passage.text))
        return pages

    def words_at(self, place: Place) -> list[str]:
        """Return the words of a place, on its page or the next ones; raises GoldError."""
        for page in (place.page, place.page - 1, place.page + 1):
            words = self.pages.get(page, [])
            starts = range(len(words) - place.count + 1)
            for first in sorted(starts, key=lambda at: abs(at - place.first)):
                found = words[first : first + place.count]
                if digest_of(found) == place.digest:
                    return found
        raise GoldError(f"{self.path.name}, page {place.page}: the words are not found")

    def passages_at(self, place: Place) -> list[ChunkDraft]:
        """Return the passages that hold a place; raises GoldError."""
        wanted = f" {' '.join(self.words_at(place))} "
        return [
            passage
            for passage in self.passages
            if abs(passage.page_start - place.page) <= 1
            and wanted in f" {' '.join(split_words(passage.text))} "
        ]

    def place_of(self, passage: ChunkDraft, first: int, count: int) -> Place:
        """Return the place of words of a passage, by their numbers in it."""
        before = 0
        for other in self.passages:
            if other.position == passage.position:
                break
            if other.page_start == passage.page_start:
                before += len(split_words(other.text))
        words = split_words(passage.text)[first : first + count]
        return Place(passage.page_start, before + first, count, digest_of(words))


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    return tuple(text.translate(SPACES).split())


def split_words(text: str) -> list[str]:
    """Return what stands between blanks, with plain apostrophes."""
    return list(_words(text))


def digest_of(words: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]


def statement_of(line: GoldLine, words: Sequence[str]) -> str:
    """Return the statement of a line, given the words of its place."""
    parts = (part if isinstance(part, str) else " ".join(words[slice(*part)]) for part in line.text)
    return " ".join(parts)


def encode(
    statement: str, words: Sequence[str], shortest: int = SHORTEST_RUN
) -> tuple[str | tuple[int, int], ...]:
    """Return a statement as runs of the words and words of its own."""
    mine = split_words(statement)
    matcher = SequenceMatcher(None, mine, list(words), autojunk=False)
    parts: list[str | tuple[int, int]] = []
    at = 0
    for block in matcher.get_matching_blocks():
        if block.size < shortest:
            continue
        if own := " ".join(mine[at : block.a]):
            parts.append(own)
        parts.append((block.b, block.b + block.size))
        at = block.a + block.size
    if own := " ".join(mine[at:]):
        parts.append(own)
    return tuple(parts)


@lru_cache(maxsize=1)
def document_names() -> dict[str, str]:
    """Return the name under which each document was published, by what gold lines call it."""
    names: dict[str, str] = json.loads((GOLD / "documents.json").read_text("utf-8"))
    return names


def find_documents(folder: Path) -> dict[str, Document]:
    """Return the files below a folder by what gold lines call them."""
    documents = (Document(path) for path in sorted(folder.rglob("*")) if path.is_file())
    return {document.key: document for document in documents}


def read_statement(
    line: GoldLine, documents: Mapping[str, Document]
) -> tuple[str, list[ChunkDraft]]:
    """Return the statement of a line and the passages that it is checked by.

    Raises GoldError if a document, or the words of a place, are not there.
    """
    said_in, said_at = line.said_at or (line.document, line.place)
    for key in (line.document, said_in):
        if key not in documents:
            raise GoldError(f"no document {document_names().get(key, key)}")
    words = documents[said_in].words_at(said_at)
    return statement_of(line, words), documents[line.document].passages_at(line.place)
