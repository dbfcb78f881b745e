"""The home page and the list of sheets."""

from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef, Q, Subquery, Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ingestion.models import Document
from sheets.generation.progress import with_progress
from sheets.models import Generation, Proposal, Sheet, SheetType, Watch
from sheets.rendering.citation_example import citation_example
from sheets.search.list_filters import (
    filtered_sheets,
    order_facet,
    sheet_facets,
    sheet_filter,
    type_facet,
)
from wikico2.accounts.role_choice import HINTS, RoleChoice
from wikico2.accounts.rules import may

PER_PAGE = 25
SHOWN_AT_HOME = 6
COMPLETE = 80


@require_safe
def home_page(request: HttpRequest) -> HttpResponse:
    """Show the home page: search, recent sheets, sheets that need work."""
    sheets = Sheet.objects.listed_for(request.user)
    kinds = SheetType.objects.annotate(
        count=Count("sheets", filter=Q(sheets__in=sheets.order_by().values("pk"))),
        document_count=Subquery(
            Document.objects.order_by().values(one=Value(1)).annotate(n=Count("pk")).values("n")
        ),
    ).order_by("order", "key")
    written = sheets.filter(current__isnull=False).select_related("sheet_type")
    proposed = Exists(Proposal.objects.waiting().filter(sheet=OuterRef("pk")))
    waiting = Q(state=Sheet.State.REVIEW) | ~Q(stale_reasons=[]) | Q(proposed)
    recent = list(written.order_by("-updated_at")[:SHOWN_AT_HOME])
    sheet_count = sum(kind.count for kind in kinds)
    context = {
        "kinds": kinds,
        "sheet_count": sheet_count,
        "example": citation_example([sheet.revision_id_for(request.user) for sheet in recent]),
        "steps": first_steps(request, sheet_count),
        "writing": with_progress(
            Generation.objects.in_progress().filter(sheet__in=sheets.order_by().values("pk"))
        )[:SHOWN_AT_HOME],
        "recent": recent,
        "to_review": written.filter(waiting).order_by("-updated_at")[:SHOWN_AT_HOME],
        "incomplete": written.filter(completeness__lt=COMPLETE).order_by(
            "completeness", "title", "pk"
        )[:SHOWN_AT_HOME],
        "document_count": next((kind.document_count or 0 for kind in kinds), 0),
    }
    return render(request, "sheets/home.html", context)


def first_steps(request: HttpRequest, sheet_count: int) -> dict[str, bool] | None:
    """Return which of the first steps are done; None if their list is not to be shown.

    It is shown in an empty wiki, and to who may write sheets until somebody has written one from a
    report of their own: the demonstration belongs to nobody.
    """
    if sheet_count and not may(request.user, "sheet.create"):
        return None
    own = Document.objects.filter(uploaded_by__isnull=False)
    if Sheet.objects.filter(documents__in=own).exists():
        return None
    return {"added": own.exists(), "ready": own.filter(state=Document.State.READY).exists()}


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """Explain search, levels, editing and roles."""
    roles = [(role.label, HINTS[role]) for role in RoleChoice]
    return render(request, "sheets/help.html", {"roles": roles})


@require_safe
def sheet_list(request: HttpRequest) -> HttpResponse:
    """List the sheets, filtered by the query string."""
    sheets = Sheet.objects.listed_for(request.user)
    active = sheet_filter(request.user).read(request.GET)
    found = filtered_sheets(sheets, active, request.user)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "active": active,
        "page": page,
        "types": type_facet(sheets, active),
        "orders": order_facet(active),
        "facets": list(sheet_facets(sheets, active, request.user)),
        "facet_chosen": active.without("q", "type").narrows,
        "narrowed": active.narrows,
        "watched": watches_category(request, active["category"]),
        "drafts_hidden": not may(request.user, "draft.read"),
    }
    return render(request, "sheets/list.html", context)


def watches_category(request: HttpRequest, category: str) -> bool:
    """Tell whether the reader watches this category."""
    if not category or not may(request.user, "watch.set"):
        return False
    return Watch.objects.filter(user=request.user.pk, category=category).exists()
