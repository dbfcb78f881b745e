"""Categories, systems and sectors in the administration: renamed and merged with their sheets."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import Count
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from sheets.curation.terms import merge_terms, rename_term
from sheets.models import BulkAction, VocabularyTerm
from wikico2.admin_site import AdminGroup, GroupedAdmin
from wikico2.errors import UserError
from wikico2.models import User
from wikico2.parameters import whole_number
from wikico2.text.normalize import fold_text, visible_line

MOST_MERGED = 50
SHEETS_LISTED = 100


class VocabularyTermForm(forms.ModelForm[VocabularyTerm]):
    """The name of a term; it must not be that of another one of its kind."""

    class Meta:
        model = VocabularyTerm
        fields = ("kind", "name")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        kind = values.get("kind") or self.instance.kind
        folded = fold_text(visible_line(values.get("name") or ""))[:250]
        if values.get("name") and not folded:
            self.add_error("name", UserError("term_empty").sentence)
        others = VocabularyTerm.objects.meaning(kind, [folded]).exclude(pk=self.instance.pk)
        if folded and (other := others.first()):
            self.add_error("name", UserError("term_taken", name=other.name).sentence)
        return values


@admin.register(VocabularyTerm)
class VocabularyTermAdmin(GroupedAdmin):
    """Terms with the number of their sheets; a new name is written into them."""

    group = AdminGroup.VOCABULARY
    form = VocabularyTermForm
    list_display = ["name", "kind", "sheet_count", "former_names"]
    list_filter = ["kind"]
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ["name", "folded"]
    actions = ["merge"]
    fields = ["kind", "name", "former_names", "borne_by"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(sheet_total=Count("sheets"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("kind", "former_names", "borne_by") if obj else ("former_names", "borne_by")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow deleting what no sheet bears: the others would come back with the next version."""
        unused = obj is None or not getattr(obj, "sheet_total", 0)
        return bool(super().has_delete_permission(request, obj) and unused)

    def get_actions(self, request: HttpRequest) -> Any:
        """Leave out deleting several: some of them may have sheets."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.display(description=gettext_lazy("sheets"), ordering="sheet_total")
    def sheet_count(self, term: Any) -> int:
        return int(term.sheet_total)

    @admin.display(description=gettext_lazy("former names"))
    def former_names(self, term: VocabularyTerm) -> str:
        return ", ".join(term.former)

    @admin.display(description=gettext_lazy("sheets"))
    def borne_by(self, term: VocabularyTerm) -> str:
        """Return links to the sheets that bear the term."""
        if term.pk is None:
            return ""
        sheets = term.sheets.order_by("title")[:SHEETS_LISTED]
        return format_html_join(
            " · ", '<a href="{}">{}</a>', ((s.get_absolute_url(), s) for s in sheets)
        )

    def save_model(
        self, request: HttpRequest, obj: VocabularyTerm, form: Any, change: bool
    ) -> None:
        """Save a new term, or rename one together with its sheets."""
        if not change:
            super().save_model(request, obj, form, change)
        elif "name" in form.changed_data:
            term = VocabularyTerm.objects.get(pk=obj.pk)
            done = rename_term(term, form.cleaned_data["name"], cast("User", request.user))
            self._tell(request, done)

    def _tell(self, request: HttpRequest, done: BulkAction | None) -> None:
        """Say in how many sheets the name is changed, with the report of that action."""
        if done is None:
            return
        if done.waiting:
            said = _("The name is being changed in the sheets.")
        else:
            count = len(done.treated)
            said = ngettext(
                "The name was changed in %(n)d sheet.",
                "The name was changed in %(n)d sheets.",
                count,
            ) % {"n": count}
        link = format_html(
            '{} <a href="{}">{}</a>', said, reverse("bulk_action", args=[done.pk]), _("Report")
        )
        messages.info(request, link)

    @admin.action(
        description=gettext_lazy("Merge the selected terms into one"), permissions=["change"]
    )
    def merge(self, request: HttpRequest, queryset: Any) -> Any:
        """Ask which name stays; the others become former names of it, also in their sheets."""
        chosen = list(queryset.order_by("-sheet_total", "folded")[: MOST_MERGED + 1])
        kinds = {term.kind for term in chosen}
        if not 2 <= len(chosen) <= MOST_MERGED or len(kinds) > 1:
            sentence = _("Choose two to %(most)d terms of one kind to merge.")
            self.message_user(request, sentence % {"most": MOST_MERGED}, messages.WARNING)
            return None
        kept = whole_number(request.POST.get("kept", ""))
        target = next((term for term in chosen if term.pk == kept), None)
        if target is not None:
            others = [term for term in chosen if term.pk != target.pk]
            done = merge_terms(target, others, cast("User", request.user))
            names = ", ".join(term.name for term in others)
            self.log_change(request, target, f"merge: {names}")
            values = {"name": target.name, "names": names}
            said = _("“%(name)s” now stands for: %(names)s.") % values
            self.message_user(request, said, messages.SUCCESS)
            self._tell(request, done)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Merge terms"),
            "opts": self.opts,
            "rows": chosen,
        }
        return TemplateResponse(request, "admin/sheets/vocabularyterm/merge.html", context)
