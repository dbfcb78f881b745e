"""Searching: the page of results, suggestions while one types, the feed of a saved search."""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from ingestion.models import Document
from sheets.models import Sheet
from sheets.search import FACETS, Hit, Kind, ResultPage, search_wiki, suggest_completions
from wikico2.parameters import whole_number

PER_PAGE = 20
LAST_PAGE = 500
LONGEST_QUERY = 400
LONGEST_TYPED = 100
MOST_VALUES = 20
VALUES_SHOWN, VALUES_LISTED = 8, 40
IN_FEED = 50
READ_FOR_FEED = 100
"""A feed tells what is new among so many of the best answers."""

PARAMETERS = {"type": "fiche", "state": "etat", "language": "langue", "access": "acces"}
"""How a facet is called in the address, where its own name would not do: `type` is the tab."""

TITLES = {
    "type": gettext_lazy("Kind of sheet"),
    "state": gettext_lazy("State"),
    "systeme": pgettext_lazy("what a sheet acts on", "System"),
    "source": gettext_lazy("Source"),
    "document": gettext_lazy("Source"),
    "language": gettext_lazy("Language"),
    "access": gettext_lazy("Access"),
}
TABS: dict[Kind, Any] = {"sheets": gettext_lazy("Sheets"), "sources": gettext_lazy("Sources")}
SUGGESTED = {
    "sheet": gettext_lazy("sheet"),
    "section": gettext_lazy("section"),
    "source": gettext_lazy("source"),
    "word": gettext_lazy("word"),
}
UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean_query(text: str) -> str:
    """Return what was typed on one line, without what neither PostgreSQL nor XML can hold."""
    return " ".join(UNPRINTABLE.sub(" ", text).split())


@dataclass(frozen=True)
class SearchRequest:
    """What the address asks for; `cut` tells that the words were too many."""

    q: str = ""
    kind: Kind = "sheets"
    filters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    page: int = 1
    cut: bool = False

    @classmethod
    def of(cls, request: HttpRequest) -> "SearchRequest":
        """Read the address; what makes no sense in it is passed over."""
        kind: Kind = "sources" if request.GET.get("type") == "sources" else "sheets"
        given = {
            name: tuple(
                dict.fromkeys(filter(None, map(clean_query, request.GET.getlist(parameter))))
            )
            for name in FACETS[kind]
            for parameter in (PARAMETERS.get(name, name),)
        }
        q, page = clean_query(request.GET.get("q", "")), request.GET.get("page", "")
        return cls(
            q=q[:LONGEST_QUERY],
            kind=kind,
            filters={name: values[:MOST_VALUES] for name, values in given.items() if values},
            page=whole_number(page, 9999) or 1,
            cut=len(q) > LONGEST_QUERY,
        )

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Return the address's names and values, without the words and the page."""
        chosen = [
            (PARAMETERS.get(name, name), value)
            for name, values in self.filters.items()
            for value in values
        ]
        return [("type", self.kind)] * (self.kind != "sheets") + chosen

    @property
    def address(self) -> str:
        """Return the address of the first page of this search."""
        return f"{reverse('search')}?{urlencode([('q', self.q), *self.parameters])}"

    @property
    def count(self) -> str:
        """Return the address that tells how many answers there are."""
        return f"{reverse('search_count')}?{urlencode([('q', self.q), *self.parameters])}"

    @property
    def feed(self) -> str:
        """Return the address of its feed."""
        return f"{reverse('search_feed')}?{urlencode([('q', self.q), *self.parameters])}"

    def toggled(self, name: str, value: str) -> "SearchRequest":
        """Return the search with a value of a facet chosen, or no longer chosen."""
        now = self.filters.get(name, ())
        then = tuple(v for v in now if v != value) if value in now else (*now, value)
        filters = {**self.filters, name: then}
        return replace(self, page=1, filters={n: v for n, v in filters.items() if v})

    def without_choices(self) -> "SearchRequest":
        """Return the search with no value of any facet chosen."""
        return replace(self, page=1, filters={})

    def with_words(self, q: str) -> "SearchRequest":
        """Return the search for other words among the same."""
        return replace(self, page=1, q=q)

    def in_tab(self, kind: Kind) -> "SearchRequest":
        """Return the search among sheets or among sources."""
        return self if kind == self.kind else replace(self.without_choices(), kind=kind)

    def run(self, user: Any, page: int) -> ResultPage:
        """Search, and return one page of what was found."""
        return search_wiki(
            self.q,
            user=user,
            kind=self.kind,
            filters=self.filters,
            page_size=PER_PAGE,
            offset=(page - 1) * PER_PAGE,
        )


@dataclass(frozen=True)
class ResultTab:
    """One of the two kinds of answers, and how many there are; or where that is told."""

    label: str
    address: str
    current: bool
    count: int | None = None
    told: str = ""
    counted_at: str = ""


@dataclass(frozen=True)
class SearchFacetOption:
    """One value of a facet; its address chooses it, or takes the choice back."""

    label: str
    count: int
    chosen: bool
    address: str


@dataclass(frozen=True)
class SearchFacet:
    """One way to narrow: the values that most answers have, and, folded away, the next ones."""

    title: str
    options: list[SearchFacetOption]
    more: list[SearchFacetOption]


@dataclass(frozen=True)
class AlternativeSearch:
    """Another search to try."""

    text: str
    address: str


@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """Show what answers the words of the address, a page of it."""
    asked = SearchRequest.of(request)
    number = min(asked.page, LAST_PAGE)
    results = asked.run(request.user, number) if asked.q else ResultPage()
    pages = Paginator(range(min(results.total, LAST_PAGE * PER_PAGE)), PER_PAGE)
    if not results.hits and results.total and number > 1:  # an old address: there is less today
        number = pages.num_pages
        results = asked.run(request.user, number)
    context = {
        "asked": asked,
        "results": results,
        "page": pages.get_page(number),
        "tabs": list(result_tabs(asked, results, request.user)),
        "facets": search_facets(asked, results),
        "corrections": alternative_searches(asked, results.corrections),
        "near": alternative_searches(asked, results.near),
        "longest": LONGEST_QUERY,
    }
    return render(request, "sheets/search.html", context)


def result_tabs(asked: SearchRequest, results: ResultPage, user: Any) -> Iterable[ResultTab]:
    """Yield both tabs, each with the number of answers that opening it would show.

    Nobody waits for the number of the other tab, unless there is nothing else to be shown: the page
    asks for it when it is there.
    """
    for kind, label in TABS.items():
        there = asked.in_tab(kind)
        tab = ResultTab(str(label), there.address, current=kind == asked.kind)
        if tab.current:
            yield replace(tab, count=results.total, told=displayed_count(results))
        elif asked.q and results.hits:
            yield replace(tab, counted_at=there.count)
        elif asked.q:
            found = search_wiki(asked.q, user=user, kind=kind, page_size=0)
            yield replace(tab, count=found.total, told=displayed_count(found))
        else:
            yield tab


def displayed_count(results: ResultPage) -> str:
    """Return how many answers there are, as a reader sees it."""
    return f"{results.total}{'+' if results.capped else ''}"


def search_facets(asked: SearchRequest, results: ResultPage) -> list[SearchFacet]:
    """Return the facets that narrow anything; what is chosen is always among their values."""
    shown = []
    for name in FACETS[asked.kind]:
        counts = results.facets.get(name, [])
        if len(counts) > 1 or any(one.chosen for one in counts):
            listed = counts[:VALUES_LISTED] + [c for c in counts[VALUES_LISTED:] if c.chosen]
            options = [
                SearchFacetOption(
                    one.label, one.count, one.chosen, asked.toggled(name, one.value).address
                )
                for one in listed
            ]
            first = [o for n, o in enumerate(options) if n < VALUES_SHOWN or o.chosen]
            more = [o for o in options[VALUES_SHOWN:] if not o.chosen]
            shown.append(SearchFacet(str(TITLES.get(name, name)), first, more))
    return shown


def alternative_searches(asked: SearchRequest, queries: Iterable[str]) -> list[AlternativeSearch]:
    """Return other words to try in the same tab."""
    return [AlternativeSearch(q, asked.without_choices().with_words(q).address) for q in queries]


@require_safe
@cache_control(private=True, max_age=60)
def search_count(request: HttpRequest) -> HttpResponse:
    """Tell how many answers the words of the address have, as it stands beside a tab."""
    asked = SearchRequest.of(request)
    found = ResultPage()
    if asked.q:
        found = search_wiki(
            asked.q, user=request.user, kind=asked.kind, filters=asked.filters, page_size=0
        )
    return HttpResponse(displayed_count(found), content_type="text/plain")


@require_safe
@cache_control(private=True, max_age=60)
def search_suggestions(request: HttpRequest) -> JsonResponse:
    """Answer a box in which someone types: where these letters may lead."""
    typed = clean_query(request.GET.get("q", ""))[:LONGEST_TYPED]
    found = suggest_completions(typed, request.user) if typed else []
    rows = [
        {
            "kind": one.kind,
            "label": str(SUGGESTED[one.kind]),
            "text": one.text,
            "pieces": one.pieces,
            "context": one.context,
            "url": one.url or SearchRequest(q=one.text).address,
        }
        for one in found
    ]
    return JsonResponse({"q": typed, "suggestions": rows})


@require_safe
@conditional_page
def search_feed(request: HttpRequest) -> HttpResponse:
    """Send a saved search as an Atom feed, what changed last first."""
    asked = SearchRequest.of(request)
    hits: list[Hit] = []
    if asked.q:  # by words alone: what merely means something near would come and go
        hits = search_wiki(
            asked.q,
            user=request.user,
            kind=asked.kind,
            filters=asked.filters,
            page_size=READ_FOR_FEED,
            dense=False,
        ).hits
    atom = Atom1Feed(
        title=_("WikiCO2: “%(words)s”") % {"words": asked.q},
        link=request.build_absolute_uri(asked.address),
        description="",
        feed_url=request.build_absolute_uri(),
        author_name="WikiCO2",
        language=get_language(),
    )
    changed = last_changes(asked.kind, hits)
    dated = [(changed[key], hit) for hit in hits if (key := hit_row(hit)) and key in changed]
    for date, hit in sorted(dated, key=lambda row: row[0], reverse=True)[:IN_FEED]:
        place = _("p. %(n)s") % {"n": hit.page} if hit.page else hit.heading
        atom.add_item(
            title=clean_query(" · ".join(filter(None, (hit.title, place)))),
            link=request.build_absolute_uri(hit.url),
            unique_id=request.build_absolute_uri(re.split("[?#]", hit.url)[0]),
            description=clean_query("".join(text for text, _marked in hit.snippet)),
            updateddate=date,
        )
    return HttpResponse(atom.writeString("utf-8"), content_type=atom.content_type)


def hit_row(hit: Hit) -> int | None:
    """Return the id of the sheet, or of the source, that a hit belongs to."""
    return hit.id if hit.kind == "sheets" else hit.document_id


def last_changes(kind: Kind, hits: Iterable[Hit]) -> dict[int, dt.datetime]:
    """Return, by id, when the sheets changed last or the sources were read."""
    ids = [key for key in map(hit_row, hits) if key is not None]
    if kind == "sheets":
        return dict(Sheet.objects.filter(pk__in=ids).order_by().values_list("pk", "updated_at"))
    read = Document.objects.filter(pk__in=ids).order_by()
    return dict(read.values_list("pk", Coalesce("ready_at", "created_at")))
