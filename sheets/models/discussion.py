"""What members discuss about a passage of a sheet."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from sheets.models.sheet import Sheet
from wikico2.text.quotes import fold_quote_text


class DiscussionQuerySet(models.QuerySet["Discussion"]):
    """Queries on discussions."""

    def unresolved(self) -> "DiscussionQuerySet":
        return self.filter(resolved_at__isnull=True)


class Discussion(models.Model):
    """A thread of comments on a passage, or on the whole sheet if `quote` is "".

    `quote` are the words as they stood when it began; `passage` the words as they stand now, ""
    where they are no longer found, with the words around them on the page: `before`, `after`.
    """

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="discussions")
    quote = models.TextField(blank=True)
    passage = models.TextField(blank=True)
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    begun_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = DiscussionQuerySet.as_manager()

    class Meta:
        verbose_name = _("discussion")
        verbose_name_plural = _("discussions")
        default_permissions = ()
        ordering = ["begun_at", "id"]

    def __str__(self) -> str:
        return f"{self.sheet_id}: {self.quote[:40]}"

    def get_absolute_url(self) -> str:
        return f"{reverse('discussions', args=[self.sheet.slug])}#discussion-{self.pk}"

    @property
    def is_lost(self) -> bool:
        """Tell whether the words that it is about are no longer in the sheet."""
        return bool(self.quote) and not self.passage

    @property
    def is_reworded(self) -> bool:
        """Tell whether the words changed since it began, their typography apart."""
        now, then = (fold_quote_text(text).folded for text in (self.passage, self.quote))
        return now != then


class Comment(models.Model):
    """One comment of a discussion."""

    OWNER_FIELDS = ("author_id",)

    discussion = models.ForeignKey(Discussion, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    body = models.TextField(_("comment"))
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        default_permissions = ()
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.body[:60]
