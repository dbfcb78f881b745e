"""The page on which a new sheet is made from another one."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from sheets.actions.copies import copy_sheet
from sheets.forms.wiki import CopyForm, title_error
from sheets.views.reading import requested_sheet
from wikico2.accounts.decorators import requires
from wikico2.errors import UserError
from wikico2.models import User


@never_cache
@requires("sheet.create")
def sheet_copy(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for the title of a new sheet with the plan or the text of this one, and make it."""
    sheet = requested_sheet(request, slug)
    form = CopyForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            copy = copy_sheet(
                sheet,
                form.cleaned_data["title"],
                cast("User", request.user),
                with_text=form.cleaned_data["take"] == "text",
            )
        except UserError as error:
            form.add_error("title", title_error(error))
        else:
            messages.success(request, _("The new sheet was created from “%s”.") % sheet.title)
            return redirect("sheet_edit", copy.slug)
    context = {"sheet": sheet, "form": form}
    return render(request, "sheets/copy.html", context, status=422 if form.errors else 200)
