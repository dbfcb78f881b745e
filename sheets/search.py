"""Search: one function for pages, API and link picker, over sheets or over the pages of sources."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Case, IntegerField, Q, When
from django.db.models.functions import Length
from django.urls import reverse
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from ingestion import spelling
from ingestion.find import Finding, Found, find
from ingestion.lexical import Match, rarity
from ingestion.models import Chunk, Document, Page
from ingestion.query import Query, parse, printable
from ingestion.readers.formats import is_paged
from ingestion.retrieve import find_passages
from sheets.cite import contains
from sheets.index import SHEETS
from sheets.models import SearchedSection, Sheet, SheetType
from sheets.models.sheet import SheetQuerySet
from sheets.named import named_to
from sheets.narrow import FIELDS, narrowed
from sheets.snippet import ELLIPSIS, Pieces, marked, snippet
from wikico2.terms import compose, quoted
from wikico2.text import fold, words

__all__ = [
    "FACETS",
    "FacetCount",
    "Hit",
    "Kind",
    "Pieces",
    "Results",
    "Suggestion",
    "Why",
    "search",
    "suggest",
]

Kind = Literal["sheets", "sources"]

MOST = 1_000
"""How many rows are looked at; what is beyond is counted, and said to be more."""
NEAR_SECTION = 0.5
"""What the nearest meaning is worth to a section, where all the words are worth 1."""
SHEETS_SUGGESTED, SECTIONS_SUGGESTED, SOURCES_SUGGESTED = 5, 2, 2
LONGEST_TYPED, MOST_TYPED = 100, 6

FACETS: dict[str, tuple[str, ...]] = {
    "sheets": ("type", "state", "systeme", "source"),
    "sources": ("document", "language", "access"),
}
"""The names that `filters` may have, and under which facets come back, in the order to show."""


@dataclass(frozen=True)
class FacetCount:
    """One line of a facet: choosing it would leave `count` hits."""

    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class Why:
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
    snippet: Pieces
    why: Why
    score: float
    title_pieces: Pieces = field(default_factory=list)
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
class Results:
    """A page of hits, the best first, and what goes with all of them.

    `corrections` are whole queries to try instead; `near` terms of the vocabulary to try when
    nothing was found. `notice` is a sentence in the reader's language, empty when all went well
    (meaning is away; no text holds all the words, so those with some of them are shown).
    `capped` says that `total` is a least number. `query` is the query as it was read.
    """

    hits: list[Hit] = field(default_factory=list)
    total: int = 0
    facets: dict[str, list[FacetCount]] = field(default_factory=dict)
    corrections: list[str] = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    notice: str = ""
    capped: bool = False
    query: Query = field(default_factory=Query)


@dataclass(frozen=True)
class Suggestion:
    """What a reader may mean while typing.

    `kind` is "sheet", "section", "source" or "word"; `url` is empty for words, whose `text` is
    the query to put in the field. `pieces` is the text with what was typed marked; `context` is
    what to show beside it (the sheet of a section, the type of a sheet).
    """

    kind: Literal["sheet", "section", "source", "word"]
    text: str
    pieces: Pieces
    url: str = ""
    context: str = ""


def search(
    query: str,
    *,
    user: Any,
    kind: Kind = "sheets",
    filters: Mapping[str, Sequence[str]] = {},
    page_size: int = 20,
    offset: int = 0,
    dense: bool = True,
) -> Results:
    """Return the sheets, or the pages of sources, that answer `query`, the best first.

    Never fails, whatever is typed, and whatever is away. `filters` narrows by the values of
    `FACETS`: several values of one name widen, several names narrow. An empty query finds nothing.
    `page_size=0` only counts.
    """
    asked = parse(query, FIELDS)
    chosen = {name: tuple(filters[name]) for name in FACETS[kind] if filters.get(name)}
    side = _SIDES[kind](user, asked)
    finding = side.find(asked, dense)
    rows = side.rows(_kept(finding))
    left = [row for row in rows if _fits(row, chosen)]
    hits = side.hits(left[offset : offset + page_size], finding) if page_size else []
    return Results(
        hits=hits,
        total=len(left),
        facets=_facets(rows, chosen, FACETS[kind], side.label),
        corrections=_corrections(asked, finding),
        near=[] if left else _near(asked, finding),
        notice=_notice(asked, finding, bool(left)),
        capped=finding.total > MOST,
        query=asked,
    )


class _Row(NamedTuple):
    """What was found, with the values of its facets."""

    found: Found
    values: dict[str, tuple[str, ...]]


def _kept(finding: Finding) -> list[Found]:
    """Return what is worth showing of what was found.

    Where some rows hold all the words, those that hold a part of them only say little.
    """
    complete = any(found.complete for found in finding.found)
    return [
        found
        for found in finding.found
        if found.complete
        or (found.near is not None and found.nearby)
        or (not (complete and finding.asked.strict) and _half(found))
    ]


def _half(found: Found) -> bool:
    """Tell whether a row holds half of what was asked for, or more."""
    held = found.match.held if found.match else ()
    return bool(held) and 2 * sum(one is not None for one in held) >= len(held)


def _fits(row: _Row, chosen: Mapping[str, Sequence[str]], but: str = "") -> bool:
    return all(
        name == but or any(value in row.values.get(name, ()) for value in values)
        for name, values in chosen.items()
    )


def _facets(
    rows: Sequence[_Row],
    chosen: Mapping[str, Sequence[str]],
    names: Iterable[str],
    label: Callable[[str, str], str],
) -> dict[str, list[FacetCount]]:
    """Return, for each facet, how many hits each value would leave beside the other choices."""
    facets = {}
    for name in names:
        counts = dict.fromkeys(chosen.get(name, ()), 0)
        for row in rows:
            if _fits(row, chosen, but=name):
                for value in row.values.get(name, ()):
                    counts[value] = counts.get(value, 0) + 1
        lines = [
            FacetCount(value, label(name, value), n, value in chosen.get(name, ()))
            for value, n in counts.items()
        ]
        facets[name] = sorted(lines, key=lambda line: (-line.count, line.label))
    return facets


def _why(found: Found) -> Why:
    held = [one for one in found.match.held if one] if found.match else []
    return Why(
        words=found.complete,
        some=bool(held) and not found.complete,
        meaning=found.near is not None and found.nearby,
        synonyms=tuple(dict.fromkeys(a.label for a in held if a.origin == "synonym")),
    )


def _corrections(asked: Query, finding: Finding) -> list[str]:
    """Return the query with its unknown words replaced by the nearest known ones."""
    tries: list[str] = []
    for number in range(spelling.OFFERED):
        mended = asked.raw
        for word, found in finding.asked.corrections.items():
            written = [candidate.written for candidate in found]
            typed = next((w for w in asked.raw.split() if word in fold(w)), None)
            if typed:
                mended = mended.replace(typed, written[min(number, len(written) - 1)], 1)
        if mended != asked.raw and mended not in tries:
            tries.append(mended)
    return tries


def _near(asked: Query, finding: Finding) -> list[str]:
    """Return terms to try instead of a query that found nothing."""
    known = [c.written for found in finding.asked.corrections.values() for c in found]
    looser = [
        candidate.written
        for group in finding.asked.groups
        for candidate in spelling.similar(fold(group.typed))
    ]
    return list(dict.fromkeys([*known, *looser]))[:6]


def _notice(asked: Query, finding: Finding, found: bool) -> str:
    """Return what the reader should know of how the search went."""
    if finding.away:
        return _("The search by meaning is away for the moment: these are found by their words.")
    if found and finding.loose and 1 < len(finding.asked.groups) <= 5:
        return _("Nothing holds all these words together; here is what comes near.")
    return ""


# --- Sheets ---------------------------------------------------------------------------------------


class _Sheets:
    """The sheets that a reader sees in lists, narrowed by the fields of the query."""

    def __init__(self, user: Any, query: Query) -> None:
        self.user = user
        self.visible = Sheet.objects.listed_for(user)
        for name, values in query.fields.items():
            self.visible = narrowed(self.visible, name, values)
        self.titles: dict[str, str] = {}
        self.kinds = {kind.key: kind for kind in SheetType.objects.all()}

    def find(self, query: Query, dense: bool) -> Finding:
        if not query.wanted:
            return self.all_of_them(query)
        return find(
            query,
            SHEETS,
            limit=MOST,
            known=self.known,
            within=self.within(),
            dense=dense,
        )

    def within(self) -> tuple[str, Any]:
        """Return the condition on the sheets that may be found."""
        try:
            sql, params = self.visible.order_by().values("pk").query.sql_with_params()
        except EmptyResultSet:  # the fields of the query fit nothing
            return "IN (NULL)", ()
        return f"IN ({sql})", params

    def known(self, keys: Sequence[int]) -> Mapping[int, int]:
        sections = SearchedSection.objects.filter(pk__in=keys, sheet__in=self.visible.order_by())
        return dict(sections.values_list("pk", "sheet_id"))

    def all_of_them(self, query: Query) -> Finding:
        """Return the sheets that the fields alone leave, less those that must not be found."""
        if not query.fields:
            return Finding()
        without = Query(query.raw, tuple((item,) for item in query.without))
        refused = set()
        if query.without:
            finding = find(without, SHEETS, limit=MOST, known=self.known, dense=False)
            refused = {found.entry for found in finding.found if found.complete}
        pks = self.visible.order_by("title", "pk").values_list("pk", flat=True)
        left = [pk for pk in pks[: MOST + len(refused)] if pk not in refused]
        found = [Found(pk, 0.0, Match(pk, 0.0, ())) for pk in left[:MOST]]
        return Finding(found, self.visible.count() - len(refused))

    def rows(self, kept: Sequence[Found]) -> list[_Row]:
        """Return the facets' values of what was found, in its order."""
        sheets = Sheet.objects.filter(pk__in=[found.entry for found in kept]).order_by()
        values = {
            pk: {
                "type": (type_key,),
                "state": (state,),
                "systeme": (system,) if system else (),
                "source": tuple(str(one) for one in sources if one is not None),
            }
            for pk, type_key, state, system, sources in sheets.annotate(
                sources=ArrayAgg("documents", distinct=True, default=[])
            ).values_list("pk", "sheet_type__key", "state", "searched__system_name", "sources")
        }
        sources = {pk for row in values.values() for pk in row["source"]}
        titles = named_to(self.user).filter(pk__in=[int(pk) for pk in sources])
        self.titles = {str(pk): title for pk, title in titles.values_list("pk", "title")}
        for row in values.values():
            row["source"] = tuple(pk for pk in row["source"] if pk in self.titles)
        return [_Row(found, values[found.entry]) for found in kept if found.entry in values]

    def label(self, name: str, value: str) -> str:
        if name == "type":
            return self.kinds[value].name if value in self.kinds else value
        if name == "state":
            return str(dict(Sheet.State.choices).get(value, value))
        return self.titles.get(value, value) if name == "source" else value

    def hits(self, rows: Sequence[_Row], finding: Finding) -> list[Hit]:
        lexemes = finding.asked.lexemes
        pks = [row.found.entry for row in rows]
        sheets = Sheet.objects.select_related("sheet_type").in_bulk(pks)
        sections = best_sections([row.found for row in rows], finding)
        hits = []
        for row in rows:
            sheet = sheets.get(row.found.entry)
            if sheet is None:
                continue
            section = sections.get(sheet.pk)
            anchor = section.anchor if section else ""
            hits.append(
                Hit(
                    kind="sheets",
                    id=sheet.pk,
                    title=sheet.title,
                    url=sheet.get_absolute_url() + (f"#{anchor}" if anchor else ""),
                    heading=section.heading if section else "",
                    anchor=anchor,
                    snippet=snippet(section.text, lexemes) if section else [],
                    why=_why(row.found),
                    score=row.found.score,
                    title_pieces=marked(sheet.title, lexemes),
                    type_key=sheet.sheet_type.key,
                    type_name=sheet.sheet_type.name,
                    state=sheet.state,
                    state_name=sheet.get_state_display(),
                    slug=sheet.slug,
                )
            )
        return hits


def best_sections(found: Sequence[Found], finding: Finding) -> dict[int, SearchedSection]:
    """Return, by sheet, the section that answers best by its words and its meaning."""
    weights = {w: rarity(finding.asked, w) for w in finding.asked.lexemes}
    total = sum(weights.values()) or 1.0
    near = {one.near for one in found if one.near is not None}
    best: dict[int, tuple[float, int]] = {}
    for pk, sheet, fit in _section_fits([one.entry for one in found], weights):
        worth = fit / total + (NEAR_SECTION if pk in near else 0.0)
        if sheet not in best or worth > best[sheet][0]:
            best[sheet] = (worth, pk)
    sections = SearchedSection.objects.defer("search").in_bulk([pk for _worth, pk in best.values()])
    return {section.sheet_id: section for section in sections.values()}


def _section_fits(sheets: list[int], weights: Mapping[str, float]) -> list[tuple[int, int, float]]:
    """Return (section, sheet, sum of the weights that it holds), in the order of the sheets."""
    one = "CASE WHEN search @@ %s::tsquery THEN %s::float8 ELSE 0 END"
    fit = " + ".join(["0::float8", *[one] * len(weights)])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, sheet_id, {fit} FROM sheets_searchedsection"  # noqa: S608 (of our making)
            " WHERE sheet_id = ANY (%s) ORDER BY sheet_id, position",
            [*(x for w, weight in weights.items() for x in (quoted(w), weight)), sheets],
        )
        return [(pk, sheet, weight) for pk, sheet, weight in cursor.fetchall()]


# --- Sources --------------------------------------------------------------------------------------


class _Sources:
    """The passages of the sources whose pages a reader may open; a page counts once."""

    def __init__(self, user: Any, query: Query) -> None:
        readable = Document.objects.readable_by(user).order_by()
        self.hidden = Document.objects.exclude(pk__in=readable.values("pk"))
        self.documents: dict[str, Document] = {}

    def find(self, query: Query, dense: bool) -> Finding:
        hidden = self.hidden.values_list("pk", flat=True)
        return find_passages(query, hidden=hidden, limit=MOST, dense=dense)

    def rows(self, kept: Sequence[Found]) -> list[_Row]:
        """Return the facets' values of what was found, the best passage of each page only."""
        chunks = Chunk.objects.filter(pk__in=[found.entry for found in kept])
        places = {
            pk: (document, page)
            for pk, document, page in chunks.values_list("pk", "document_id", "page_start")
        }
        documents = Document.objects.in_bulk({document for document, _page in places.values()})
        self.documents = {str(pk): document for pk, document in documents.items()}
        best: dict[tuple[int, int], Found] = {}
        for found in kept:
            if found.entry in places:
                best.setdefault(places[found.entry], found)
        return [
            _Row(
                found,
                {
                    "document": (str(pk),),
                    "language": (documents[pk].language,) if documents[pk].language else (),
                    "access": (documents[pk].access,),
                },
            )
            for (pk, _page), found in best.items()
            if pk in documents
        ]

    def label(self, name: str, value: str) -> str:
        if name == "document":
            return self.documents[value].title if value in self.documents else value
        if name == "access":
            return str(dict(Document.Access.choices).get(value, value))
        return _language(value)

    def hits(self, rows: Sequence[_Row], finding: Finding) -> list[Hit]:
        lexemes = finding.asked.lexemes
        pks = [row.found.entry for row in rows]
        chunks = Chunk.objects.select_related("document").defer("search").in_bulk(pks)
        found = [row.found for row in rows if row.found.entry in chunks]
        cuts = {one.entry: snippet(chunks[one.entry].text, lexemes) for one in found}
        pages = _pages([(chunks[pk], cut) for pk, cut in cuts.items()])
        return [
            self.hit(chunks[one.entry], one, cuts[one.entry], pages[one.entry], lexemes)
            for one in found
        ]

    def hit(self, chunk: Chunk, found: Found, cut: Pieces, page: int, lexemes: set[str]) -> Hit:
        """Return a page, at its passage that was found."""
        document = chunk.document
        place = [document.pk, page]
        return Hit(
            kind="sources",
            id=chunk.pk,
            title=document.title,
            url=f"{reverse('page', args=place)}?passage={chunk.pk}",
            heading=chunk.trail,
            anchor="",
            snippet=cut,
            why=_why(found),
            score=found.score,
            title_pieces=marked(document.title, lexemes),
            page=page,
            page_end=chunk.page_end,
            document_id=document.pk,
            chunk_id=chunk.pk,
            thumbnail=(
                f"{reverse('page_image', args=place)}?size=small"
                if is_paged(document.media_type)
                else ""
            ),
        )


def _pages(cuts: Sequence[tuple[Chunk, Pieces]]) -> dict[int, int]:
    """Return, by chunk, the page on which what is shown of it stands."""
    pages = {chunk.pk: chunk.page_start for chunk, _cut in cuts}
    spread = [(chunk, cut) for chunk, cut in cuts if chunk.page_end > chunk.page_start]
    wanted = Q(pk__in=[])
    for chunk, _cut in spread:
        wanted |= Q(document=chunk.document_id, number__range=(chunk.page_start, chunk.page_end))
    texts = Page.objects.filter(wanted).only("document_id", "number", "text") if spread else ()
    by_place = {(page.document_id, page.number): page.text for page in texts}
    for chunk, cut in spread:
        quote = "".join(text for text, _marked in cut).strip(f"{ELLIPSIS} ")
        for number in range(chunk.page_start, chunk.page_end + 1):
            if contains(by_place.get((chunk.document_id, number), ""), quote):
                pages[chunk.pk] = number
                break
    return pages


def _language(code: str) -> str:
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


_SIDES: dict[Kind, type[_Sheets] | type[_Sources]] = {"sheets": _Sheets, "sources": _Sources}


# --- Suggestions ----------------------------------------------------------------------------------


def suggest(prefix: str, user: Any, limit: int = 8) -> list[Suggestion]:
    """Return what starts with, or holds, what was typed so far: titles, sections, words."""
    typed = words(printable(prefix)[:LONGEST_TYPED])[:MOST_TYPED]
    if not typed or len("".join(typed)) < 2:
        return []
    visible = Sheet.objects.listed_for(user).order_by()
    sheets = _by_title(visible.select_related("sheet_type"), "searched__folded", typed)
    found = [_of_sheet(sheet, typed) for sheet in sheets[: limit - 2]]
    if len(typed) > 1:
        sections = SearchedSection.objects.filter(sheet__in=visible, anchor__gt="").select_related(
            "sheet"
        )
        for word in typed:
            sections = sections.filter(folded__contains=word)
        found += [_of_section(s, typed) for s in sections.order_by("pk")[:SECTIONS_SUGGESTED]]
    documents = Document.objects.readable_by(user).ready()
    for word in typed:
        documents = documents.filter(title__unaccent__icontains=word)
    found += [
        Suggestion("source", d.title, _typed_in(d.title, typed), d.get_absolute_url())
        for d in documents.order_by("title")[:SOURCES_SUGGESTED]
    ]
    found += [
        Suggestion("word", text, _typed_in(text, typed))
        for text in _continued(prefix, typed)[: max(limit - len(found), 2)]
    ]
    return found[:limit]


def _by_title(sheets: SheetQuerySet, column: str, typed: Sequence[str]) -> list[Sheet]:
    """Return the sheets whose title holds all that was typed, the closest first."""
    for word in typed:
        sheets = sheets.filter(**{f"{column}__contains": word})
    begins = Q(**{f"{column}__startswith": " ".join(typed)})
    closest = Case(When(begins, then=0), default=1, output_field=IntegerField())
    return list(sheets.order_by(closest, Length("title"), "pk")[:SHEETS_SUGGESTED])


def _of_sheet(sheet: Sheet, typed: Sequence[str]) -> Suggestion:
    pieces = _typed_in(sheet.title, typed)
    return Suggestion("sheet", sheet.title, pieces, sheet.get_absolute_url(), sheet.sheet_type.name)


def _of_section(section: SearchedSection, typed: Sequence[str]) -> Suggestion:
    url = f"{section.sheet.get_absolute_url()}#{section.anchor}"
    pieces = _typed_in(section.heading, typed)
    return Suggestion("section", section.heading, pieces, url, section.sheet.title)


def _continued(prefix: str, typed: Sequence[str]) -> list[str]:
    """Return what was typed with its last word made whole, in the ways most in use."""
    before = prefix.rstrip()[: len(prefix.rstrip()) - len(prefix.split()[-1])]
    wholes = spelling.continued(typed[-1], [SHEETS.space.table, Chunk._meta.db_table])
    return [f"{before}{whole}" for whole in wholes]


def _typed_in(text: str, typed: Sequence[str]) -> Pieces:
    """Return the text with what was typed marked, at the beginning of words first."""
    text = compose(text)
    places: list[tuple[int, int]] = []
    folded = [fold(c) or " " for c in text]
    if all(len(c) == 1 for c in folded):
        flat = "".join(folded)
        for word in typed:
            at = next((m.start() for m in re.finditer(rf"\b{word}", flat)), flat.find(word))
            if at >= 0 and not any(a < at + len(word) and at < b for a, b in places):
                places.append((at, at + len(word)))
    pieces: Pieces = []
    end = 0
    for start, stop in sorted(places):
        pieces += [(text[end:start], False), (text[start:stop], True)]
        end = stop
    return [piece for piece in [*pieces, (text[end:], False)] if piece[0]]
