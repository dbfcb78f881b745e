"""The prompt in the administration: its versions, what differs, a trial, and restoring one."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import label_for_field
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sheets.generation.prompt_trial import TrialForm, run_trial
from sheets.merge.diff import Piece, word_pieces
from sheets.models import Prompt
from sheets.writers.llm import ModelWriter
from wikico2.admin_site import AdminGroup, GroupedAdmin
from wikico2.models import User
from wikico2.parameters import LARGEST_NUMBER, whole_number

TEXTS = ("system", "request", "repair")
VERSIONS_OFFERED = 200


class TextDifference(NamedTuple):
    """One text of the prompt: its label, its words as same, removed or added."""

    label: str
    pieces: Sequence[Piece]
    changed: bool


@admin.register(Prompt)
class PromptAdmin(GroupedAdmin):
    """Append-only; a new version can be tried before it is saved."""

    group = AdminGroup.TYPES
    list_display = ["version_name", "mode", "comment", "author", "created_at", "used"]
    list_select_related = ["author"]
    fields = ["mode", "system", "request", "repair", "comment"]
    add_form_template = "admin/sheets/prompt/add_form.html"
    change_form_template = "admin/sheets/prompt/version.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(generation_count=Count("generations"))

    @admin.display(description=gettext_lazy("version"), ordering="version")
    def version_name(self, prompt: Prompt) -> str:
        return prompt.name

    @admin.display(description=gettext_lazy("sheets written"), ordering="generation_count")
    def used(self, prompt: Prompt) -> Any:
        """Return how many runs used the version, and whether new ones do."""
        count = getattr(prompt, "generation_count", 0)
        if prompt.version == Prompt.objects.current().version:
            return format_html("{} · <strong>{}</strong>", count, _("current version"))
        return count

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with the current version, or with the one asked for."""
        return content_of(self._asked_version(request) or Prompt.objects.current())

    def _asked_version(self, request: HttpRequest) -> Prompt | None:
        version = whole_number(request.GET.get("from", ""), LARGEST_NUMBER)
        return Prompt.objects.filter(version=version).first() if version else None

    def save_model(self, request: HttpRequest, obj: Prompt, form: Any, change: bool) -> None:
        obj.author = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("trial/", wrap(self.trial), name="sheets_prompt_trial"),
            path("<int:pk>/restore/", wrap(self.restore), name="sheets_prompt_restore"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a version, and what differs from the one before or from `?with=`."""
        pk = whole_number(object_id, LARGEST_NUMBER)
        prompt = Prompt.objects.select_related("author").filter(pk=pk or 0).first()
        extra: dict[str, Any] = {}
        if prompt is not None:
            asked = whole_number(request.GET.get("with", ""), LARGEST_NUMBER)
            others = Prompt.objects.exclude(pk=prompt.pk)
            other = others.filter(version=asked).first() if asked else None
            before = others.filter(version__lt=prompt.version, mode=prompt.mode)
            other = other or before.first()
            extra = {
                "prompt": prompt,
                "other": other,
                "others": others[:VERSIONS_OFFERED],
                "is_current": prompt.version == Prompt.objects.current().version,
                "differences": differences(other, prompt),
                "may_add": self.has_add_permission(request),
            }
        return super().change_view(
            request, object_id, form_url, extra_context={**(extra_context or {}), **extra}
        )

    def restore(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Add a version with the texts of an earlier one; nothing happens for the current one."""
        if not self.has_add_permission(request):
            return HttpResponse(status=403)
        prompt = get_object_or_404(Prompt, pk=pk)
        if request.method != "POST":
            return redirect("admin:sheets_prompt_change", pk)
        if prompt.version == Prompt.objects.current().version:
            messages.info(request, _("This version is the current one already."))
            return redirect("admin:sheets_prompt_change", pk)
        comment = _("Version %(version)d restored.") % {"version": prompt.version}
        texts = content_of(prompt)
        author = cast("User", request.user)
        new = Prompt.objects.create(**texts, comment=comment, author=author)
        self.log_addition(request, new, comment)
        used = Prompt.objects.current()
        if used == new:
            messages.success(request, _("Version %(name)s is now used.") % {"name": new.name})
        else:
            messages.warning(
                request,
                _(
                    "Version %(name)s was added, but %(used)s stays in use: this site is set to"
                    " write in the other way."
                )
                % {"name": new.name, "used": used.name},
            )
        return redirect("admin:sheets_prompt_changelist")

    def trial(self, request: HttpRequest) -> HttpResponse:
        """Show the messages for one section and, on demand, the model's answer."""
        if not self.has_add_permission(request):
            return HttpResponse(status=403)
        # The form of a new version leads here: the sheet is still to be chosen.
        begun = "sheet" in request.POST
        form = TrialForm(request.POST) if begun else TrialForm(initial=request.POST.dict())
        context = {
            **self.admin_site.each_context(request),
            "title": _("Try a prompt"),
            "opts": self.opts,
            "form": form,
            "back": reverse("admin:sheets_prompt_changelist"),
        }
        if form.is_valid():
            context["trial"] = run_trial(
                ModelWriter(form.prompt),
                form.cleaned_data["sheet"],
                form.cleaned_data["brief"],
                ask="ask" in request.POST,
            )
        return TemplateResponse(request, "admin/sheets/prompt/trial.html", context)


def content_of(prompt: Prompt) -> dict[str, Any]:
    return {"mode": prompt.mode, **texts_of(prompt)}


def texts_of(prompt: Prompt) -> dict[str, Any]:
    return {name: getattr(prompt, name) for name in TEXTS}


def differences(old: Prompt | None, new: Prompt) -> list[TextDifference]:
    """Return what differs in each text; without an earlier version, the texts as they are."""
    before = texts_of(old) if old else texts_of(new)
    found = []
    for name in TEXTS:
        label = str(label_for_field(name, Prompt))
        texts = before[name], getattr(new, name)
        found.append(TextDifference(label, word_pieces(*texts), texts[0] != texts[1]))
    return found
