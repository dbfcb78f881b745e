"""Views of the life of a sheet: its state, who is in charge, what is due, deleting."""

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sheets.actions.states import (
    archive_sheet,
    assign_sheet,
    belongings_of,
    delete_sheet,
    possible_actions,
    publish_sheet,
    request_changes,
    restore_sheet,
    schedule_review,
    submit_sheet,
    undelete_sheet,
    validate_sheet,
)
from sheets.forms.life import CareForm, StateForm
from sheets.links.wikilinks import list_backlinks
from sheets.models import Sheet
from sheets.views.reading import requested_sheet
from wikico2.accounts.decorators import requires
from wikico2.accounts.rules import may
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.parameters import LARGEST_NUMBER, whole_number

PER_PAGE = 50
DONE = {
    "submit": gettext_noop("The sheet was submitted for validation."),
    "validate": gettext_noop("This version is validated."),
    "request_changes": gettext_noop("Changes were requested. Your comment is in the history."),
    "publish": gettext_noop("The sheet is published."),
    "archive": gettext_noop("The sheet is archived: it is kept, and no longer listed."),
    "restore": gettext_noop("The sheet is back from the archive."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@requires("site.read")
def sheet_state(request: HttpRequest, slug: str) -> HttpResponse:
    """Show where a sheet stands and what happened to it; change its state on POST."""
    sheet = requested_sheet(request, slug)
    form = StateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        action = request.POST.get("do", "")
        if action not in DONE or not may(request.user, f"sheet.{action}", sheet):
            raise PermissionDenied
        if form.is_valid():
            try:
                change_state(request, sheet, action, form.cleaned_data)
            except UserError as error:
                form.add_error(
                    "comment" if error.code == "comment_needed" else None, error.sentence
                )
            else:
                messages.success(request, _(DONE[action]))
                return redirect(sheet)
        sheet.refresh_from_db()
    return state_page(request, sheet, form, status=422 if form.errors else 200)


def change_state(request: HttpRequest, sheet: Sheet, action: str, given: dict[str, Any]) -> None:
    """Run the action; raises UserError where the sheet's state does not allow it."""
    user, comment = cast("User", request.user), given["comment"]
    version = whole_number(request.POST.get("version", ""), LARGEST_NUMBER) or 0
    actions: dict[str, Callable[[], None]] = {
        "submit": lambda: submit_sheet(sheet, user, comment),
        "validate": lambda: validate_sheet(
            sheet, user, version=version, review_on=given["review_on"], comment=comment
        ),
        "request_changes": lambda: request_changes(sheet, user, comment),
        "publish": lambda: publish_sheet(sheet, user, comment),
        "archive": lambda: archive_sheet(sheet, user, comment),
        "restore": lambda: restore_sheet(sheet, user, comment),
    }
    actions[action]()


def state_page(
    request: HttpRequest,
    sheet: Sheet,
    form: StateForm,
    *,
    care: CareForm | None = None,
    status: int,
) -> HttpResponse:
    """Show the state of a sheet, the actions that the reader may take, and its events."""
    events = sheet.events.select_related("actor", "revision", "sheet")
    initial = {"responsible": sheet.responsible_id, "review_on": sheet.review_on}
    context = {
        "sheet": sheet,
        "form": form,
        "care": care or CareForm(initial=initial),
        "actions": [
            name for name in possible_actions(sheet) if may(request.user, f"sheet.{name}", sheet)
        ],
        "may_assign": may(request.user, "sheet.assign", sheet),
        "page": Paginator(events, PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "sheets/state.html", context, status=status)


@require_POST
@requires("sheet.assign")
def sheet_care(request: HttpRequest, slug: str) -> HttpResponse:
    """Set who is in charge of a sheet and, for those who may, when it is to be reviewed."""
    sheet = requested_sheet(request, slug)
    if not may(request.user, "sheet.assign", sheet):
        raise PermissionDenied
    care = CareForm(request.POST)
    if not care.is_valid():
        return state_page(request, sheet, StateForm(), care=care, status=422)
    user = cast("User", request.user)
    assign_sheet(sheet, user, care.cleaned_data["responsible"])
    if may(user, "sheet.schedule_review", sheet):
        schedule_review(sheet, user, care.cleaned_data["review_on"])
    messages.success(request, _("Saved."))
    return redirect("sheet_state", sheet.slug)


@require_safe
@requires("watch.set")
def sheets_due(request: HttpRequest) -> HttpResponse:
    """List the sheets to be validated, and those whose date of review has come."""
    sheets = Sheet.objects.listed_for(request.user).select_related(
        "sheet_type", "responsible", "current", "validated_revision"
    )
    light = sheets.defer("current__body", "current__rendered", "validated_revision__body",
                         "validated_revision__rendered")  # fmt: skip
    if request.GET.get("les") == "miennes":
        light = light.filter(responsible=request.user.pk)
    awaiting = light.awaiting_validation().order_by("updated_at", "pk")
    context = {
        "mine": request.GET.get("les") == "miennes",
        "awaiting": Paginator(awaiting, PER_PAGE).get_page(request.GET.get("page")),
        "due": light.due_for_review(timezone.localdate())[:PER_PAGE],
        "today": timezone.localdate(),
    }
    return render(request, "sheets/due.html", context)


# --- Deleting -------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@requires("sheet.delete")
def sheet_delete(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what goes with a sheet; delete it on POST, for a while only."""
    sheet = requested_sheet(request, slug)
    if request.method == "POST":
        delete_sheet(sheet, cast("User", request.user))
        message = _("The sheet “%(title)s” was deleted. It can be brought back from here.")
        messages.success(request, message % {"title": sheet.title})
        return redirect("deleted_sheets")
    backlinks = list_backlinks(sheet, request.user)
    context = {
        "sheet": sheet,
        "backlinks": backlinks,
        "belongings": belongings_of(sheet, len(backlinks)),
        "days": settings.DELETED_DAYS,
    }
    return render(request, "sheets/delete.html", context)


@require_safe
@requires("sheet.delete")
def deleted_sheets(request: HttpRequest) -> HttpResponse:
    """List the deleted sheets that can still be brought back, the latest first."""
    rows = Sheet.all_sheets.filter(deleted_at__isnull=False).select_related("deleted_by")
    page = Paginator(rows.order_by("-deleted_at", "-pk"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    return render(request, "sheets/deleted.html", {"page": page, "days": settings.DELETED_DAYS})


@require_POST
@requires("sheet.delete")
def sheet_undelete(request: HttpRequest, pk: int) -> HttpResponse:
    """Bring a deleted sheet back."""
    sheet = get_object_or_404(Sheet.all_sheets.filter(deleted_at__isnull=False), pk=pk)
    try:
        undelete_sheet(sheet, cast("User", request.user))
    except UserError as error:
        messages.error(request, error.sentence)
        return redirect("deleted_sheets")
    messages.success(request, _("The sheet is back, with its history."))
    return redirect(sheet)
