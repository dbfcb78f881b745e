"""Admin of the wiki: sheet types and prompts can be edited, the rest is mostly read-only."""

import re
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sheets.forms.wiki import free_title
from sheets.generation.prompt_trial import TrialForm, run_trial
from sheets.links.rename import rename_sheet
from sheets.models import (
    Citation,
    Field,
    Generation,
    Prompt,
    Proposal,
    Revision,
    Section,
    SectionRun,
    Sheet,
    SheetRedirect,
    SheetType,
    Spending,
)
from wikico2.accounts.rules import may
from wikico2.errors import UserError
from wikico2.models import User

NUMBERED = re.compile(r" \(\d+\)")
MOST_TITLES = 20


class ReadOnlyMixin:
    """Refuse adding, changing and deleting rows in the admin."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SectionInline(admin.TabularInline[Section, SheetType]):
    model = Section
    extra = 0
    show_change_link = True


class FieldInline(admin.StackedInline[Field, Section]):
    model = Field
    extra = 0


class SectionRunInline(ReadOnlyMixin, admin.TabularInline[SectionRun, Generation]):
    model = SectionRun
    extra = 0
    fields = ["order", "key", "state", "tokens_in", "tokens_out", "cost", "seconds", "error"]
    readonly_fields = ["error"]


@admin.register(SheetType)
class SheetTypeAdmin(admin.ModelAdmin[SheetType]):
    list_display = ["name_fr", "key", "order"]
    inlines = [SectionInline]


@admin.register(Section)
class SectionAdmin(admin.ModelAdmin[Section]):
    list_display = ["heading_fr", "sheet_type", "order", "role"]
    list_filter = ["sheet_type", "role"]
    list_select_related = ["sheet_type"]
    inlines = [FieldInline]


class SheetAdminForm(forms.ModelForm[Sheet]):
    """The fields of a sheet; its title is checked as on the site."""

    def clean_title(self) -> str:
        return free_title(str(self.cleaned_data["title"]), self.instance)


@admin.register(Sheet)
class SheetAdmin(admin.ModelAdmin[Sheet]):
    form = SheetAdminForm
    list_display = ["title", "sheet_type", "state", "completeness", "confidence", "updated_at"]
    list_filter = ["sheet_type", "state"]
    list_select_related = ["sheet_type"]
    search_fields = ["title"]
    raw_id_fields = ["documents"]
    fields = ["sheet_type", "title", "slug", "state", "documents"]
    readonly_fields = ["slug"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # sheets are created on the site, with their sources

    def get_readonly_fields(self, request: HttpRequest, obj: Sheet | None = None) -> list[str]:
        """Make the state read-only for those who may not publish."""
        publishes = may(request.user, "sheet.publish")
        return self.readonly_fields if publishes else [*self.readonly_fields, "state"]

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


@admin.register(Revision)
class RevisionAdmin(ReadOnlyMixin, admin.ModelAdmin[Revision]):
    list_display = ["sheet", "number", "origin", "author", "created_at"]
    list_filter = ["origin"]
    list_select_related = ["sheet", "author"]
    search_fields = ["sheet__title"]


@admin.register(Generation)
class GenerationAdmin(ReadOnlyMixin, admin.ModelAdmin[Generation]):
    list_display = [
        "sheet", "state", "backend", "model", "prompt_version", "tokens_in", "tokens_out", "cost",
        "created_at",
    ]  # fmt: skip
    list_filter = ["state", "backend"]
    list_select_related = ["sheet"]
    inlines = [SectionRunInline]


@admin.register(Citation)
class CitationAdmin(ReadOnlyMixin, admin.ModelAdmin[Citation]):
    list_display = ["revision", "marker", "document", "page", "level"]
    list_filter = ["level"]
    list_select_related = ["revision", "document"]
    show_full_result_count = False


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyMixin, admin.ModelAdmin[Proposal]):
    list_display = ["sheet", "state", "author", "created_at"]
    list_filter = ["state"]
    list_select_related = ["sheet", "author"]


@admin.register(Prompt)
class PromptAdmin(admin.ModelAdmin[Prompt]):
    """Append-only; a new version can be tried before it is saved."""

    list_display = ["name", "comment", "author", "created_at"]
    list_select_related = ["author"]
    fields = ["system", "request", "repair", "comment"]
    add_form_template = "admin/sheets/prompt/add_form.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        current = Prompt.objects.current()
        return {f: getattr(current, f) for f in ("system", "request", "repair")}

    def save_model(self, request: HttpRequest, obj: Prompt, form: Any, change: bool) -> None:
        obj.author = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.trial)
        return [path("trial/", view, name="sheets_prompt_trial"), *super().get_urls()]

    def trial(self, request: HttpRequest) -> HttpResponse:
        """Show the messages for one section and, on demand, the model's answer."""
        if not self.has_add_permission(request):
            return HttpResponse(status=403)
        form = TrialForm(request.POST)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Try a prompt"),
            "opts": self.opts,
            "form": form,
        }
        if form.is_valid():
            context["trial"] = run_trial(
                form.prompt,
                form.cleaned_data["sheet"],
                form.cleaned_data["brief"],
                ask="ask" in request.POST,
            )
        return TemplateResponse(request, "admin/sheets/prompt/trial.html", context)


@admin.register(Spending)
class SpendingAdmin(ReadOnlyMixin, admin.ModelAdmin[Spending]):
    list_display = ["day", "model", "calls", "tokens_in", "tokens_out", "cost"]
    list_filter = ["model"]
    date_hierarchy = "day"
