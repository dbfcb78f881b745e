"""Views of links between sheets: resolve a title, list missing titles, rename a sheet."""

from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from sheets.forms.wiki import RenameForm, title_error
from sheets.links.rename import rename_sheet
from sheets.links.wikilinks import fold_sheet_title, resolve_titles, wanted_titles, with_sources
from sheets.models import Link
from sheets.search import suggest_completions
from sheets.views.reading import requested_sheet
from wikico2.accounts.decorators import requires
from wikico2.errors import UserError
from wikico2.models import User

PER_PAGE = 50
NEAR = 5


@require_safe
def sheet_called(request: HttpRequest) -> HttpResponse:
    """Redirect to the sheet of a title; for a missing one, offer to create it (404)."""
    title = " ".join(request.GET.get("titre", "").replace("\x00", "").split())[:200]
    found = resolve_titles([title], request.user)
    if found:
        return redirect(next(iter(found.values())))
    links = Link.objects.shown_to(request.user).filter(folded=fold_sheet_title(title))
    context = {
        "title": title,
        "sources": [link.source for link in links.select_related("source")],
        "near": suggest_titles(title, request.user),
    }
    return render(request, "sheets/called.html", context, status=404)


def suggest_titles(title: str, user: Any) -> list[Any]:
    """Return the search suggestions for the title, sheets only."""
    return (
        [one for one in suggest_completions(title, user) if one.kind == "sheet"][:NEAR]
        if title
        else []
    )


@require_safe
def wanted_titles_list(request: HttpRequest) -> HttpResponse:
    """List the titles that sheets link to and that no sheet has."""
    page = Paginator(wanted_titles(request.user), PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "wanted": with_sources(page, request.user)}
    return render(request, "sheets/wanted.html", context)


@requires("sheet.rename")
def sheet_rename(request: HttpRequest, slug: str) -> HttpResponse:
    """Rename a sheet; its former address and the links to it still work."""
    sheet = requested_sheet(request, slug)
    form = RenameForm(request.POST or None, sheet=sheet)
    if request.method == "POST" and form.is_valid():
        try:
            renamed = rename_sheet(sheet, form.cleaned_data["title"], cast("User", request.user))
        except UserError as error:
            form.add_error("title", title_error(error))
        else:
            messages.success(request, _("The sheet was renamed. The old title redirects to it."))
            return redirect(renamed)
    context = {"sheet": sheet, "form": form}
    return render(request, "sheets/rename.html", context, status=422 if form.errors else 200)
