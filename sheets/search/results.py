"""The results of a search: hits, facets, suggestions."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ingestion.search.hybrid import RowHit
from ingestion.search.query import ParsedQuery
from sheets.rendering.snippet import SnippetPieces
from wikico2.filters import FacetChoice

Kind = Literal["sheets", "sources"]

MAX_ROWS = 500
"""How many rows are ranked; a larger total is shown as a minimum."""


@dataclass(frozen=True)
class MatchReason:
    """Why a hit matches.

    `words`: it contains all words of the query, or synonyms of them; `some`: only some of them, or
    words that are written nearly alike; `meaning`: its vector is
    near the query's; `synonyms`: the thesaurus terms in it that replace words of the query.
    """

    words: bool = False
    some: bool = False
    meaning: bool = False
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hit:
    """A sheet with its best section, or a page of a source with its best passage.

    `anchor` is the id of the section in the sheet's page, "" for the top; `url` includes it.
    `title_pieces` is the title with the found words marked. `page`, `document_id` and `thumbnail`
    (an address, "" if the document has no page images) are for sources; `type_key`, `type_name`,
    `state`, `state_name` for sheets.
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
    """A page of hits, the best first, with the facets and notices of the whole result.

    `corrections` are whole queries to try instead; `near` are vocabulary terms to try if nothing
    was found. `notice` is a sentence in the reader's language, "" if all went well (search by
    meaning is unavailable; no text contains all words, so partial matches are shown). If `capped`,
    `total` is a minimum. `query` is the parsed query.
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
    """A completion of what a reader is typing.

    `url` is "" for the kind "word", whose `text` is the query for the search field. `pieces` is the
    text with the typed part marked; `context` is shown beside it (the sheet of a section, the type
    of a sheet).
    """

    kind: Literal["sheet", "section", "source", "word"]
    text: str
    pieces: SnippetPieces
    url: str = ""
    context: str = ""


class FacetRow(NamedTuple):
    """A row found, with its values of each facet."""

    found: RowHit
    values: dict[str, tuple[str, ...]]


def match_reason(found: RowHit) -> MatchReason:
    matched = [one for one in found.match.holds.alternatives if one] if found.match else []
    corrected = any(one.is_correction for one in matched)
    return MatchReason(
        words=found.complete and not corrected,
        some=bool(matched) and (corrected or not found.complete),
        meaning=found.neighbour is not None and found.is_near,
        synonyms=tuple(dict.fromkeys(a.label for a in matched if a.origin == "synonym")),
    )
