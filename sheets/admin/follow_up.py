"""What was written, proposed and spent: read-only lists."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from sheets.models import Citation, Generation, Proposal, Revision, SectionRun, Spending
from wikico2.admin_site import ReadOnlyAdmin, ReadOnlyMixin


class SectionRunInline(ReadOnlyMixin, admin.TabularInline[SectionRun, Generation]):
    model = SectionRun
    extra = 0
    fields = ["order", "key", "state", "tokens_in", "tokens_out", "cost", "seconds", "error"]
    readonly_fields = ["error"]


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    list_display = ["sheet", "number", "origin", "author", "created_at"]
    list_filter = ["origin"]
    fields = ["sheet", "number", "origin", "author", "comment", "minor", "created_at", "body"]
    list_select_related = ["sheet", "author"]
    search_fields = ["sheet__title"]


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    list_display = [
        "sheet", "state", "backend", "model", "prompt_version", "tokens_in", "tokens_out", "cost",
        "created_at",
    ]  # fmt: skip
    list_filter = ["state", "backend"]
    list_select_related = ["sheet"]
    search_fields = ["sheet__title"]
    fields = [
        "sheet", "state", "error", "backend", "model", "prompt_version", "tokens_in", "tokens_out",
        "cost", "seconds", "requested_by", "created_at",
    ]  # fmt: skip
    readonly_fields = ["error"]
    inlines = [SectionRunInline]


@admin.register(Citation)
class CitationAdmin(ReadOnlyAdmin):
    list_display = ["revision", "marker", "document", "page", "level"]
    list_filter = ["level"]
    list_select_related = ["revision", "document"]
    search_fields = ["revision__sheet__title", "quote"]
    fields = ["revision", "marker", "document", "page", "quote", "level", "sentences"]
    readonly_fields = ["sentences"]
    show_full_result_count = False

    @admin.display(description=_("reasons"))
    def sentences(self, citation: Citation) -> str:
        return " ".join(citation.reason_sentences)


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    list_display = ["sheet", "state", "author", "created_at"]
    list_filter = ["state"]
    list_select_related = ["sheet", "author"]
    search_fields = ["sheet__title", "remark"]
    fields = [
        "sheet", "state", "author", "signed", "remark", "body", "created_at",
        "decided_by", "decided_at", "reason",
    ]  # fmt: skip


@admin.register(Spending)
class SpendingAdmin(ReadOnlyAdmin):
    list_display = ["day", "model", "calls", "tokens_in", "tokens_out", "cost"]
    list_filter = ["model"]
    fields = ["day", "model", "calls", "tokens_in", "tokens_out", "cost"]
    date_hierarchy = "day"
