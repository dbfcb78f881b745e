"""The workshop: one place for those who curate, with lists on which they act."""

from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ingestion.models import Document
from ingestion.views.listing import SORTS, SOURCE_FILTER, source_facets
from sheets.curation.bulk import KINDS, STATE_CHANGES, request_bulk_action
from sheets.curation.queues import QUEUES, desk_figures, queue_counts, written_sheets
from sheets.forms.workshop import (
    STATE_CHOICES,
    SavedViewForm,
    SelectionForm,
    SheetSelectionForm,
    SourceSelectionForm,
)
from sheets.models import BulkAction, SavedView, Sheet, VocabularyTerm
from sheets.search.list_filters import SHEET_FILTER, filtered_sheets, order_facet, sheet_facets
from wikico2.accounts.decorators import requires
from wikico2.accounts.rules import may
from wikico2.errors import UserError
from wikico2.filters import Filter, FilterField, read_choice, read_match
from wikico2.jobs.queue import restart_job, stop_job
from wikico2.models import User
from wikico2.parameters import return_address

PER_PAGE = 50
CATEGORIES_OFFERED = 200


def _in_queue(key: str) -> Q:
    return QUEUES[key].condition()


def _in_charge(pk: str) -> Q:
    return Q(responsible=int(pk))


WORKSHOP_FILTER = Filter(
    (
        *SHEET_FILTER.fields,
        FilterField("queue", read_choice(QUEUES), _in_queue),
        FilterField("responsible", read_match(r"[1-9][0-9]{0,17}"), _in_charge),
    )
)


@never_cache
@require_safe
@requires("workshop.enter")
def desk(request: HttpRequest) -> HttpResponse:
    """Show what waits for those who curate, with counts."""
    return render(request, "sheets/workshop.html", desk_figures(request.user))


# --- Lists ----------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires("workshop.enter")
def workshop_sheets(request: HttpRequest) -> HttpResponse:
    """List sheets to act on; a POST does the action to the ticked ones."""
    active = WORKSHOP_FILTER.read(request.GET)
    archived = active["state"] == Sheet.State.ARCHIVED
    sheets = written_sheets(request.user, archived=archived)
    found = filtered_sheets(sheets, active, request.user).select_related("searched", "responsible")
    form = SheetSelectionForm(request.POST or None)
    if request.method == "POST" and (done := _act(request, form, found)):
        return done
    counts = queue_counts(sheets, request.user)
    categories = VocabularyTerm.objects.filter(kind=VocabularyTerm.Kind.CATEGORY)
    context = {
        **_list_context(request, active, SavedView.Rows.SHEETS, form),
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "queues": [
            (queue, counts[key], active.toggle("queue", key).address(request.path))
            for key, queue in QUEUES.items()
        ],
        "mine": counts["mine"],
        "archived": archived,
        "orders": order_facet(active),
        "facets": list(sheet_facets(sheets, active, request.user)),
        "categories": categories[:CATEGORIES_OFFERED],
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "sheets/workshop_sheets.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires("workshop.enter")
def workshop_sources(request: HttpRequest) -> HttpResponse:
    """List sources to act on; a POST does the action to the ticked ones."""
    active = SOURCE_FILTER.read(request.GET)
    known = Document.objects.readable_by(request.user).matching(active["q"])
    _label, order = SORTS[active["sort"]]
    found = active.apply(known).select_related("uploaded_by").order_by(*order)
    form = SourceSelectionForm(request.POST or None)
    if request.method == "POST" and (done := _act(request, form, found)):
        return done
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    counts = Document.objects.filter(pk__in=[d.pk for d in page]).sheet_counts()
    Document.load_jobs([document for document in page if document.is_working])
    context = {
        **_list_context(request, active, SavedView.Rows.SOURCES, form),
        "page": page,
        "rows": [(document, counts.get(document.pk, 0)) for document in page],
        "facets": list(source_facets(active, known.counted_by("state", "access", "language"))),
        "accesses": Document.Access.choices,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "sheets/workshop_sources.html", context, status=status)


def _list_context(
    request: HttpRequest, active: Filter, rows: str, form: SelectionForm
) -> dict[str, Any]:
    """Return what both lists show: filters, offered actions, saved views."""
    user = cast("User", request.user)
    return {
        "active": active,
        "narrowed": active.narrows,
        "query": active.address().removeprefix("?"),
        "rows_kind": rows,
        "form": form,
        "offered": {action for action in form.actions if may(user, KINDS[action].rule)},
        "states": [
            (key, label) for key, label in STATE_CHOICES if may(user, STATE_CHANGES[key][0])
        ],
        "views": [view for view in user.saved_views.all() if view.rows == rows],
        "most_rows": BulkAction.MOST_ROWS,
    }


def _act(request: HttpRequest, form: SelectionForm, found: Any) -> HttpResponse | None:
    """Do the action of a valid form and lead to its report; None if the form is to be shown."""
    if not form.is_valid():
        return None
    ids = form.chosen(lambda: list(found.values_list("pk", flat=True)[: BulkAction.MOST_ROWS + 1]))
    try:
        done = request_bulk_action(
            form.cleaned_data["do"], ids, cast("User", request.user), form.value
        )
    except UserError as error:
        form.add_error(None, error.sentence)
        return None
    return redirect(done)


# --- Reports --------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires("workshop.enter")
def bulk_action_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what an action has done and left; a POST stops it, or lets it go on."""
    action = get_object_or_404(BulkAction.objects.select_related("asked_by"), pk=pk)
    if request.method == "POST":
        if job := action.job:
            act = restart_job if request.POST.get("do") == "restart" else stop_job
            act(job, cast("User", request.user))
        return redirect(action)
    on_sources = KINDS[action.action].on_sources if action.action in KINDS else False
    context = {
        "action": action,
        "on_sources": on_sources,
        "back": reverse("workshop_sources" if on_sources else "workshop_sheets"),
        "set_to": value_label(action),
    }
    partial = "_" if request.headers.get("HX-Request") else ""
    return render(request, f"sheets/{partial}bulk_action.html", context)


def value_label(action: BulkAction) -> str:
    """Return what an action sets, in words."""
    if action.action == BulkAction.Action.ACCESS:
        return str(dict(Document.Access.choices).get(action.value, action.value))
    if action.action == BulkAction.Action.STATE:
        return str(dict(STATE_CHOICES).get(action.value, action.value))
    if action.action == BulkAction.Action.RESPONSIBLE:
        person = User.objects.filter(pk=int(action.value or 0)).first()
        return str(person or _("nobody"))
    if action.action == BulkAction.Action.TERM:
        term = VocabularyTerm.objects.filter(pk=int(action.value or 0)).first()
        return term.name if term else ""
    return action.value


@require_safe
@requires("workshop.enter")
def bulk_action_file(request: HttpRequest, pk: int) -> FileResponse:
    """Send the archive of an export."""
    action = get_object_or_404(BulkAction, pk=pk, action=BulkAction.Action.EXPORT)
    try:
        file = action.file.open("rb")
    except (FileNotFoundError, ValueError):  # ValueError: none was written
        raise Http404 from None
    name = (action.file.name or "").rpartition("/")[2]
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")


# --- Saved views ----------------------------------------------------------------------------------


@require_POST
@requires("workshop.enter")
def view_save(request: HttpRequest) -> HttpResponse:
    """Keep a list under a name; one of that name is replaced."""
    user = cast("User", request.user)
    form = SavedViewForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, str(errors[0]))
        return redirect(return_address(request) or "workshop")
    name, rows = form.cleaned_data["name"], form.cleaned_data["rows"]
    known = WORKSHOP_FILTER if rows == SavedView.Rows.SHEETS else SOURCE_FILTER
    query = known.read(QueryDict(form.cleaned_data["query"])).address().removeprefix("?")
    others = user.saved_views.exclude(name=name)
    if others.count() >= SavedView.MOST:
        sentence = _("You have %(n)d saved views already. Remove one first.")
        messages.error(request, sentence % {"n": SavedView.MOST})
        return redirect(return_address(request) or "workshop")
    values = {"rows": rows, "query": query[:1_000]}
    view, _new = user.saved_views.update_or_create(name=name, defaults=values)
    messages.success(request, _("The view “%(name)s” was saved.") % {"name": name})
    return redirect(view)


@require_POST
@requires("workshop.enter")
def view_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a view of one's own."""
    view = get_object_or_404(cast("User", request.user).saved_views, pk=pk)
    view.delete()
    messages.success(request, _("The view “%(name)s” was removed.") % {"name": view.name})
    return redirect(return_address(request) or "workshop")
