"""Links between sheets, redirects from former titles, and related sheets."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from sheets.models.sheet import Sheet


class LinkQuerySet(models.QuerySet["Link"]):
    """Queries about links."""

    def shown_to(self, user: Any) -> "LinkQuerySet":
        """Return the links in the sheets that `user` sees in lists."""
        return self.filter(source__in=Sheet.objects.listed_for(user).order_by().values("pk"))


class Link(models.Model):
    """A title that the current text of a sheet links to, whether such a sheet exists or not.

    Derived from the text; `folded` is the title without case and accents, `title` as written.
    """

    source = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="links")
    folded = models.CharField(max_length=250, db_index=True)
    title = models.CharField(max_length=200)
    # False for a guess: an unmarked name in a place where titles of sheets are expected.
    is_marked = models.BooleanField(default=True)

    objects = LinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        ordering = ["source", "folded"]
        constraints = [models.UniqueConstraint(fields=["source", "folded"], name="link_unique")]

    def __str__(self) -> str:
        return f"{self.source_id} → {self.title}"


class SheetRedirect(models.Model):
    """A former title and slug of a sheet; both still lead to it."""

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="redirects")
    title = models.CharField(_("title"), max_length=200)
    folded = models.CharField(max_length=250, db_index=True)
    # None when only the title changed.
    slug = models.SlugField(_("address"), max_length=220, unique=True, null=True, blank=True)
    renamed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    renamed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sheets_formername"
        verbose_name = _("redirect")
        verbose_name_plural = _("redirects")
        ordering = ["-renamed_at", "-id"]

    def __str__(self) -> str:
        return self.title


class Relation(models.Model):
    """Two related sheets, one row per direction; derived, see `sheets.links.related`."""

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="relations")
    other = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="+")
    weight = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("relation")
        verbose_name_plural = _("relations")
        ordering = ["sheet", "-weight", "other"]
        constraints = [models.UniqueConstraint(fields=["sheet", "other"], name="relation_unique")]

    def __str__(self) -> str:
        return f"{self.sheet_id} ~ {self.other_id}"
