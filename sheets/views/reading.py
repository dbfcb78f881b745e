"""Views to read a sheet or one of its versions."""

from dataclasses import replace
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from sheets.generation.progress import generation_outline
from sheets.generation.publish import preview_written
from sheets.links.localized_text import LocalizedText, localize_text
from sheets.links.related import related_sheets
from sheets.links.wikilinks import list_backlinks
from sheets.models import (
    DroppedStatement,
    Generation,
    Proposal,
    Revision,
    Sheet,
    SheetEvent,
    Watch,
)
from sheets.models.schema_loader import load_template
from sheets.rendering.gaps import header_gaps
from sheets.rendering.page_cache import cache_pages
from sheets.rendering.statement_anchors import counted_statements, with_anchors
from sheets.rendering.web_metadata import web_metadata
from sheets.revisions.authorship import authorship_line, authorship_of
from sheets.revisions.blame import AuthoredPage, show_authors
from sheets.sources.visibility import sources_visible_on
from wikico2.accounts.rules import may
from wikico2.parameters import whole_number


def readable_sheets(request: HttpRequest) -> QuerySet[Sheet]:
    """Return the sheets that the user may open, with their types."""
    return Sheet.objects.readable_by(request.user).select_related("sheet_type")


def requested_sheet(request: HttpRequest, slug: str) -> Sheet:
    """Return the sheet of an address, with its type and text; raises Http404.

    A form says which sheet it belongs to: its address may be another's by now.
    """
    rows = readable_sheets(request).select_related("current")
    number = whole_number(request.POST.get("sheet", "")) if request.method == "POST" else None
    wanted: dict[str, Any] = {"slug": slug} if number is None else {"pk": number}
    return get_object_or_404(rows, **wanted).show_to(request.user)


def shown_sheet(request: HttpRequest, rows: QuerySet[Sheet], slug: str, **more: Any) -> Sheet:
    """Return a sheet of `rows` as the reader may read it; raises Http404."""
    return get_object_or_404(rows, slug=slug, **more).show_to(request.user)


def shown_revisions(sheet: Sheet) -> QuerySet[Revision]:
    """Return the versions of a sheet up to the one that is shown."""
    rows = sheet.revisions.all()
    return rows.filter(number__lte=sheet.current.number) if sheet.current else rows


@require_safe
@cache_pages()
def sheet_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a sheet, or the progress of its generation."""
    found: Any = shown_sheet(request, sheets_to_read(request), slug)  # annotated there
    if found.current:
        found.current.sheet = found
    documents = list(sources_visible_on(found, request.user).order_by("title"))
    context = {
        "sheet": found,
        "revision": found.current,
        "text": anchored_text(found.current, request.user) if found.current else None,
        "web": web_metadata(found, found.current, documents) if found.current else None,
        "documents": documents,
        "backlinks": list_backlinks(found, request.user),
        "related": related_sheets(found, request.user),
        "former_titles": former_titles(found),
        "proposal_id": found.proposal_id,
        "authorship": authorship_text(found),
        "imported_validation": imported_validation(found),
        "progress": None,
        "header_gaps": header_gaps(found.current, load_template(found.sheet_type))
        if found.current
        else None,
        "dropped_count": DroppedStatement.objects.waiting().filter(sheet=found).count(),
        "authored": authored_page(request, found),
        "watched": lambda: watch_mark(request, found),
    }
    if found.generation_id and found.generation_state != Generation.State.DONE:
        generation = Generation.objects.get(pk=found.generation_id)
        if generation.state == Generation.State.DONE:  # since the sheet was read a moment ago
            return redirect(request.get_full_path())
        generation.sheet = found
        context["progress"] = generation_outline(generation)
        if found.current is None:
            context["drafted"] = preview_written(generation, load_template(found.sheet_type))
        return render(request, "sheets/sheet.html", context)  # not cached: it changes each second
    return TemplateResponse(request, "sheets/sheet.html", context)


def anchored_text(revision: Revision, user: Any) -> LocalizedText:
    """Return a revision as `user` sees it, with the anchors of its statements."""
    text = localize_text(revision, user)
    anchors = {anchor for anchor, _one in counted_statements(getattr(revision, "check_made", None))}
    return replace(text, body=with_anchors(text.body, anchors))


def watch_mark(request: HttpRequest, sheet: Sheet) -> str:
    """Return "true" if the reader watches the sheet, else "false".

    Only a page that is not cached asks for it: the cache fills in its own value.
    """
    user = request.user
    watches = may(user, "watch.set") and Watch.objects.filter(user=user.pk, sheet=sheet).exists()
    return "true" if watches else "false"


def authored_page(request: HttpRequest, sheet: Sheet) -> AuthoredPage | None:
    """Return the page with the author of each block, if requested by `?auteurs=1`."""
    if request.GET.get("auteurs") != "1" or sheet.current is None:
        return None
    return show_authors(sheet.current, load_template(sheet.sheet_type))


def sheets_to_read(request: HttpRequest) -> Any:
    """Return the readable sheets with all that their page shows, in one query.

    Annotates `generation_id` and `generation_state` of the latest generation, and `proposal_id` of
    an open proposal.
    """
    latest = Generation.objects.filter(sheet=OuterRef("pk")).order_by("-created_at", "-pk")
    waiting = Proposal.objects.filter(sheet=OuterRef("pk"), state=Proposal.State.OPEN)
    return (
        readable_sheets(request)
        .select_related(
            "current__author",
            "current__generation",
            "current__check_made",
            "validated_by",
            "responsible",
            "validated_revision",
        )
        .defer("validated_revision__body", "validated_revision__rendered")
        .annotate(
            generation_id=Subquery(latest.values("pk")[:1]),
            generation_state=Subquery(latest.values("state")[:1]),
            proposal_id=Subquery(waiting.values("pk")[:1]),
        )
    )


def authorship_text(sheet: Sheet) -> str:
    """Return who wrote, modified and validated the text that is shown."""
    if sheet.current is None:
        return ""
    return authorship_line(authorship_of(sheet, sheet.current), sheet)


def imported_validation(sheet: Sheet) -> str:
    """Return who validated an unvalidated sheet in the wiki that it was imported from, or ""."""
    if sheet.validated_revision_id is not None or sheet.state == Sheet.State.DRAFT:
        return ""
    event = SheetEvent.objects.latest_of(sheet, SheetEvent.Kind.IMPORTED)
    return event.sentence(named=True) if event else ""


def former_titles(sheet: Sheet) -> list[str]:
    """Return the distinct former titles of the sheet, latest first."""
    titles = sheet.redirects.values_list("title", flat=True)
    return [title for title in dict.fromkeys(titles) if title != sheet.title]


@require_safe
def revision_detail(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Show one version of a sheet."""
    found = shown_sheet(request, readable_sheets(request).select_related("current"), slug)
    shown = get_object_or_404(
        shown_revisions(found).select_related("author", "generation"), number=number
    )
    shown.sheet = found
    context = {"sheet": found, "revision": shown, "text": localize_text(shown, request.user)}
    return render(request, "sheets/revision.html", context)
