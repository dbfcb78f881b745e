"""What was checked of each revision: the statements with their levels."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sheets.models.sheet import Revision, Sheet


class RevisionCheck(models.Model):
    """The statements of a revision with their levels; revisions themselves never change.

    `statements` are objects with text, section, field, markers, level, reasons, unborne, and the
    hashes of text and passages that a confirmation belongs to;
    `levels` counts them. `version` is that of the check: an older one is made again.
    """

    VERSION = 2

    revision = models.OneToOneField(
        Revision, on_delete=models.CASCADE, related_name="check_made", primary_key=True
    )
    version = models.PositiveIntegerField(default=VERSION)
    levels = models.JSONField(_("levels"), default=dict)
    statements = models.JSONField(_("statements"), default=list)

    class Meta:
        verbose_name = _("check of a version")
        verbose_name_plural = _("checks of versions")

    def __str__(self) -> str:
        return f"{self.revision_id}: {self.levels}"

    @classmethod
    def current_of(cls, sheet: Sheet) -> "RevisionCheck | None":
        """Return the check of a sheet's current revision, None if it has to be made again."""
        made = cls.objects.filter(revision=sheet.current_id, version=cls.VERSION)
        return made.first() if sheet.current_id else None


class Confirmation(models.Model):
    """What a person said of a statement after reading its passages: borne out or not, and why not.

    It belongs to the text and the passages, by their hashes, and lapses when either changes.
    """

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="confirmations")
    text_hash = models.CharField(max_length=64)
    passage_hash = models.CharField(max_length=64)
    accepted = models.BooleanField(_("confirmed"))
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="confirmations",
        verbose_name=_("by"),
    )
    at = models.DateTimeField(_("at"), auto_now=True)

    class Meta:
        verbose_name = _("confirmation")
        verbose_name_plural = _("confirmations")
        constraints = [
            models.UniqueConstraint(
                fields=["sheet", "text_hash", "passage_hash"], name="confirmation_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.sheet_id} {self.text_hash[:8]} {self.accepted}"


class Judgement(models.Model):
    """What a model answered of a statement and its passages; both are named by their hashes.

    `words` are those of the statement that the model did not find in the passages.
    """

    text_hash = models.CharField(max_length=64)
    passage_hash = models.CharField(max_length=64)
    model = models.CharField(_("model"), max_length=200)
    prompt_version = models.PositiveIntegerField(_("prompt version"))
    accepted = models.BooleanField(_("confirmed"))
    words = models.JSONField(_("words that no passage bears"), default=list, blank=True)
    at = models.DateTimeField(_("at"), auto_now_add=True)

    class Meta:
        verbose_name = _("judgement of a model")
        verbose_name_plural = _("judgements of models")
        constraints = [
            models.UniqueConstraint(
                fields=["text_hash", "passage_hash", "model", "prompt_version"],
                name="judgement_unique",
            )
        ]

    def __str__(self) -> str:
        return f"{self.text_hash[:8]} {self.model} {self.accepted}"
