"""What happened to a sheet besides its text: states, names, locks, sources, people in charge."""

from collections import defaultdict
from contextlib import suppress
from datetime import date
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F
from django.db.models.functions import Now
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from sheets.models.sheet import Revision, Sheet
from wikico2.accounts.audit import record
from wikico2.models import User


class SheetEventQuerySet(models.QuerySet["SheetEvent"]):
    """Queries about events of sheets."""

    def write(
        self,
        sheet: Sheet,
        kind: str,
        user: User | None,
        *,
        revision: Revision | None = None,
        comment: str = "",
        **details: Any,
    ) -> "SheetEvent":
        """Append an event, and log it in the audit log; cached pages of the sheet become invalid.

        `user` is None for the program itself. Call it in the transaction of the change.
        """
        event = self.create(
            sheet=sheet,
            kind=kind,
            actor=user,
            revision=revision,
            comment=comment[: SheetEvent.LONGEST_COMMENT],
            details=details,
        )
        Sheet.all_sheets.filter(pk=sheet.pk).update(state=F("state"))  # a new token of its pages
        number = {"version": revision.number} if revision else {}
        said = {"comment": event.comment} if event.comment else {}
        record(f"sheet.{kind}", sheet, user, **number, **said, **details)
        return event

    def shown_to(self, user: Any) -> "SheetEventQuerySet":
        """Return the events of the sheets that `user` sees in lists."""
        return self.filter(sheet__in=Sheet.objects.listed_for(user).order_by().values("pk"))

    def latest_of(self, sheet: Sheet, *kinds: str) -> "SheetEvent | None":
        """Return the latest event of these kinds of a sheet."""
        return self.filter(sheet=sheet, kind__in=kinds).select_related("actor").first()


class SheetEvent(models.Model):
    """One change of a sheet that is not a change of its text. Never changed.

    `details` holds plain values: the former and the new title, titles of sources, the section, the
    state before.
    """

    LONGEST_COMMENT = 2_000

    class Kind(models.TextChoices):
        SUBMITTED = "submit", _("submitted for validation")
        VALIDATED = "validate", _("validated")
        CHANGES_REQUESTED = "request_changes", _("changes requested")
        PUBLISHED = "publish", _("published")
        ARCHIVED = "archive", _("archived")
        RESTORED = "restore", _("restored from the archive")
        DELETED = "delete", _("deleted")
        UNDELETED = "undelete", _("restored after its deletion")
        WITHDRAWN = "withdraw", _("to be validated: no validation of a version is recorded")
        IMPORTED = "imported_validation", _("validated in the wiki that it was imported from")
        ASSIGNED = "assign", _("person in charge changed")
        SCHEDULED = "schedule_review", _("date of review changed")
        RENAMED = "rename", _("renamed")
        LOCKED = "lock", _("section locked")
        UNLOCKED = "unlock", _("section unlocked")
        SOURCE_ADDED = "add_source", _("source added")
        SOURCE_REMOVED = "remove_source", _("source removed")
        SOURCE_REPLACED = "replace_source", _("source replaced")

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(_("date"), db_default=Now())
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    revision = models.ForeignKey(
        Revision, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    comment = models.TextField(_("comment"), blank=True)
    details = models.JSONField(_("details"), default=dict, blank=True)

    objects = SheetEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event of a sheet")
        verbose_name_plural = _("events of sheets")
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["-at", "-id"], name="sheetevent_latest"),
            models.Index(fields=["sheet", "-at", "-id"], name="sheetevent_of_sheet"),
        ]

    def __str__(self) -> str:
        return f"{self.sheet_id} {self.kind}"

    def sentence(self, *, named: bool) -> str:
        """Return what happened in the active language; `named` tells the titles of sources."""
        kind = self.Kind(self.kind)
        if kind in SOURCE_KINDS and not named:
            return str(kind.label).capitalize()
        sentence = SENTENCES.get(kind)
        if sentence is None or not self.details:
            return str(kind.label).capitalize()
        given = {key: value if value else "—" for key, value in self.details.items()}
        with suppress(ValueError):  # an archive may hold anything
            given["date"] = date_format(date.fromisoformat(str(given.get("date", ""))[:10]))
        return gettext(sentence) % defaultdict(lambda: "—", given)


SOURCE_KINDS = (
    SheetEvent.Kind.SOURCE_ADDED,
    SheetEvent.Kind.SOURCE_REMOVED,
    SheetEvent.Kind.SOURCE_REPLACED,
)
SENTENCES = {
    SheetEvent.Kind.IMPORTED: gettext_noop(
        "Validated by %(name)s in the wiki that it was imported from; not validated here"
    ),
    SheetEvent.Kind.ASSIGNED: gettext_noop("Person in charge: %(name)s"),
    SheetEvent.Kind.SCHEDULED: gettext_noop("To review on %(date)s"),
    SheetEvent.Kind.RENAMED: gettext_noop("Renamed from “%(old)s” to “%(new)s”"),
    SheetEvent.Kind.LOCKED: gettext_noop("Section “%(section)s” locked"),
    SheetEvent.Kind.UNLOCKED: gettext_noop("Section “%(section)s” unlocked"),
    SheetEvent.Kind.SOURCE_ADDED: gettext_noop("Source added: %(title)s"),
    SheetEvent.Kind.SOURCE_REMOVED: gettext_noop("Source removed: %(title)s"),
    SheetEvent.Kind.SOURCE_REPLACED: gettext_noop("Source “%(old)s” replaced by “%(title)s”"),
}
"""What an event says with its details."""
