"""The admin of sources: view, edit the metadata and access, retry, delete."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ingestion.forms import DESCRIBED, SynonymsForm
from ingestion.models import Chunk, Document, ImportedFile, Page, SourceImport, Synonyms, Vector
from ingestion.pipeline.edit_details import merge_documents, save_description
from ingestion.pipeline.reread import request_rereading
from ingestion.pipeline.run import remove_document, retry_document
from wikico2.admin_site import AdminGroup, GroupedAdmin, ReadOnlyAdmin
from wikico2.parameters import whole_number

MOST_MERGED = 20


class SourceSelect(AutocompleteSelect):
    """The choice of a source, shown again with none where what was sent is no number."""

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        known = [one for one in value if not one or whole_number(str(one)) is not None]
        return super().optgroups(name, known, attrs)


@admin.register(Document)
class DocumentAdmin(GroupedAdmin):
    """Sources by state, with what helps the ones that failed, and the merge of two that are one."""

    group = AdminGroup.CONTENT
    list_display = ["title", "state", "error", "page_count", "access", "uploaded_by", "created_at"]
    list_filter = ["state", "access", "language"]
    show_facets = admin.ShowFacets.ALWAYS
    list_select_related = ["uploaded_by"]
    search_fields = ["title", "filename", "author", "sha256"]
    date_hierarchy = "created_at"
    actions = ["retry", "reread", "merge"]
    autocomplete_fields = ["supersedes"]
    readonly_fields = [
        "places",
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
    fieldsets = [
        (None, {"fields": ["places", *DESCRIBED]}),
        (
            _("Reading"),
            {"fields": ["state", "error", "page_count", "indexed_with", "ready_at"]},
        ),
        (
            _("File"),
            {
                "fields": ["filename", "file", "size", "sha256", "uploaded_by", "created_at"],
                "classes": ["collapse"],
            },
        ),
    ]

    @admin.display(description=_("see"))
    def places(self, document: Document) -> str:
        """Return the links to what belongs to the source."""
        known = f"?document__id__exact={document.pk}"
        found = [
            (document.get_absolute_url(), _("page of the source")),
            (reverse("admin:ingestion_page_changelist") + known, _("pages")),
            (reverse("admin:ingestion_chunk_changelist") + known, _("passages")),
            (f"{reverse('document_add')}?version={document.pk}", _("replace by a new file")),
        ]
        return format_html_join(" · ", '<a href="{}">{}</a>', found)

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
        """Return why the reading failed; what a job waits for is on the page of the source."""
        return "" if document.is_working else document.error

    @admin.action(description=_("Read the selected sources again"))
    def retry(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        count = sum(retry_document(document) for document in queryset)
        message = ngettext(
            "%(count)d source will be read again.", "%(count)d sources will be read again.", count
        )
        self.message_user(request, message % {"count": count}, messages.SUCCESS)

    @admin.action(description=_("Read the files of the selected sources anew"))
    def reread(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        """Queue the reading of ready sources by the present reader; others have their retry."""
        count = request_rereading(queryset)
        left = queryset.count() - count
        self.message_user(request, reread_sentence(count, left), messages.SUCCESS)

    @admin.action(description=_("Merge the selected sources, which are the same document"))
    def merge(self, request: HttpRequest, queryset: QuerySet[Document]) -> Any:
        """Ask which source stays; the others become former versions of it."""
        chosen = list(queryset.order_by("-created_at", "-pk")[: MOST_MERGED + 1])
        if not 2 <= len(chosen) <= MOST_MERGED:
            sentence = _("Choose two to %(most)d sources to merge.") % {"most": MOST_MERGED}
            self.message_user(request, sentence, messages.WARNING)
            return None
        asked = whole_number(request.POST.get("kept", ""))
        target = next((one for one in chosen if one.pk == asked), None)
        if target is not None:
            others = [one for one in chosen if one.pk != target.pk]
            merged = merge_documents(target, others)
            self.log_change(request, target, f"merge: {[one.pk for one in merged]}")
            sentence = ngettext(
                "%(count)d source is now a former version of “%(title)s”: its citations still "
                "lead to its pages, and its sheets are told of the newer one.",
                "%(count)d sources are now former versions of “%(title)s”: their citations still "
                "lead to their pages, and their sheets are told of the newer one.",
                len(merged),
            )
            values = {"count": len(merged), "title": target.title}
            self.message_user(request, sentence % values, messages.SUCCESS)
            if left := [str(one) for one in others if one not in merged]:
                told = _("Left as they are, since they are versions of it already: %(titles)s.")
                self.message_user(request, told % {"titles": ", ".join(left)}, messages.INFO)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Merge sources"),
            "opts": self.opts,
            "rows": chosen,
        }
        return TemplateResponse(request, "admin/ingestion/document/merge.html", context)


def reread_sentence(count: int, left: int) -> str:
    """Return what was queued, and what was left since it is not ready."""
    said = ngettext(
        "%(count)d source will be read anew.", "%(count)d sources will be read anew.", count
    ) % {"count": count}
    if left:
        said += " " + ngettext(
            "%(left)d was left: it is not ready.", "%(left)d were left: they are not ready.", left
        ) % {"left": left}
    return said


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
    group = None  # reached from its source
    list_display = ["document", "number"]
    list_select_related = ["document"]
    search_fields = ["document__title"]
    show_full_result_count = False
    exclude = ["blocks"]


@admin.register(Chunk)
class ChunkAdmin(ReadOnlyAdmin):
    group = None  # reached from its source
    list_display = ["document", "position", "page_start", "page_end", "kind"]
    list_filter = ["kind"]
    list_select_related = ["document"]
    search_fields = ["document__title"]
    show_full_result_count = False
    fields = ["document", "position", "page_start", "page_end", "kind", "headings", "text"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("search")


@admin.register(Vector)
class VectorAdmin(ReadOnlyAdmin):
    group = None  # nobody looks for numbers
    list_display = ["content_hash", "model", "created_at"]
    list_filter = ["model"]
    search_fields = ["content_hash"]
    show_full_result_count = False
    fields = ["content_hash", "model", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("data")


@admin.register(Synonyms)
class SynonymsAdmin(GroupedAdmin):
    group = AdminGroup.VOCABULARY
    form = SynonymsForm
    list_display = ["__str__", "note", "updated_at"]
    search_fields = ["terms", "note"]
    fields = ["terms", "note"]
