"""The administration of the wiki: sheet types are edited here, the rest is mostly looked at."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from sheets.models import (
    Citation,
    Field,
    Generation,
    Proposal,
    Revision,
    Section,
    SectionRun,
    Sheet,
    SheetType,
)


class ReadOnly:
    """For rows that only the program writes."""

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


class SectionRunInline(ReadOnly, admin.TabularInline[SectionRun, Generation]):
    model = SectionRun
    extra = 0
    fields = ["order", "key", "state", "tokens_in", "tokens_out", "seconds", "error"]
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


@admin.register(Sheet)
class SheetAdmin(admin.ModelAdmin[Sheet]):
    list_display = ["title", "sheet_type", "state", "completeness", "confidence", "updated_at"]
    list_filter = ["sheet_type", "state"]
    list_select_related = ["sheet_type"]
    search_fields = ["title"]
    raw_id_fields = ["documents"]
    fields = ["sheet_type", "title", "slug", "state", "documents"]
    readonly_fields = ["slug"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a sheet begins with its sources, on the site

    def get_readonly_fields(self, request: HttpRequest, obj: Sheet | None = None) -> list[str]:
        """Leave the state to those who may publish."""
        publishes = request.user.has_perm("sheets.publish_sheet")
        return self.readonly_fields if publishes else [*self.readonly_fields, "state"]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Let the right to delete a sheet be the right to delete its history."""
        deleted, counts, needed, protected = super().get_deleted_objects(objs, request)
        allowed = self.has_delete_permission(request)
        return deleted, counts, set() if allowed else needed, protected


@admin.register(Revision)
class RevisionAdmin(ReadOnly, admin.ModelAdmin[Revision]):
    list_display = ["sheet", "number", "origin", "author", "created_at"]
    list_filter = ["origin"]
    list_select_related = ["sheet", "author"]
    search_fields = ["sheet__title"]


@admin.register(Generation)
class GenerationAdmin(ReadOnly, admin.ModelAdmin[Generation]):
    list_display = ["sheet", "state", "backend", "model", "tokens_in", "tokens_out", "created_at"]
    list_filter = ["state", "backend"]
    list_select_related = ["sheet"]
    inlines = [SectionRunInline]


@admin.register(Citation)
class CitationAdmin(ReadOnly, admin.ModelAdmin[Citation]):
    list_display = ["revision", "marker", "document", "page", "verdict"]
    list_filter = ["verdict"]
    list_select_related = ["revision", "document"]
    show_full_result_count = False


@admin.register(Proposal)
class ProposalAdmin(ReadOnly, admin.ModelAdmin[Proposal]):
    list_display = ["sheet", "state", "author", "created_at"]
    list_filter = ["state"]
    list_select_related = ["sheet", "author"]
