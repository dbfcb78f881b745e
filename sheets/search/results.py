"""What search answers with."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ingestion.search.hybrid import RowHit
from ingestion.search.query import ParsedQuery
from sheets.rendering.snippet import SnippetPieces
from wikico2.filters import FacetChoice

Kind = Literal["sheets", "sources"]

MAX_ROWS = 500
"""How many rows are looked at; what is beyond is counted, and said to be more."""


@dataclass(frozen=True)
class MatchReason:
    """Why a hit was found.

    `words`: each word of the query is in it; `some`: a part of them; `meaning`: it says something
    near; `synonyms`: the terms of the thesaurus that stand in it for words of the query.
    """

    words: bool = False
    some: bool = False
    meaning: bool = False
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hit:
    """A sheet, at its best section, or a page of a source, at its best passage.

    `anchor` is the id of the section in the sheet's page, empty for its beginning; `url` leads
    there. `title_pieces` is the title with the found words marked. `page`, `document_id` and
    `thumbnail` (an address, empty for readers who may not see the page) belong to sources;
    `type_key`, `type_name`, `state`, `state_name` to sheets.
    """

    kind: Kind
    id: int
    title: str
    url: str
    heading: str
    anchor: str
    snippet: SnippetPieces
    why: MatchReason
    score: float
    title_pieces: SnippetPieces = field(default_factory=list)
    page: int | None = None
    page_end: int | None = None
    document_id: int | None = None
    chunk_id: int | None = None
    thumbnail: str = ""
    type_key: str = ""
    type_name: str = ""
    state: str = ""
    state_name: str = ""
    slug: str = ""


@dataclass(frozen=True)
class ResultPage:
    """A page of hits, the best first, and what goes with all of them.

    `corrections` are whole queries to try instead; `near` terms of the vocabulary to try when
    nothing was found. `notice` is a sentence in the reader's language, empty when all went well
    (meaning is away; no text holds all the words, so those with some of them are shown).
    `capped` says that `total` is a least number. `query` is the query as it was read.
    """

    hits: list[Hit] = field(default_factory=list)
    total: int = 0
    facets: dict[str, list[FacetChoice]] = field(default_factory=dict)
    corrections: list[str] = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    notice: str = ""
    capped: bool = False
    query: ParsedQuery = field(default_factory=ParsedQuery)


@dataclass(frozen=True)
class Suggestion:
    """What a reader may mean while typing.

    `kind` is "sheet", "section", "source" or "word"; `url` is empty for words, whose `text` is
    the query to put in the field. `pieces` is the text with what was typed marked; `context` is
    what to show beside it (the sheet of a section, the type of a sheet).
    """

    kind: Literal["sheet", "section", "source", "word"]
    text: str
    pieces: SnippetPieces
    url: str = ""
    context: str = ""


class FacetRow(NamedTuple):
    """What was found, with the values of its facets."""

    found: RowHit
    values: dict[str, tuple[str, ...]]


def match_reason(found: RowHit) -> MatchReason:
    held = [one for one in found.match.holds.alternatives if one] if found.match else []
    return MatchReason(
        words=found.complete,
        some=bool(held) and not found.complete,
        meaning=found.neighbour is not None and found.is_near,
        synonyms=tuple(dict.fromkeys(a.label for a in held if a.origin == "synonym")),
    )
