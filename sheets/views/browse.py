"""Finding a sheet: the home page and the list."""

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ingestion.models import Document
from sheets import facets
from sheets.forms import NarrowingForm
from sheets.models import Generation, Sheet, SheetType
from sheets.named import named_to
from sheets.progress import with_progress

PER_PAGE = 25
SHOWN_AT_HOME = 6


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show where to start: search, what is new, what needs a person."""
    sheets = Sheet.objects.listed_for(request.user)
    kinds = SheetType.objects.annotate(
        count=Count("sheets", filter=Q(sheets__in=sheets.order_by().values("pk")))
    ).order_by("order", "key")
    written = sheets.filter(current__isnull=False).select_related("sheet_type")
    unfinished = Q(state__in=(Sheet.State.DRAFT, Sheet.State.REVIEW)) | Q(completeness__lt=80)
    unfinished |= ~Q(stale_reasons=[])
    context = {
        "kinds": kinds,
        "sheet_count": sum(kind.count for kind in kinds),
        "writing": with_progress(
            Generation.objects.in_progress().filter(sheet__in=sheets.order_by().values("pk"))
        )[:SHOWN_AT_HOME],
        "recent": written.order_by("-updated_at")[:SHOWN_AT_HOME],
        "to_do": written.filter(unfinished).order_by("completeness", "title")[:SHOWN_AT_HOME],
        "documents": Document.objects.aggregate(
            total=Count("pk"), ready=Count("pk", filter=Q(state=Document.State.READY))
        ),
    }
    return render(request, "sheets/home.html", context)


@require_safe
def sheet_list(request: HttpRequest) -> HttpResponse:
    """List the sheets, narrowed by the address."""
    sheets = Sheet.objects.listed_for(request.user)
    wish = NarrowingForm(request.GET).wish()
    page = Paginator(facets.listed(sheets, wish), PER_PAGE).get_page(request.GET.get("page"))
    types = facets.type_choices(sheets, wish)
    states, freshness = facets.state_choices(sheets, wish)
    context = {
        "wish": wish,
        "page": page,
        "types": types,
        "type_total": sum(choice.count for choice in types),
        "states": states,
        "freshness": freshness,
        "sources": facets.source_choices(sheets, wish, named_to(request.user)),
        "orders": facets.ORDERS,
        "narrowed": bool(wish.q or wish.type or wish.state or wish.source or wish.stale),
        "drafts_hidden": not settings.SHOW_DRAFTS and not request.user.is_authenticated,
    }
    return render(request, "sheets/list.html", context)
