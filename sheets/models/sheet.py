"""Sheets, the revisions that they are made of, and the citations that carry them."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ingestion.models import Chunk, Document
from sheets.models.template import SheetType
from sheets.models.verdict_reasons import verdict_sentence


class SheetQuerySet(models.QuerySet["Sheet"]):
    """Questions about sheets."""

    def listed_for(self, user: Any) -> "SheetQuerySet":
        """Return the sheets that `user` sees in lists: drafts only where the site shows them."""
        shown = self.exclude(state=Sheet.State.ARCHIVED)
        if user.is_authenticated or settings.SHOW_DRAFTS:
            return shown
        return shown.filter(state=Sheet.State.PUBLISHED)

    def readable_by(self, user: Any) -> "SheetQuerySet":
        """Return the sheets that `user` may open."""
        if user.is_authenticated or settings.SHOW_DRAFTS:
            return self
        return self.filter(state__in=(Sheet.State.PUBLISHED, Sheet.State.ARCHIVED))

    def held(self, sheet: "Sheet") -> "Sheet":
        """Lock a sheet until the transaction ends; return it as it is now.

        Its type and its current revision are those that `sheet` has loaded, where they still are.
        """
        now = self.select_for_update(of=("self",)).get(pk=sheet.pk)
        for name in ("sheet_type", "current"):
            known = sheet._state.fields_cache.get(name)
            if known and known.pk == getattr(now, f"{name}_id"):
                setattr(now, name, known)
        return now

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete each sheet with its history."""
        gone = [sheet.delete() for sheet in self]
        return sum(count for count, _ in gone), {}


class Sheet(models.Model):
    """A page of the wiki."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        REVIEW = "review", _("to review")
        VALIDATED = "validated", _("validated")
        PUBLISHED = "published", _("published")
        ARCHIVED = "archived", _("archived")

    sheet_type = models.ForeignKey(
        SheetType, verbose_name=_("type"), on_delete=models.PROTECT, related_name="sheets"
    )
    title = models.CharField(_("title"), max_length=200)
    slug = models.SlugField(_("address"), max_length=220, unique=True)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.DRAFT, db_index=True
    )
    documents = models.ManyToManyField(
        Document, verbose_name=_("sources"), blank=True, related_name="sheets"
    )
    current = models.OneToOneField(
        "Revision",
        verbose_name=_("current revision"),
        on_delete=models.RESTRICT,
        null=True,
        blank=True,
        related_name="+",
    )
    # What `sheets.stale` keeps. `written_from`: for each section, what its last writing rested on.
    # `stale_sections`: {section: {"codes": [why, …], "passages": [new ones]}}; the passages are
    # null until a worker has looked for them.
    written_from = models.JSONField(default=dict, blank=True, editable=False)
    stale_reasons = models.JSONField(_("stale because"), default=list, blank=True)
    stale_sections = models.JSONField(_("stale sections"), default=dict, blank=True)
    completeness = models.PositiveSmallIntegerField(_("completeness in %"), default=0)
    confidence = models.PositiveSmallIntegerField(_("confidence in %"), default=0)
    validated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("validated by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    validated_at = models.DateTimeField(_("validated on"), null=True, blank=True)
    validated_revision = models.ForeignKey(
        "Revision", on_delete=models.RESTRICT, null=True, blank=True, related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created on"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated on"), auto_now=True)

    objects = SheetQuerySet.as_manager()

    class Meta:
        verbose_name = _("sheet")
        verbose_name_plural = _("sheets")
        ordering = ["title", "id"]
        indexes = [
            models.Index(fields=["-updated_at", "-id"], name="sheet_latest"),
            models.Index(fields=["title", "id"], name="sheet_by_title"),
            models.Index(fields=["completeness", "title", "id"], name="sheet_by_completeness"),
        ]
        permissions = [
            ("validate_sheet", "Can validate a sheet"),
            ("publish_sheet", "Can publish or archive a sheet"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(completeness__lte=100) & Q(confidence__lte=100),
                name="sheet_shares_in_bounds",
            )
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("sheet", args=[self.slug])

    @property
    def is_stale(self) -> bool:
        return bool(self.stale_reasons)

    @property
    def completeness_level(self) -> str:
        """Return the word for how much of the sheet is filled."""
        if self.completeness < 30:
            return gettext("skeleton")
        return gettext("partial") if self.completeness < 80 else gettext("complete")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the sheet with its whole history, which the database allows in no other way."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('wikico2.deleting_sheet', %s, true)", [str(self.pk)])
            return super().delete(*args, **kwargs)

    def touched_by_a_person(self) -> bool:
        """Tell whether a person's words are in the sheet's history."""
        return self.revisions.exclude(origin=Revision.Origin.GENERATED).exists()

    def locked_keys(self) -> set[str]:
        """Return the keys of the sections that no writer may touch."""
        return set(self.locks.values_list("section", flat=True))

    def stale_keys(self) -> list[str]:
        """Return the stale sections that a writer may write again."""
        locked = self.locked_keys() if self.stale_sections else set()
        return [key for key in self.stale_sections if key not in locked]


class SectionLock(models.Model):
    """An expert's word that a section stays as it is: no writing touches it."""

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="locks")
    section = models.CharField(_("section"), max_length=100)
    locked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    locked_at = models.DateTimeField(_("locked on"), db_default=Now())

    class Meta:
        verbose_name = _("locked section")
        verbose_name_plural = _("locked sections")
        ordering = ["sheet", "section"]
        constraints = [
            models.UniqueConstraint(fields=["sheet", "section"], name="sectionlock_unique")
        ]

    def __str__(self) -> str:
        return f"{self.sheet_id}:{self.section}"


class Revision(models.Model):
    """One state of a sheet's text. Rows are only ever appended; the database refuses the rest."""

    class Origin(models.TextChoices):
        GENERATED = "generated", _("generated")
        HUMAN = "human", _("edited")
        MERGE = "merge", _("merged")
        RESTORE = "restore", _("restored")
        IMPORT = "import", _("imported")

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField(_("number"))
    parent = models.ForeignKey(
        "self", on_delete=models.RESTRICT, null=True, blank=True, related_name="+"
    )
    second_parent = models.ForeignKey(
        "self", on_delete=models.RESTRICT, null=True, blank=True, related_name="+"
    )
    body = models.TextField(_("text"), blank=True)
    metadata = models.JSONField(_("header data"), default=dict, blank=True)
    # What readers see, made once from the text: {"body": html, "outline": [[id, heading], …],
    # "header": {key: html}}. Derived: the only column that may be written again.
    rendered = models.JSONField(default=dict, blank=True, editable=False)
    origin = models.CharField(_("origin"), max_length=10, choices=Origin.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("author"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="revisions",
    )
    generation = models.ForeignKey(
        "Generation", on_delete=models.RESTRICT, null=True, blank=True, related_name="revisions"
    )
    comment = models.CharField(_("comment"), max_length=500, blank=True)
    minor = models.BooleanField(_("minor change"), default=False)
    created_at = models.DateTimeField(_("date"), db_default=Now())

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ["sheet", "-number"]
        indexes = [models.Index(fields=["-created_at", "-id"], name="revision_latest")]
        constraints = [
            models.UniqueConstraint(fields=["sheet", "number"], name="revision_unique_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="revision_numbered_from_1"),
            models.CheckConstraint(
                condition=Q(number=1, parent__isnull=True) | Q(number__gt=1, parent__isnull=False),
                name="revision_first_has_no_parent",
            ),
            models.CheckConstraint(
                condition=~Q(origin="generated") | Q(generation__isnull=False),
                name="revision_generated_has_generation",
            ),
            models.CheckConstraint(
                condition=~Q(origin="merge")
                | Q(second_parent__isnull=False)
                | Q(generation__isnull=False),
                name="revision_merge_has_two_parents",
            ),
            models.CheckConstraint(
                condition=Q(generation__isnull=True) | Q(origin__in=("generated", "merge")),
                name="revision_of_a_person_has_no_generation",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sheet_id} n° {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("revision", args=[self.sheet.slug, self.number])


class CitationQuerySet(models.QuerySet["Citation"]):
    """Questions about what sheets rest on."""

    def standing(self) -> "CitationQuerySet":
        """Return the citations of the texts that readers see today."""
        return self.filter(revision__sheet__current=F("revision"))

    def shown_to(self, user: Any) -> "CitationQuerySet":
        """Return the citations in sheets that `user` sees in lists."""
        return self.filter(revision__sheet__in=Sheet.objects.listed_for(user))

    def with_sheets(self) -> "CitationQuerySet":
        """Load the sheet of each citation along, without the text of its revision."""
        return self.select_related("revision__sheet").only(
            "marker", "page", "quote", "verdict", "document_id",
            "revision__number", "revision__sheet__title", "revision__sheet__slug",
            "revision__sheet__state",
        )  # fmt: skip

    def by_sheet(self) -> list[dict[str, Any]]:
        """Return one row for each sheet that cites, by title: `title`, `slug`, `state`, `pages`."""
        sheet = "revision__sheet__"
        return [
            {**row}
            for row in self.order_by(f"{sheet}title", f"{sheet}pk")
            .values(title=F(f"{sheet}title"), slug=F(f"{sheet}slug"), state=F(f"{sheet}state"))
            .annotate(pages=ArrayAgg("page", distinct=True, order_by="page"))
        ]


class Citation(models.Model):
    """What one footnote of a revision rests on: a quote on a page of a source."""

    class Verdict(models.TextChoices):
        VERIFIED = "verified", _("verified")
        WEAK = "weak", _("weak")
        BROKEN = "broken", _("broken")

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="citations")
    marker = models.CharField(_("marker"), max_length=40)
    order = models.PositiveIntegerField(default=0)
    document = models.ForeignKey(
        Document, on_delete=models.SET_NULL, null=True, blank=True, related_name="citations"
    )
    chunk = models.ForeignKey(
        Chunk, on_delete=models.SET_NULL, null=True, blank=True, related_name="citations"
    )
    page = models.PositiveIntegerField(_("page"))
    quote = models.TextField(_("quote"))
    verdict = models.CharField(_("verdict"), max_length=10, choices=Verdict.choices)
    reasons = models.JSONField(_("reasons"), default=list, blank=True)

    objects = CitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("citation")
        verbose_name_plural = _("citations")
        ordering = ["revision", "order"]
        constraints = [
            models.UniqueConstraint(fields=["revision", "marker"], name="citation_unique_marker")
        ]

    def __str__(self) -> str:
        return f"[{self.marker}] p. {self.page}"

    @property
    def reason_sentences(self) -> list[str]:
        """Return why the verdict is no better, in the reader's language."""
        return [said for code, detail in self.reasons if (said := verdict_sentence(code, detail))]


class ProposalQuerySet(models.QuerySet["Proposal"]):
    """Questions about what waits for a person."""

    def waiting(self) -> "ProposalQuerySet":
        return self.filter(state=Proposal.State.OPEN)


class Proposal(models.Model):
    """A text that waits for a person: what it started from, what it says, where the two clash.

    The text itself never changes, nor does a decision; the database refuses both.
    """

    class State(models.TextChoices):
        OPEN = "open", _("waiting")
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused")
        REPLACED = "replaced", _("replaced by a later one")

    ACCEPTED_SECTION, KEPT_SECTION, REPLACED_SECTION = "accepted", "kept", "replaced"

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="proposals")
    # What the text started from: a revision, or the text of an accepted proposal after it;
    # nothing where no machine had written in the sheet.
    base = models.ForeignKey(
        Revision, on_delete=models.RESTRICT, null=True, blank=True, related_name="+"
    )
    base_proposal = models.ForeignKey(
        "self", on_delete=models.RESTRICT, null=True, blank=True, related_name="+"
    )
    generation = models.ForeignKey(
        "Generation", on_delete=models.RESTRICT, null=True, blank=True, related_name="proposals"
    )
    body = models.TextField(_("proposed text"))
    metadata = models.JSONField(_("proposed header data"), default=dict, blank=True)
    # The sections that the text is about; of the others it says nothing. Empty: all.
    sections = models.JSONField(_("sections"), default=list, blank=True)
    # What `Sheet.written_from` becomes for them once they are decided.
    written_from = models.JSONField(default=dict, blank=True, editable=False)
    # What its reader must know: [{"code": "shrunk", "section": …, "before": …, "after": …}, …].
    notices = models.JSONField(_("warnings"), default=list, blank=True)
    # Derived, for lists: the text merged onto `merged_onto`, and the keys of what clashes there.
    merged = models.TextField(_("merged text"), blank=True)
    conflicts = models.JSONField(_("conflicts"), default=list, blank=True)
    merged_onto = models.ForeignKey(
        Revision, on_delete=models.RESTRICT, null=True, blank=True, related_name="+"
    )
    # What people have settled so far: {piece: {"choice": …, "text": …}}, {section: accepted|kept}.
    choices = models.JSONField(_("choices"), default=dict, blank=True)
    decided = models.JSONField(_("decided sections"), default=dict, blank=True)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.OPEN, db_index=True
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # What a reader who proposes says: why, or what should be looked at; and the name that a reader
    # without an account gave. `sender` tells readers apart, to count what comes from each.
    remark = models.TextField(_("remark"), blank=True)
    signed = models.CharField(_("signed"), max_length=100, blank=True)
    sender = models.CharField(max_length=40, blank=True, editable=False, db_index=True)
    accepted_as = models.ForeignKey(
        Revision,
        verbose_name=_("accepted as"),
        on_delete=models.RESTRICT,
        null=True,
        blank=True,
        related_name="accepted_proposals",
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    created_at = models.DateTimeField(_("date"), db_default=Now())

    objects = ProposalQuerySet.as_manager()

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="accepted") | Q(accepted_as__isnull=False),
                name="proposal_accepted_has_revision",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sheet}: {self.get_state_display()}"

    def get_absolute_url(self) -> str:
        return reverse("proposal", args=[self.sheet.slug, self.pk])

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def is_a_strangers(self) -> bool:
        """Tell whether a reader without an account sent it."""
        return bool(self.sender) and self.author_id is None

    @property
    def by_whom(self) -> str:
        """Return who suggested it; nothing for what a machine proposes."""
        if self.generation_id:
            return ""
        return str(self.author or self.signed or _("a reader"))

    @property
    def base_text(self) -> tuple[str, dict[str, str]]:
        """Return the body and the header data that the proposed text started from."""
        start = self.base_proposal or self.base
        return (start.body, start.metadata) if start else ("", {})

    def concerns(self, section: str) -> bool:
        """Tell whether the section is still to be decided here."""
        return section not in self.decided and (not self.sections or section in self.sections)
