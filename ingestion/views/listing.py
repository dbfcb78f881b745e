"""The list of sources: filtered, sorted, and refreshed while any of them is processed."""

from collections.abc import Iterator
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from ingestion.models import Document
from ingestion.templatetags.sources import language_name
from wikico2.filters import (
    Facet,
    FacetChoice,
    Filter,
    FilterField,
    count_values,
    read_choice,
    read_line,
    read_match,
)
from wikico2.jobs.queue import is_paused, workers_alive

PER_PAGE = 25
SORTS = {
    "recent": (gettext_lazy("most recent"), ("-created_at", "-pk")),
    "title": (gettext_lazy("title"), ("title", "pk")),
    "pages": (gettext_lazy("most pages"), ("-page_count", "title", "pk")),
}
STATES = {
    "ready": (gettext_lazy("ready"), (Document.State.READY,)),
    "working": (gettext_lazy("in progress"), Document.WORKING),
    "failed": (gettext_lazy("failed"), (Document.State.FAILED,)),
    "cancelled": (gettext_lazy("cancelled"), (Document.State.CANCELLED,)),
}
STATE_KEYS = {state: key for key, (_label, states) in STATES.items() for state in states}

SOURCE_FILTER = Filter(
    (
        FilterField("q", read_line(200)),  # applied first: the facets count its matches
        FilterField("sort", read_choice(SORTS), default="recent"),
        FilterField("state", read_choice(STATES), lambda key: Q(state__in=STATES[key][1])),
        FilterField("language", read_match(r"[^\W\d_]{1,8}"), "language"),
        FilterField("access", read_choice(Document.Access.values), "access"),
    )
)


@require_safe
@vary_on_headers("HX-Request")  # else the browser's Back shows the partial without its page
def document_list(request: HttpRequest) -> HttpResponse:
    """Show the sources; for an htmx request, only the part that changes."""
    chosen = SOURCE_FILTER.read(request.GET)
    found = Document.objects.readable_by(request.user).matching(chosen["q"])
    _label, order = SORTS[chosen["sort"]]
    shown = chosen.apply(found).order_by(*order)
    page = Paginator(shown, PER_PAGE).get_page(request.GET.get("page"))
    counts = Document.objects.filter(pk__in=[d.pk for d in page]).sheet_counts()
    working = [document for document in page if document.is_working]
    Document.load_jobs(working)
    sorts = [FacetChoice(key, str(label)) for key, (label, _order) in SORTS.items()]
    context = {
        "chosen": chosen,
        "parameters": chosen.without("q", "sort").parameters,
        "sorts": chosen.facet("sort", _("Order"), sorts),
        "page": page,
        "rows": [(document, counts.get(document.pk, 0)) for document in page],
        "facets": list(source_facets(chosen, found.counted_by("state", "access", "language"))),
        "working": bool(working),
        "no_worker": bool(working) and not workers_alive(),
        "paused": bool(working) and is_paused(),
    }
    partial = request.headers.get("HX-Request")
    template = "ingestion/_documents.html" if partial else "ingestion/documents.html"
    return render(request, template, context)


def source_facets(chosen: Filter, counts: list[dict[str, Any]]) -> Iterator[Facet]:
    """Yield the facets, each counted under the choices of the others."""
    rows = [
        (
            {
                "state": (STATE_KEYS[row["state"]],),
                "language": (row["language"],),
                "access": (row["access"],),
            },
            row["n"],
        )
        for row in counts
    ]
    languages = [row["language"] for row in counts if row["language"]]
    labels: dict[str, dict[str, str]] = {
        "state": {key: str(label) for key, (label, _states) in STATES.items()},
        "language": {language: language_name(language) for language in languages},
        "access": {str(value): str(label) for value, label in Document.Access.choices},
    }
    titles = {"state": _("State"), "language": _("Language"), "access": _("Access")}
    for name, title in titles.items():
        left = count_values(rows, name, chosen.without("q", "sort").values)
        choices = [FacetChoice("", _("All"), left.total())]
        choices += [
            FacetChoice(value, label, left[value])
            for value, label in labels[name].items()
            if left[value] or value == chosen[name]
        ]
        facet = chosen.facet(name, title, choices)
        if facet.narrows or chosen[name]:
            yield facet
