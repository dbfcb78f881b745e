"""Sheets in the administration; they are created, written and deleted with their history."""

import re
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from sheets.actions.states import delete_sheet
from sheets.forms.wiki import free_title
from sheets.links.rename import rename_sheet
from sheets.models import Sheet, SheetRedirect
from wikico2.admin_site import AdminGroup, GroupedAdmin
from wikico2.errors import UserError
from wikico2.models import User

NUMBERED = re.compile(r" \(\d+\)")
MOST_TITLES = 20


class SheetAdminForm(forms.ModelForm[Sheet]):
    """The fields of a sheet; its title is checked as on the site."""

    def clean_title(self) -> str:
        return free_title(str(self.cleaned_data["title"]), self.instance)


@admin.register(Sheet)
class SheetAdmin(GroupedAdmin):
    group = AdminGroup.CONTENT
    form = SheetAdminForm
    list_display = ["title", "sheet_type", "state", "responsible", "completeness", "updated_at"]
    list_filter = ["sheet_type", "state"]
    list_select_related = ["sheet_type", "responsible"]
    search_fields = ["title"]
    fields = [
        "sheet_type", "title", "slug", "state", "responsible", "review_on", "validated_by",
        "validated_at", "documents", "places",
    ]  # fmt: skip
    readonly_fields = [
        "sheet_type", "slug", "state", "responsible", "review_on", "validated_by", "validated_at",
        "documents", "places",
    ]  # fmt: skip

    @admin.display(description=gettext_lazy("change on the wiki"))
    def places(self, sheet: Sheet) -> str:
        """Return links to the pages where the rest is changed, with what belongs to it."""
        found = [
            (sheet.get_absolute_url(), _("sheet")),
            (reverse("sheet_state", args=[sheet.slug]), _("state and person in charge")),
            (reverse("sheet_sources", args=[sheet.slug]), _("sources")),
            (reverse("sheet_history", args=[sheet.slug]), _("history")),
        ]
        return format_html_join(" · ", '<a href="{}">{}</a>', found)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # sheets are created on the site, with their sources

    def delete_model(self, request: HttpRequest, obj: Sheet) -> None:
        """Delete a sheet as on the site: it can be brought back for a while."""
        delete_sheet(obj, cast("User", request.user))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Sheet]) -> None:
        for sheet in queryset:
            delete_sheet(sheet, cast("User", request.user))

    def save_model(self, request: HttpRequest, obj: Sheet, form: Any, change: bool) -> None:
        """Save a sheet; the former title and address lead to it, as after a renaming on the site.

        Raises UserError("title_taken") if another sheet has got the title meanwhile.
        """
        if "title" in form.changed_data:
            title, obj.title = obj.title, form.initial["title"]
            renamed = rename_sheet(obj, title, cast("User", request.user))
            obj.title, obj.slug = renamed.title, renamed.slug
        super().save_model(request, obj, form, change)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Show the form; a title that another sheet has got meanwhile is told."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except UserError as error:
            messages.error(request, error.sentence)
            return redirect(request.path)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """List the sheets, and tell which ones got a number because two had one title."""
        numbered = numbered_titles()
        if numbered and request.method == "GET":
            sentence = ngettext(
                "%(n)s sheet had the title of another and was numbered: %(titles)s. Give it a "
                "title of its own, or merge it with the other.",
                "%(n)s sheets had the title of another and were numbered: %(titles)s. Give them "
                "titles of their own, or merge them with the others.",
                len(numbered),
            )
            shown = ", ".join(numbered[:MOST_TITLES]) + (", …" * (len(numbered) > MOST_TITLES))
            messages.warning(request, sentence % {"n": len(numbered), "titles": shown})
        return super().changelist_view(request, extra_context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Allow the history to be deleted by those who may delete the sheet."""
        deleted, counts, needed, protected = super().get_deleted_objects(objs, request)
        allowed = self.has_delete_permission(request)
        return deleted, counts, set() if allowed else needed, protected


def numbered_titles() -> list[str]:
    """Return the titles of the sheets that still have the number given to a title that stood twice.

    The migration `0028_rename_double_titles` gave it, and left the address as it was.
    """
    former = SheetRedirect.objects.filter(
        renamed_by=None, slug=None, sheet__title__startswith=F("title")
    ).values_list("title", "sheet__title")
    return sorted(new for old, new in former if NUMBERED.fullmatch(new.removeprefix(old)))
