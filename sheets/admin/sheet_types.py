"""Sheet types in the administration: their outline on one page, an empty sheet, a trial."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sheets.actions.sheet_types import move_row, place_last
from sheets.forms.templates import FieldForm, SectionForm, SectionTrialForm, SheetTypeForm
from sheets.generation.prompt_trial import run_trial
from sheets.markdown.compose import compose_sheet
from sheets.models import Field, Section, SheetType
from sheets.models.schema_loader import load_template
from sheets.rendering.html import render_sheet
from sheets.rendering.labels import reader_language
from sheets.writers.registry import get_writer
from wikico2.admin_site import AdminGroup, GroupedAdmin
from wikico2.parameters import LARGEST_NUMBER, whole_number

ROWS: dict[str, type[Section] | type[Field]] = {"section": Section, "field": Field}
STEPS = {"up": -1, "down": 1}


@admin.register(SheetType)
class SheetTypeAdmin(GroupedAdmin):
    """A type with the outline of its sections and fields, in their order."""

    form = SheetTypeForm
    group = AdminGroup.TYPES
    list_display = ["name_fr", "plural_fr", "section_count", "sheet_count", "order"]
    change_form_template = "admin/sheets/sheettype/change_form.html"
    fieldsets = [
        (None, {"fields": [("name_fr", "plural_fr"), ("name_en", "plural_en"), ("key", "order")]}),
        (
            gettext_lazy("Descriptions"),
            {"fields": ["description_fr", "description_en"], "classes": ["collapse"]},
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        counts = {
            "section_total": Count("sections", distinct=True),
            "sheet_total": Count("sheets", distinct=True),
        }
        return super().get_queryset(request).annotate(**counts)

    @admin.display(description=gettext_lazy("sections"), ordering="section_total")
    def section_count(self, kind: Any) -> int:
        return int(kind.section_total)

    @admin.display(description=gettext_lazy("sheets"), ordering="sheet_total")
    def sheet_count(self, kind: Any) -> int:
        return int(kind.sheet_total)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("key",) if obj else ()

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        """Lead to the page of the new type, where its sections are added."""
        messages.success(request, _("The type was added. Give it its sections now."))
        return redirect("admin:sheets_sheettype_change", obj.pk)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        pk = whole_number(object_id, LARGEST_NUMBER)
        sections = Section.objects.filter(sheet_type=pk).order_by("order")
        extra = {"outline": sections.prefetch_related("fields"), "kind_id": pk}
        return super().change_view(
            request, object_id, form_url, extra_context={**(extra_context or {}), **extra}
        )

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/order/", wrap(self.reorder), name="sheets_sheettype_order"),
            path("<int:pk>/empty/", wrap(self.empty_sheet), name="sheets_sheettype_empty"),
            path("<int:pk>/trial/", wrap(self.trial), name="sheets_sheettype_trial"),
            *super().get_urls(),
        ]

    def reorder(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Move a section, or a field within its section, one place up or down."""
        kind = get_object_or_404(SheetType, pk=pk)
        if not self.has_change_permission(request, kind):
            return HttpResponse(status=403)
        what, _colon, rest = request.POST.get("move", "").partition(":")
        number, _colon, step = rest.partition(":")
        row_id = whole_number(number, LARGEST_NUMBER)
        if request.method == "POST" and what in ROWS and step in STEPS and row_id:
            row = ROWS[what].objects.filter(pk=row_id).first()
            if row is not None and row.sheet_type_id == kind.pk:
                move_row(row, STEPS[step])
        return redirect(outline_address(pk))

    def empty_sheet(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show a sheet of the type as it is before anything is written."""
        kind = get_object_or_404(SheetType, pk=pk)
        if not self.has_view_permission(request, kind):
            return HttpResponse(status=403)
        template = load_template(kind)
        body, header = compose_sheet(template, {}, {})
        values = [(s, f) for s in template.written if s.role == "header" for f in s.fields]
        context = {
            **self.admin_site.each_context(request),
            "title": _("An empty sheet"),
            "subtitle": kind.name,
            "opts": self.opts,
            "kind": kind,
            "page": render_sheet(body, header, template, {}, reader_language()),
            "values": [field for _section, field in values],
        }
        return TemplateResponse(request, "admin/sheets/sheettype/empty.html", context)

    def trial(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Try one section on the sources of a sheet; what the writer answers is not saved."""
        kind = get_object_or_404(SheetType, pk=pk)
        if not self.has_change_permission(request, kind):
            return HttpResponse(status=403)
        asked = request.POST if request.method == "POST" else None
        form = SectionTrialForm(kind, asked, initial={"section": request.GET.get("section", "")})
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Try a section"),
            "subtitle": kind.name,
            "opts": self.opts,
            "kind": kind,
            "form": form,
        }
        if form.is_valid():
            writer = get_writer(load_template(kind))
            brief = form.briefs[form.cleaned_data["section"]]
            ask = "ask" in request.POST or writer.backend != "openai"
            context["trial"] = run_trial(writer, form.cleaned_data["sheet"], brief, ask=ask)
            context["calls_model"] = writer.backend == "openai"
        return TemplateResponse(request, "admin/sheets/sheettype/trial.html", context)


class OutlineRowAdmin(GroupedAdmin):
    """A row of the outline: it has no list of its own, and is placed on the page of its type.

    `parent` is the foreign key to the row that it belongs to.
    """

    group = None
    parent = ""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("key",) if obj else ()  # what was written is stored under it

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else {"key": ("heading_fr",)}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **rest: Any) -> Any:
        if db_field.name == self.parent:
            rest["widget"] = forms.HiddenInput()
        return super().formfield_for_foreignkey(db_field, request, **rest)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **rest: Any) -> Any:
        found = super().formfield_for_dbfield(db_field, request, **rest)
        if db_field.name == self.parent and found is not None:
            found.widget = forms.HiddenInput()  # without the links to add or change one
        return found

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save a row; a new one comes last."""
        if not change:
            place_last(obj)
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        return self._to_outline(request, obj, _("“%(row)s” was added."))

    def response_change(self, request: HttpRequest, obj: Any) -> Any:
        return self._to_outline(request, obj, _("“%(row)s” was changed."))

    def _to_outline(self, request: HttpRequest, obj: Any, said: str) -> HttpResponse:
        messages.success(request, said % {"row": obj.heading_fr})
        return redirect(outline_address(obj.sheet_type_id))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the form with one way to save it, which leads back to the outline."""
        one_way = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), **one_way}
        )

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Ask, delete, and lead back to the outline."""
        row = self.get_object(request, object_id)
        response = super().delete_view(request, object_id, extra_context)
        if row is not None and request.method == "POST" and response.status_code == 302:
            return redirect(outline_address(row.sheet_type_id))
        return response


@admin.register(Section)
class SectionAdmin(OutlineRowAdmin):
    form = SectionForm
    parent = "sheet_type"
    list_display = ["heading_fr", "sheet_type", "order", "role"]
    list_filter = ["sheet_type", "role"]
    list_select_related = ["sheet_type"]


@admin.register(Field)
class FieldAdmin(OutlineRowAdmin):
    form = FieldForm
    parent = "section"
    list_display = ["heading_fr", "section", "order", "shape"]
    list_filter = ["section__sheet_type", "shape"]
    list_select_related = ["section__sheet_type"]
    fieldsets = [
        (None, {"fields": ["section", ("heading_fr", "heading_en"), "question", "instruction"]}),
        (
            gettext_lazy("Form of the answer"),
            {"fields": ["shape", ("columns", "columns_en"), "choices", "key"]},
        ),
    ]


def outline_address(kind_id: int) -> str:
    return f"{reverse('admin:sheets_sheettype_change', args=[kind_id])}#outline"
