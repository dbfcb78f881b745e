"""The administration: one site of our own, with its lists grouped by what people come for."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from wikico2.accounts.rules import may

NOT_SHOWN = {"django_q", "account", "mfa", "socialaccount"}
"""Apps of libraries: people follow jobs, and see to accounts, on pages of the site instead."""

PAGES = (
    ("audit.read", "audit_log", _("audit log")),
    ("job.read", "tasks", _("Tasks")),
)
"""Pages of the site that belong to the follow-up: the rule, the name of the address, the label."""


class AdminGroup(models.TextChoices):
    """The groups of the front page, in their order."""

    CONTENT = "content", _("Content")
    TYPES = "types", _("Sheet templates")
    VOCABULARY = "vocabulary", _("Vocabulary")
    PEOPLE = "people", _("People")
    FOLLOW_UP = "follow_up", _("Follow-up")


class GroupedAdmin(admin.ModelAdmin[Any]):
    """A model in a group of the front page; `group` is None for rows that are reached otherwise."""

    group: ClassVar[AdminGroup | None] = AdminGroup.FOLLOW_UP

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list under the name of what is in it."""
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, {**title, **(extra_context or {})})


class ReadOnlyMixin:
    """Refuse adding, changing and deleting rows in the administration."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnlyMixin, GroupedAdmin):
    """Rows that only the program writes."""


class WikiAdminSite(admin.AdminSite):
    """The administration of the wiki, open to administrators and to accounts marked as staff."""

    site_title = _("WikiCO2 administration")
    site_header = _("WikiCO2 administration")
    index_title = _("Administration")
    empty_value_display = "–"

    def register(self, model_or_iterable: Any, *args: Any, **options: Any) -> None:
        """Register models; those of libraries are left out."""
        given: Any = model_or_iterable
        found: list[Any] = [given] if isinstance(given, type) else list(given)
        ours = [model for model in found if model._meta.app_label not in NOT_SHOWN]
        if ours:
            super().register(ours, *args, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Tell whether the table of rules lets them enter, or an operator marked them as staff."""
        staff = request.user.is_active and request.user.is_staff
        return bool(staff or may(request.user, "admin.enter"))

    def app_index(  # type: ignore[override]  # Django's own answers with a page only
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the front page: its groups do not follow the apps of the code."""
        return redirect("admin:index")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return the models in their groups, in the form of Django's list of apps."""
        apps = self._build_app_dict(request).values()
        rows = {row["model"]: row for app in apps for row in app["models"]}
        groups: dict[AdminGroup, list[Any]] = {group: [] for group in AdminGroup}
        for model, model_admin in self._registry.items():
            group = getattr(model_admin, "group", AdminGroup.FOLLOW_UP)
            if group is not None and model in rows:
                groups[group].append(rows[model])
        for rule, name, label in PAGES:
            if may(request.user, rule):
                page = {"name": capfirst(label), "object_name": name, "admin_url": reverse(name)}
                groups[AdminGroup.FOLLOW_UP].append({**page, "add_url": None, "perms": {}})
        return [
            {"name": group.label, "app_label": group.value, "models": found}
            for group, found in groups.items()
            if found
        ]
