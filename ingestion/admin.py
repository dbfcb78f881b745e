"""The admin of sources: view, edit the metadata and access, retry, delete."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ingestion.forms import DESCRIBED, SynonymsForm
from ingestion.models import Chunk, Document, ImportedFile, Page, SourceImport, Synonyms, Vector
from ingestion.pipeline.edit_details import save_description
from ingestion.pipeline.run import remove_document, retry_document
from wikico2.parameters import whole_number


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows that only the program writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SourceSelect(AutocompleteSelect):
    """The choice of a source, shown again with none where what was sent is no number."""

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        known = [one for one in value if not one or whole_number(str(one)) is not None]
        return super().optgroups(name, known, attrs)


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin[Document]):
    list_display = [
        "title",
        "state",
        "percent",
        "page_count",
        "access",
        "uploaded_by",
        "created_at",
    ]
    list_filter = ["state", "access", "language"]
    list_select_related = ["uploaded_by"]
    search_fields = ["title", "filename", "author", "sha256"]
    date_hierarchy = "created_at"
    actions = ["retry"]
    autocomplete_fields = ["supersedes"]
    readonly_fields = [
        "filename",
        "file",
        "size",
        "sha256",
        "page_count",
        "uploaded_by",
        "created_at",
        "state",
        "error",
        "indexed_with",
        "ready_at",
    ]
    fields = [*DESCRIBED, *readonly_fields]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **rest: Any) -> Any:
        if db_field.name == "supersedes":
            rest["widget"] = SourceSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **rest)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # files are added by the upload view, which checks them

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        """Return the sources to delete, without listing their many pages and passages."""
        names = [str(document) for document in objs]
        return names, {Document._meta.verbose_name_plural: len(names)}, set(), []

    def save_model(self, request: HttpRequest, obj: Document, form: Any, change: bool) -> None:
        save_description(obj, form.changed_data)

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        remove_document(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        for document in queryset:
            remove_document(document)

    @admin.display(description=_("error"))
    def error(self, document: Document) -> str:
        return document.error

    @admin.action(description=_("Read the selected sources again"))
    def retry(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        count = sum(retry_document(document) for document in queryset)
        message = ngettext(
            "%(count)d source will be read again.", "%(count)d sources will be read again.", count
        )
        self.message_user(request, message % {"count": count}, messages.SUCCESS)


class ImportedFileInline(admin.TabularInline[ImportedFile, SourceImport]):
    model = ImportedFile
    extra = 0
    can_delete = False
    fields = ("position", "name", "size", "document", "error")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("error"))
    def error(self, item: ImportedFile) -> str:
        return item.error


@admin.register(SourceImport)
class SourceImportAdmin(ReadOnlyAdmin):
    list_display = ["name", "state", "given_by", "created_at"]
    search_fields = ["name", "url"]
    inlines = [ImportedFileInline]


@admin.register(Page)
class PageAdmin(ReadOnlyAdmin):
    list_display = ["document", "number"]
    list_select_related = ["document"]
    search_fields = ["document__title"]
    show_full_result_count = False
    exclude = ["blocks"]


@admin.register(Chunk)
class ChunkAdmin(ReadOnlyAdmin):
    list_display = ["document", "position", "page_start", "page_end", "kind"]
    list_filter = ["kind"]
    list_select_related = ["document"]
    search_fields = ["document__title"]
    show_full_result_count = False
    exclude = ["search"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("search")


@admin.register(Vector)
class VectorAdmin(ReadOnlyAdmin):
    list_display = ["content_hash", "model", "created_at"]
    list_filter = ["model"]
    search_fields = ["content_hash"]
    show_full_result_count = False
    fields = ["content_hash", "model", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("data")


@admin.register(Synonyms)
class SynonymsAdmin(admin.ModelAdmin[Synonyms]):
    form = SynonymsForm
    list_display = ["__str__", "note", "updated_at"]
    search_fields = ["terms", "note"]
    fields = ["terms", "note"]
