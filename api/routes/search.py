"""Search with its reasons, suggestions while typing, and retrieval of passages."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import BaseModel, Field, StringConstraints

from api.answers import json_answer
from api.paging import PageIn, offset_cursor, offset_of
from api.rights import listed_sheets, sheet_types_of
from api.schemas.common import RowId, site_address
from api.schemas.sources import PassageOut
from ingestion.models import Document
from ingestion.search.retrieve import retrieve_passages
from sheets.search import Hit, ResultPage, search_wiki, suggest_completions
from sheets.search.results import Suggestion
from sheets.views.search import LONGEST_QUERY, LONGEST_TYPED, read_search, search_kind
from wikico2.filters import clean_line

router = Router(tags=["search"])
LAST = 10_000


class SearchIn(PageIn):
    """A search, and the facets of the site by which it is narrowed."""

    q: Annotated[str, StringConstraints(max_length=LONGEST_QUERY)] = ""
    type: Literal["sheets", "sources"] = "sheets"
    fiche: list[str] = []
    etat: list[str] = []
    systeme: list[str] = []
    source: list[str] = []
    document: list[str] = []
    langue: list[str] = []
    acces: list[str] = []


class ReasonOut(BaseModel):
    """Why a hit matches: all words, some of them, its meaning, synonyms."""

    words: bool
    some: bool
    meaning: bool
    synonyms: list[str]


class HitOut(BaseModel):
    """A sheet with its best section, or a page of a source with its best passage."""

    kind: str
    id: int
    title: str
    heading: str
    snippet: str
    why: ReasonOut
    score: float
    type: str
    state: str
    slug: str
    source: int | None
    page: int | None
    passage: int | None
    url: str

    @classmethod
    def of(cls, hit: Hit) -> "HitOut":
        return cls(
            kind=hit.kind,
            id=hit.id,
            title=hit.title,
            heading=hit.heading,
            snippet="".join(text for text, _marked in hit.snippet),
            why=ReasonOut(
                words=hit.why.words,
                some=hit.why.some,
                meaning=hit.why.meaning,
                synonyms=list(hit.why.synonyms),
            ),
            score=hit.score,
            type=hit.type_key,
            state=hit.state,
            slug=hit.slug,
            source=hit.document_id,
            page=hit.page,
            passage=hit.chunk_id,
            url=site_address(hit.url),
        )


class FacetValue(BaseModel):
    """One value of a facet, with the number of hits that have it."""

    value: str
    label: str
    count: int | None


class ResultsOut(BaseModel):
    """A page of hits, the best first; if `capped`, `total` is a minimum."""

    items: list[HitOut]
    next: str | None
    total: int
    capped: bool
    facets: dict[str, list[FacetValue]]
    corrections: list[str]
    near: list[str]
    notice: str


@router.get("/search", response=ResultsOut)
def search(request: HttpRequest, given: Query[SearchIn]) -> Any:
    """Search sheets, or pages of sources, by words and by meaning."""
    return json_answer(request, search_results(request, given))


def search_results(request: HttpRequest, given: SearchIn) -> ResultsOut:
    """Run a search within what the caller may see."""
    offset = offset_of(given, LAST)
    asked = read_search(request)
    filters = dict(asked.without("q", "kind").values)
    kind = search_kind(asked)
    if kind == "sheets" and (types := sheet_types_of(request)):
        chosen = filters.get("type") or types
        filters["type"] = tuple(key for key in chosen if key in types) or ("-",)
    found = ResultPage()
    if given.q.strip():
        found = search_wiki(
            given.q,
            user=request.user,
            kind=kind,
            filters=filters,
            page_size=given.limit,
            offset=offset,
        )
    return ResultsOut(
        items=[HitOut.of(hit) for hit in found.hits],
        next=offset_cursor(offset, given, found.total),
        total=found.total,
        capped=found.capped,
        facets={
            name: [FacetValue(value=c.value, label=c.label, count=c.count) for c in choices]
            for name, choices in found.facets.items()
        },
        corrections=found.corrections,
        near=found.near,
        notice=found.notice,
    )


class CompletionOut(BaseModel):
    """A completion of what is typed."""

    kind: str
    text: str
    context: str
    url: str


class CompletionsOut(BaseModel):
    """The completions of a text."""

    items: list[CompletionOut]


@router.get("/suggestions", response=CompletionsOut)
def suggestions(
    request: HttpRequest, q: Annotated[str, StringConstraints(max_length=LONGEST_TYPED)] = ""
) -> Any:
    """Complete what is typed: titles, sections, sources, words."""
    typed = clean_line(q)
    found = suggest_completions(typed, request.user) if typed else []
    if sheet_types_of(request):
        found = completions_in_scope(request, found)
    items = [
        CompletionOut(
            kind=one.kind,
            text=one.text,
            context=one.context,
            url=site_address(one.url) if one.url else "",
        )
        for one in found
    ]
    return json_answer(request, CompletionsOut(items=items))


def completions_in_scope(request: HttpRequest, found: list[Suggestion]) -> list[Suggestion]:
    """Return the completions without those that lead to sheets of other types than the token's."""
    addresses = {one.url.partition("#")[0] for one in found if one.kind in ("sheet", "section")}
    slugs = [address.strip("/").rpartition("/")[2] for address in addresses]
    listed = listed_sheets(request).filter(slug__in=slugs)
    known = {sheet.get_absolute_url() for sheet in listed}
    return [
        one
        for one in found
        if one.kind not in ("sheet", "section") or one.url.partition("#")[0] in known
    ]


class RetrieveIn(BaseModel):
    """A question whose passages are wanted."""

    q: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_QUERY)]
    source: list[RowId] = []
    about: Annotated[str, StringConstraints(max_length=200)] = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class PassagesOut(BaseModel):
    """The passages that answer a question, the best first."""

    items: list[PassageOut]


@router.get("/retrieve", response=PassagesOut)
def retrieve(request: HttpRequest, given: Query[RetrieveIn]) -> Any:
    """Retrieve the passages of sources that answer a question, as writers are shown them."""
    items = answering_passages(
        request.user, given.q, limit=given.limit, sources=given.source, about=given.about
    )
    return json_answer(request, PassagesOut(items=items))


def answering_passages(
    user: Any, question: str, *, limit: int, sources: list[int] | None = None, about: str = ""
) -> list[PassageOut]:
    """Return the passages, of sources that the user may open, that answer a question."""
    readable: list[int] | None = list(sources or []) or None
    if readable is not None or not user.is_authenticated:
        rows = Document.objects.readable_by(user)
        rows = rows.filter(pk__in=readable) if readable is not None else rows
        readable = list(rows.values_list("pk", flat=True))
    found = retrieve_passages(question, k=limit, document_ids=readable, about=about)
    return [PassageOut.found(one) for one in found]
