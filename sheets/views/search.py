"""Search: the page of results, suggestions while typing, the feed of a saved search."""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

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
from wikico2.filters import Facet, Filter, FilterField, clean_line, read_choice, read_line
from wikico2.parameters import whole_number

PER_PAGE = 20
LAST_PAGE = 500
LONGEST_QUERY = 400
LONGEST_TYPED = 100
MOST_VALUES = 20
VALUES_SHOWN, VALUES_LISTED = 8, 40
IN_FEED = 50
READ_FOR_FEED = 100
"""A feed lists the latest changes among this many best hits."""

PARAMETERS = {"type": "fiche", "state": "etat", "language": "langue", "access": "acces"}
"""The query parameters of facets with other names than their own; `type` is the tab."""

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


def _filter_for(kind: Kind) -> Filter:
    """Return the filter of one kind of results: the words, the tab, the facets."""
    facets = (
        FilterField(name, clean_line, parameter=PARAMETERS.get(name, name), most=MOST_VALUES)
        for name in FACETS[kind]
    )
    words = FilterField("q", read_line(LONGEST_QUERY))
    tab = FilterField("kind", read_choice(("sources",)), parameter="type", default="sheets")
    return Filter((words, tab, *facets), {"kind": (kind,)} if kind == "sources" else {})


SEARCHES: dict[Kind, Filter] = {kind: _filter_for(kind) for kind in TABS}


def read_search(request: HttpRequest) -> Filter:
    """Return the search of a request; invalid values are ignored."""
    kind: Kind = "sources" if request.GET.get("type") == "sources" else "sheets"
    return SEARCHES[kind].read(request.GET)


def search_kind(asked: Filter) -> Kind:
    """Return the kind of results of a search."""
    return "sources" if asked["kind"] == "sources" else "sheets"


def facet_filter(asked: Filter) -> Filter:
    """Return only the facet choices of a search."""
    return asked.without("q", "kind")


def words_address(kind: Kind, words: str) -> str:
    """Return the address of a search for words, without facet choices."""
    return SEARCHES[kind].choose("q", words).address(reverse("search"))


def run_search(
    asked: Filter, user: Any, *, page_size: int, offset: int = 0, dense: bool = True
) -> ResultPage:
    """Run a search and return `page_size` hits from `offset`."""
    return search_wiki(
        asked["q"],
        user=user,
        kind=search_kind(asked),
        filters=facet_filter(asked).values,
        page_size=page_size,
        offset=offset,
        dense=dense,
    )


@dataclass(frozen=True)
class ResultTab:
    """A tab of results with its number of hits, or the address that returns the number."""

    label: str
    address: str
    current: bool
    count: int | None = None
    shown_count: str = ""
    counted_at: str = ""


@dataclass(frozen=True)
class AlternativeSearch:
    """Another search to offer."""

    text: str
    address: str


@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """Show a page of search results."""
    asked = read_search(request)
    number = min(whole_number(request.GET.get("page", ""), 9_999) or 1, LAST_PAGE)
    results = results_page(asked, request.user, number) if asked["q"] else ResultPage()
    pages = Paginator(range(min(results.total, LAST_PAGE * PER_PAGE)), PER_PAGE)
    if not results.hits and results.total and number > 1:  # an old address: fewer results now
        number = pages.num_pages
        results = results_page(asked, request.user, number)
    kind = search_kind(asked)
    context = {
        "asked": asked,
        "parameters": asked.without("q").parameters,
        "feed": asked.address(reverse("search_feed")),
        "narrowed": facet_filter(asked).narrows,
        "unnarrowed": words_address(kind, asked["q"]),
        "cut": len(clean_line(request.GET.get("q", ""))) > LONGEST_QUERY,
        "results": results,
        "page": pages.get_page(number),
        "tabs": list(result_tabs(asked, results, request.user)),
        "facets": search_facets(asked, results),
        "corrections": alternative_searches(kind, results.corrections),
        "near": alternative_searches(kind, results.near),
        "longest": LONGEST_QUERY,
    }
    return render(request, "sheets/search.html", context)


def results_page(asked: Filter, user: Any, number: int) -> ResultPage:
    """Run a search and return page `number` of its results."""
    return run_search(asked, user, page_size=PER_PAGE, offset=(number - 1) * PER_PAGE)


def result_tabs(asked: Filter, results: ResultPage, user: Any) -> Iterable[ResultTab]:
    """Yield both tabs, each with the number of its results.

    The number of the other tab is computed now only if this tab has no results; otherwise the page
    requests it once it is loaded.
    """
    for kind, label in TABS.items():
        current = kind == search_kind(asked)
        there = asked if current else SEARCHES[kind].choose("q", asked["q"])
        tab = ResultTab(str(label), there.address(reverse("search")), current)
        if current:
            yield replace(tab, count=results.total, shown_count=displayed_count(results))
        elif asked["q"] and results.hits:
            yield replace(tab, counted_at=there.address(reverse("search_count")))
        elif asked["q"]:
            found = run_search(there, user, page_size=0)
            yield replace(tab, count=found.total, shown_count=displayed_count(found))
        else:
            yield tab


def displayed_count(results: ResultPage) -> str:
    """Return the number of results as text, with "+" if it is a minimum."""
    return f"{results.total}{'+' if results.capped else ''}"


def search_facets(asked: Filter, results: ResultPage) -> list[Facet]:
    """Return the facets with a choice to make; chosen values are always listed."""
    path = reverse("search")
    facets = []
    for name in FACETS[search_kind(asked)]:
        chosen = asked.values.get(name, ())
        counts = results.facets.get(name, [])
        listed = counts[:VALUES_LISTED] + [c for c in counts[VALUES_LISTED:] if c.value in chosen]
        label = str(TITLES.get(name, name))
        facets.append(asked.facet(name, label, listed, path=path, shown=VALUES_SHOWN))
    return [facet for facet in facets if facet.narrows]


def alternative_searches(kind: Kind, queries: Iterable[str]) -> list[AlternativeSearch]:
    """Return other queries to offer in the same tab."""
    return [AlternativeSearch(q, words_address(kind, q)) for q in queries]


@require_safe
@cache_control(private=True, max_age=60)
def search_count(request: HttpRequest) -> HttpResponse:
    """Return the number of results of a search, as a tab shows it."""
    asked = read_search(request)
    found = run_search(asked, request.user, page_size=0) if asked["q"] else ResultPage()
    return HttpResponse(displayed_count(found), content_type="text/plain")


@require_safe
@cache_control(private=True, max_age=60)
def search_suggestions(request: HttpRequest) -> JsonResponse:
    """Return the suggestions for the text in a search field, as JSON."""
    typed = clean_line(request.GET.get("q", ""))[:LONGEST_TYPED]
    found = suggest_completions(typed, request.user) if typed else []
    rows = [
        {
            "kind": one.kind,
            "label": str(SUGGESTED[one.kind]),
            "text": one.text,
            "pieces": one.pieces,
            "context": one.context,
            "url": one.url or words_address("sheets", one.text),
        }
        for one in found
    ]
    return JsonResponse({"q": typed, "suggestions": rows})


@require_safe
@conditional_page
def search_feed(request: HttpRequest) -> HttpResponse:
    """Send a saved search as an Atom feed, the latest changes first."""
    asked = read_search(request)
    hits: list[Hit] = []
    if asked["q"]:  # by words only: hits by meaning would come and go
        hits = run_search(asked, request.user, page_size=READ_FOR_FEED, dense=False).hits
    atom = Atom1Feed(
        title=_("WikiCO2: “%(words)s”") % {"words": asked["q"]},
        link=request.build_absolute_uri(asked.address(reverse("search"))),
        description="",
        feed_url=request.build_absolute_uri(),
        author_name="WikiCO2",
        language=get_language(),
    )
    changed = last_changes(search_kind(asked), hits)
    dated = [(changed[key], hit) for hit in hits if (key := hit_row(hit)) and key in changed]
    for date, hit in sorted(dated, key=lambda row: row[0], reverse=True)[:IN_FEED]:
        place = _("p. %(n)s") % {"n": hit.page} if hit.page else hit.heading
        atom.add_item(
            title=clean_line(" · ".join(filter(None, (hit.title, place)))),
            link=request.build_absolute_uri(hit.url),
            unique_id=request.build_absolute_uri(re.split("[?#]", hit.url)[0]),
            description=clean_line("".join(text for text, _marked in hit.snippet)),
            updateddate=date,
        )
    return HttpResponse(atom.writeString("utf-8"), content_type=atom.content_type)


def hit_row(hit: Hit) -> int | None:
    """Return the id of the sheet or of the source of a hit."""
    return hit.id if hit.kind == "sheets" else hit.document_id


def last_changes(kind: Kind, hits: Iterable[Hit]) -> dict[int, dt.datetime]:
    """Return the last change of each sheet, or the time each source was ready, by id."""
    ids = [key for key in map(hit_row, hits) if key is not None]
    if kind == "sheets":
        return dict(Sheet.objects.filter(pk__in=ids).order_by().values_list("pk", "updated_at"))
    read = Document.objects.filter(pk__in=ids).order_by()
    return dict(read.values_list("pk", Coalesce("ready_at", "created_at")))
