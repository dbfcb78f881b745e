"""Views of the sources that a sheet draws on, from the sheet and from the source."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from ingestion.models import Document, DocumentQuerySet
from sheets.actions.sources import add_sources, remove_source, replace_source
from sheets.models import Sheet
from sheets.search.for_source import concerned_sheets
from sheets.sources.working_set import resting_counts, statements_resting_on, suggest_sources
from sheets.views.reading import requested_sheet
from wikico2.accounts.decorators import requires
from wikico2.errors import UserError
from wikico2.filters import clean_line
from wikico2.models import User
from wikico2.parameters import whole_number

FOUND = 20
LONGEST_QUERY = 200


@require_http_methods(["GET", "HEAD", "POST"])
@requires("sheet.change_sources")
def sheet_sources(request: HttpRequest, slug: str) -> HttpResponse:
    """List the sources of a sheet, find and suggest others; add, remove or replace one on POST."""
    sheet = requested_sheet(request, slug)
    if request.method == "POST":
        return change_sources(request, sheet)
    query = clean_line(request.GET.get("titre", ""))[:LONGEST_QUERY]
    replaced = given_document(request.GET.get("remplacer", ""), sheet.documents.all())
    counts = resting_counts(sheet)
    own = list(sheet.documents.order_by("title", "pk"))
    context = {
        "sheet": sheet,
        "documents": [(one, counts.get(one.pk, 0)) for one in own],
        "newer": later_versions_of(own, request.user),
        "query": query,
        "found": matching_sources(sheet, request.user, query) if query else [],
        "replaced": replaced,
        "suggests": "suggerer" in request.GET,
        "suggested": suggest_sources(sheet, request.user) if "suggerer" in request.GET else [],
    }
    return render(request, "sheets/sources.html", context)


def change_sources(request: HttpRequest, sheet: Sheet) -> HttpResponse:
    """Add, remove or replace a source, as the form asks."""
    user, action = cast("User", request.user), request.POST.get("do", "")
    readable = Document.objects.readable_by(user)
    document = given_document(request.POST.get("document", ""), readable)
    old = given_document(request.POST.get("old", ""), sheet.documents.all())
    try:
        if action == "remove" and old is not None:
            return remove_asked(request, sheet, old)
        if action == "replace" and old is not None and document is not None:
            replace_source(sheet, user, old, document)
            messages.success(request, _("The source was replaced. Regenerate what it concerns."))
        elif action == "add" and document is not None:
            add_sources(sheet, user, [document])
            messages.success(request, _("The source was added. Regenerate what it concerns."))
        else:
            messages.error(request, _("Choose a source."))
    except UserError as error:
        messages.error(request, error.sentence)
    return redirect("sheet_sources", sheet.slug)


def remove_asked(request: HttpRequest, sheet: Sheet, document: Document) -> HttpResponse:
    """Say which statements rest on a source, or remove it once that was confirmed."""
    statements = statements_resting_on(sheet, document)
    lost = [one for one in statements if one.loses_ground]
    if request.POST.get("sure") == "1" or not statements:
        remove_source(sheet, cast("User", request.user), document)
        sentence = ngettext(
            "The source was removed. %(n)s statement rests on nothing else.",
            "The source was removed. %(n)s statements rest on nothing else.",
            len(lost),
        )
        without = _("The source was removed. No statement rested on it alone.")
        messages.success(request, sentence % {"n": len(lost)} if lost else without)
        return redirect("sheet_sources", sheet.slug)
    context = {"sheet": sheet, "document": document, "statements": statements, "lost": len(lost)}
    return render(request, "sheets/source_remove.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("sheet.change_sources")
def source_sheets(request: HttpRequest, pk: int) -> HttpResponse:
    """Suggest the sheets that should hear of a source; add it to one on POST."""
    source = get_object_or_404(Document.objects.readable_by(request.user), pk=pk)
    if request.method == "POST":
        number = whole_number(request.POST.get("sheet", ""))
        rows = Sheet.objects.readable_by(request.user)
        sheet = get_object_or_404(rows, pk=number) if number is not None else None
        if sheet is None:
            messages.error(request, _("Choose a sheet."))
            return redirect("source_sheets", pk)
        add_sources(sheet, cast("User", request.user), [source])
        message = _("The sheet “%(title)s” draws on this source now.")
        messages.success(request, message % {"title": sheet.title})
        return redirect("source_sheets", pk)
    context = {
        "document": source,
        "drawing": Sheet.objects.listed_for(request.user).filter(documents=source),
        "concerned": concerned_sheets(source, request.user) if source.is_ready else [],
    }
    return render(request, "sheets/source_sheets.html", context)


def given_document(text: str, rows: Any) -> Document | None:
    """Return the row of `rows` that has the number of a form; None for any other text."""
    number = whole_number(text)
    return rows.filter(pk=number).first() if number is not None else None


def matching_sources(sheet: Sheet, user: Any, query: str) -> DocumentQuerySet:
    """Return the first sources that match a query and that the sheet does not draw on."""
    own = sheet.documents.values("pk")
    rows = Document.objects.readable_by(user).exclude(pk__in=own).matching(query)
    return rows.order_by("title", "pk")[:FOUND]


def later_versions_of(documents: list[Document], user: Any) -> dict[int, Document]:
    """Return the ready later version of each source that has one that the user may read."""
    newer = Document.objects.readable_by(user).ready()
    rows = newer.filter(supersedes__in=[one.pk for one in documents]).order_by("pk")
    return {one.supersedes_id: one for one in rows if one.supersedes_id}
