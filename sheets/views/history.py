"""Views of the history of a sheet: list, compare and restore versions."""

from typing import cast

from django.contrib import messages
from django.core.cache import cache
from django.core.paginator import Paginator
from django.db.models import F, Func, IntegerField, Prefetch, QuerySet, Window
from django.db.models.functions import Lag
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from sheets.markdown.splice import note_lines
from sheets.models import Proposal, Revision, Sheet
from sheets.models.schema_loader import load_template
from sheets.rendering.footnotes import reading_order
from sheets.rendering.labels import reader_language
from sheets.rendering.page_cache import cache_pages
from sheets.rendering.stored_rendering import revision_citations
from sheets.revisions.compare import compare_versions, render_changes
from sheets.revisions.edit import restore_revision
from sheets.revisions.errors import StaleBase
from sheets.revisions.versions import version_of
from sheets.views.reading import (
    readable_sheets,
    requested_sheet,
    shown_revisions,
    shown_sheet,
)
from wikico2.accounts.decorators import requires
from wikico2.models import User
from wikico2.parameters import LARGEST_NUMBER, whole_number

PER_PAGE = 50
EVENTS_SHOWN = 20
VIEWS = {"cote": "side", "texte": "inline", "rendu": "page"}
LARGEST_CACHED = 150_000
CACHE_SECONDS = 3600


class Bytes(Func):
    """The size of a text in bytes, computed by PostgreSQL without loading the text."""

    function = "octet_length"
    output_field = IntegerField()


@require_safe
@cache_pages("page")
def sheet_history(request: HttpRequest, slug: str) -> HttpResponse:
    """List the versions of a sheet, latest first."""
    found = shown_sheet(request, readable_sheets(request).select_related("current"), slug)
    page = Paginator(list_revisions(found), PER_PAGE).get_page(request.GET.get("page"))
    events = found.events.select_related("actor", "revision", "sheet")[:EVENTS_SHOWN]
    context = {"sheet": found, "page": page, "events": list(events)}
    return TemplateResponse(request, "sheets/history.html", context)


def list_revisions(sheet: Sheet) -> QuerySet[Revision]:
    """Return a sheet's revisions, latest first, each with `size` and `grown` in bytes."""
    size = Bytes("body")
    before = Window(Lag(size, default=0), order_by=F("number").asc())
    return (
        shown_revisions(sheet)
        .select_related("author", "generation")
        .prefetch_related(Prefetch("accepted_proposals", Proposal.objects.credits()))
        .defer("body", "metadata", "rendered")
        .annotate(size=size, grown=size - before)
        .order_by("-number")
    )


@require_safe
def sheet_compare(request: HttpRequest, slug: str) -> HttpResponse:
    """Redirect to the comparison of the two selected versions, the older one first."""
    found = shown_sheet(request, readable_sheets(request).select_related("current"), slug)
    given = [whole_number(request.GET.get(name, ""), LARGEST_NUMBER) for name in ("a", "b")]
    numbers = sorted(number for number in given if number is not None)
    if len(numbers) < 2 or numbers[0] == numbers[1]:
        messages.info(request, _("Select two different versions to compare."))
        return redirect("sheet_history", found.slug)
    return redirect("sheet_diff", found.slug, *numbers)


@require_safe
@cache_pages()
def sheet_diff(request: HttpRequest, slug: str, old: int, new: int) -> HttpResponse:
    """Show the differences between two versions: side by side, inline, or on the page."""
    found = shown_sheet(request, readable_sheets(request).select_related("current"), slug)
    was, now = get_revision_pair(found, old, new)
    view = request.GET.get("vue", "")
    view = view if view in VIEWS else "cote"
    context = {
        "sheet": found,
        "was": was,
        "now": now,
        "view": view,
        "views": [("cote", _("Side by side")), ("texte", _("Inline")), ("rendu", _("Page"))],
        "changes": cached_comparison(found, was, now, view, whole=request.GET.get("tout") == "1"),
    }
    return TemplateResponse(request, "sheets/diff.html", context)


def get_revision_pair(sheet: Sheet, old: int, new: int) -> tuple[Revision, Revision]:
    """Return two revisions of a sheet by their numbers, without their text; raises Http404."""
    rows = (
        shown_revisions(sheet).filter(number__in={old, new}).select_related("author", "generation")
    )
    found = {r.number: r for r in rows.defer("body", "metadata", "rendered")}
    if old not in found or new not in found:
        raise Http404
    return found[old], found[new]


def cached_comparison(
    sheet: Sheet, was: Revision, now: Revision, view: str, *, whole: bool = False
) -> str:
    """Return the comparison as HTML, cached for an hour, since revisions never change."""
    key = f"diff:{was.pk}:{now.pk}:{view}:{whole:d}:{get_language()}"
    known = cache.get(key)
    if known is not None:
        return cast("str", known)
    html = render_comparison(sheet, was, now, view, whole=whole)
    if len(html) <= LARGEST_CACHED:
        cache.set(key, html, CACHE_SECONDS)
    return html


def render_comparison(sheet: Sheet, was: Revision, now: Revision, view: str, *, whole: bool) -> str:
    """Render the comparison as HTML."""
    texts = Revision.objects.in_bulk([was.pk, now.pk])
    old, new = version_of(texts[was.pk]), version_of(texts[now.pk])
    template = load_template(sheet.sheet_type)
    comparison = compare_versions(old, new, template, whole=whole)
    context = {
        "comparison": comparison,
        "view": VIEWS[view],
        "sheet": sheet,
        "LANGUAGE_CODE": get_language(),
    }
    if view == "rendu":
        language = reader_language()
        cited = revision_citations(texts[was.pk], language)
        cited |= revision_citations(texts[now.pk], language)
        notes = note_lines(old.body) | note_lines(new.body)
        order = reading_order(new, template)
        context["page"] = render_changes(
            comparison.changes, notes, template, cited, order=order, whole=whole
        )
    return render_to_string("sheets/_diff.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("sheet.edit")
def revision_restore(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Show what restoring a version would change; restore it on POST, as a new version."""
    found = requested_sheet(request, slug)
    former = get_object_or_404(found.revisions.select_related("author"), number=number)
    if found.current is None:
        raise Http404
    status = 200
    comment = " ".join(request.POST.get("comment", "").replace("\0", "").split())[:500]
    if request.method == "POST":
        try:
            restored = restore_revision(
                found,
                cast("User", request.user),
                former,
                onto=whole_number(request.POST.get("onto", ""), LARGEST_NUMBER) or 0,
                comment=comment or _("Version %(n)s restored") % {"n": former.number},
            )
        except StaleBase:
            found.refresh_from_db()
            status = 409
            message = _("The sheet was changed in the meantime. Check it, then restore.")
            messages.warning(request, message)
        else:
            given = {"old": former.number, "n": restored.number}
            message = _("Version %(old)s was restored as version %(n)s. The previous text is kept.")
            messages.success(request, message % given)
            return redirect(found)
    assert found.current is not None
    context = {
        "sheet": found,
        "former": former,
        "current": found.current,
        "comment": comment,
        "changes": cached_comparison(found, found.current, former, "cote"),
    }
    return render(request, "sheets/restore.html", context, status=status)
