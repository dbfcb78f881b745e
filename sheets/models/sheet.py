"""Sheets, their revisions, citations and proposals."""

import datetime as dt
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
from sheets.models.level_reasons import reason_sentence
from sheets.models.template import SheetType
from wikico2.accounts.rules import may
from wikico2.text.normalize import visible_line


def title_key(title: str | models.Value) -> models.Func:
    """Return what titles are compared by: no case, accents, ligatures or invisible characters.

    The database computes it (`sheets/migrations/0028_rename_double_titles.py`), so that no way of
    writing a title goes round the constraint. `title` is the name of a field, or a value.
    """
    return models.Func(title, function="wikico2_title_key", output_field=models.CharField())


CHANGED_SINCE_VALIDATION = Q(validated_revision__isnull=False) & ~Q(validated_revision=F("current"))
"""The condition on sheets that have a text later than the validated one."""


class SheetQuerySet(models.QuerySet["Sheet"]):
    """Queries about sheets."""

    def listed_for(self, user: Any) -> "SheetQuerySet":
        """Return the sheets that `user` sees in lists: drafts only where the site shows them."""
        shown = self.exclude(state=Sheet.State.ARCHIVED)
        if may(user, "draft.read"):
            return shown
        return shown.filter(state=Sheet.State.PUBLISHED)

    def readable_by(self, user: Any) -> "SheetQuerySet":
        """Return the sheets that `user` may open."""
        if may(user, "draft.read"):
            return self
        return self.filter(state__in=(Sheet.State.PUBLISHED, Sheet.State.ARCHIVED))

    def awaiting_validation(self) -> "SheetQuerySet":
        """Return the sheets to be validated: submitted, or changed since they were validated."""
        return self.exclude(state=Sheet.State.ARCHIVED).filter(
            Q(state=Sheet.State.REVIEW) | CHANGED_SINCE_VALIDATION, current__isnull=False
        )

    def due_for_review(self, today: dt.date) -> "SheetQuerySet":
        """Return the sheets whose date of review has come, the longest due first."""
        due = self.exclude(state=Sheet.State.ARCHIVED).filter(review_on__lte=today)
        return due.order_by("review_on", "title", "pk")

    def titled(self, title: str) -> "SheetQuerySet":
        """Return the sheet of this title, case, accents and spaces aside; there is at most one."""
        key = title_key(models.Value(visible_line(title)))
        return self.alias(title_key=title_key("title")).filter(title_key=key)

    def lock(self, sheet: "Sheet") -> "Sheet":
        """Lock the row of a sheet until the transaction ends; return it reloaded.

        The type and the current revision that `sheet` has loaded are reused if unchanged.
        """
        now = self.select_for_update(of=("self",)).get(pk=sheet.pk)
        for name in ("sheet_type", "current"):
            known = sheet._state.fields_cache.get(name)
            if known and known.pk == getattr(now, f"{name}_id"):
                setattr(now, name, known)
        return now

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete each sheet with its history."""
        deleted = [sheet.delete() for sheet in self]
        return sum(count for count, _ in deleted), {}


SheetManager = models.Manager.from_queryset(SheetQuerySet)


class KeptSheetManager(SheetManager["Sheet"]):
    """The sheets that are not deleted."""

    def get_queryset(self) -> SheetQuerySet:
        return SheetQuerySet(self.model, using=self._db).filter(deleted_at=None)


class Sheet(models.Model):
    """A page of the wiki."""

    OWNER_FIELDS = ("created_by_id", "responsible_id")

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
    # Written by `sheets.staleness`. `written_from`: the inputs of the last generation by section.
    # `stale_sections`: {section: {"codes": [reason, …], "passages": [new chunk ids]}}; the passages
    # are null until a worker has looked them up.
    written_from = models.JSONField(default=dict, blank=True, editable=False)
    stale_reasons = models.JSONField(_("reasons for being out of date"), default=list, blank=True)
    stale_sections = models.JSONField(_("sections out of date"), default=dict, blank=True)
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
    responsible = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person in charge"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="sheets_in_charge",
    )
    review_on = models.DateField(_("to review on"), null=True, blank=True, db_index=True)
    # A deleted sheet is kept for `DELETED_DAYS`; `objects` leaves it out.
    deleted_at = models.DateTimeField(_("deleted on"), null=True, blank=True, editable=False)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("deleted by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created on"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated on"), auto_now=True)

    objects = KeptSheetManager()
    all_sheets = SheetQuerySet.as_manager()

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
            ),
            models.UniqueConstraint(
                title_key("title"),
                condition=Q(deleted_at=None),
                name="sheet_one_title",
                violation_error_message=_(
                    "Another sheet already has this title. Choose another one, or edit that sheet."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("sheet", args=[self.slug])

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the sheet; whoever writes the title, it is one line of visible characters."""
        self.title = visible_line(self.title)
        super().save(*args, **kwargs)

    @property
    def is_stale(self) -> bool:
        return bool(self.stale_reasons)

    @property
    def completeness_level(self) -> str:
        """Return the name of the level of completeness, in the active language."""
        if self.completeness < 30:
            return gettext("stub")
        return gettext("partial") if self.completeness < 80 else gettext("complete")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the sheet with its history; a setting lets the database's triggers allow it."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('wikico2.deleting_sheet', %s, true)", [str(self.pk)])
            return super().delete(*args, **kwargs)

    def revision_id_for(self, user: Any) -> int | None:
        """Return the id of the version that `user` reads: the validated one, or the current one."""
        if self.is_changed_since_validation and not may(user, "unvalidated.read"):
            return self.validated_revision_id
        return self.current_id

    def show_to(self, user: Any) -> "Sheet":
        """Return the sheet as `user` may read it: where the settings say so, its validated version.

        The version stands in `current` of this object, which must not be saved then.
        """
        if self.revision_id_for(user) != self.current_id:
            self.current = self.validated_revision
            measures = (self.current.rendered if self.current else {}).get("measures", {})
            self.completeness = measures.get("completeness", self.completeness)
            self.confidence = measures.get("confidence", self.confidence)
        return self

    @property
    def is_validated(self) -> bool:
        """Tell whether the current version is the validated one."""
        return self.validated_revision_id is not None and (
            self.validated_revision_id == self.current_id
        )

    @property
    def needs_care(self) -> bool:
        """Tell whether a reader must know that no expert has validated this text."""
        return (
            self.state in (self.State.DRAFT, self.State.REVIEW) or self.is_changed_since_validation
        )

    @property
    def is_changed_since_validation(self) -> bool:
        return self.validated_revision_id is not None and not self.is_validated

    def has_human_edits(self) -> bool:
        """Tell whether any revision was not generated."""
        return self.revisions.exclude(origin=Revision.Origin.GENERATED).exists()

    def locked_keys(self) -> set[str]:
        """Return the keys of the locked sections, which no generation changes."""
        return set(self.locks.values_list("section", flat=True))

    def stale_keys(self) -> list[str]:
        """Return the keys of the stale sections that are not locked."""
        locked = self.locked_keys() if self.stale_sections else set()
        return [key for key in self.stale_sections if key not in locked]


class SectionLock(models.Model):
    """A section locked by an expert: no generation changes it."""

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
    """One version of a sheet's text. Append-only, enforced by the database."""

    class Origin(models.TextChoices):
        GENERATED = "generated", _("generated")
        HUMAN = "human", _("edited")
        MERGE = "merge", _("merged")
        RESTORE = "restore", _("restored")
        IMPORT = "import", _("imported")

    sheet = models.ForeignKey(
        Sheet, verbose_name=_("sheet"), on_delete=models.CASCADE, related_name="revisions"
    )
    number = models.PositiveIntegerField(_("number"))
    parent = models.ForeignKey(
        "self", on_delete=models.RESTRICT, null=True, blank=True, related_name="+"
    )
    second_parent = models.ForeignKey(
        "self", on_delete=models.RESTRICT, null=True, blank=True, related_name="+"
    )
    body = models.TextField(_("text"), blank=True)
    metadata = models.JSONField(_("key facts"), default=dict, blank=True)
    # The cached rendering: {"body": html, "outline": [[id, heading], …], "header": {key: html}}.
    # Derived: the only column that may be updated.
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
    """Queries about citations."""

    def current(self) -> "CitationQuerySet":
        """Return the citations of current revisions."""
        return self.filter(revision__sheet__current=F("revision"))

    def shown_to(self, user: Any) -> "CitationQuerySet":
        """Return the citations in sheets that `user` sees in lists."""
        return self.filter(revision__sheet__in=Sheet.objects.listed_for(user))

    def with_sheets(self) -> "CitationQuerySet":
        """Load the sheet of each citation, without the text of its revision."""
        return self.select_related("revision__sheet").only(
            "marker", "page", "quote", "level", "document_id",
            "revision__number", "revision__sheet__title", "revision__sheet__slug",
            "revision__sheet__state",
        )  # fmt: skip

    def by_sheet(self) -> list[dict[str, Any]]:
        """Return `title`, `slug`, `state` and cited `pages` of each citing sheet, by title."""
        sheet = "revision__sheet__"
        return [
            {**row}
            for row in self.order_by(f"{sheet}title", f"{sheet}pk")
            .values(title=F(f"{sheet}title"), slug=F(f"{sheet}slug"), state=F(f"{sheet}state"))
            .annotate(pages=ArrayAgg("page", distinct=True, order_by="page"))
        ]


class Citation(models.Model):
    """The citation of one footnote of a revision: a quote on a page of a source."""

    class Level(models.TextChoices):
        """The levels of `sheets.verification.levels`; "" where an older program has checked."""

        VERBATIM = "verbatim", _("quoted word for word")
        CONFIRMED = "confirmed", _("confirmed")
        JUDGED = "judged", _("read by a model")
        FIGURES = "figures", _("figures found, meaning to be checked")
        FRAGILE = "fragile", _("fragile")
        NOT_FOUND = "not_found", _("not found")
        UNSOURCED = "unsourced", _("without a source")

    revision = models.ForeignKey(
        Revision, verbose_name=_("revision"), on_delete=models.CASCADE, related_name="citations"
    )
    marker = models.CharField(_("marker"), max_length=40)
    order = models.PositiveIntegerField(default=0)
    document = models.ForeignKey(
        Document,
        verbose_name=_("source"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="citations",
    )
    chunk = models.ForeignKey(
        Chunk, on_delete=models.SET_NULL, null=True, blank=True, related_name="citations"
    )
    page = models.PositiveIntegerField(_("page"))
    quote = models.TextField(_("quote"))
    level = models.CharField(_("level"), max_length=10, choices=Level.choices, blank=True)
    reasons = models.JSONField(_("reasons"), default=list, blank=True)
    unborne = models.JSONField(
        _("words that no passage bears"), default=list, db_default=[], blank=True
    )

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
    def moved_to(self) -> int | None:
        """Return the page of the quote, if it is another one since its source was read again."""
        chunk = self.chunk
        if chunk is None or chunk.page_start <= self.page <= chunk.page_end:
            return None
        return chunk.page_start

    @property
    def reason_sentences(self) -> list[str]:
        """Return the reasons of the level as sentences in the active language."""
        sentences = (reason_sentence(code, detail) for code, detail in self.reasons)
        return [sentence for sentence in sentences if sentence]


class ProposalQuerySet(models.QuerySet["Proposal"]):
    """Queries about proposals."""

    def credits(self) -> "ProposalQuerySet":
        """Load only what tells whose suggestion an accepted proposal is."""
        return self.select_related("author").only("accepted_as", "author", "signed", "generation")

    def waiting(self) -> "ProposalQuerySet":
        return self.filter(state=Proposal.State.OPEN)


class Proposal(models.Model):
    """A proposed text with its base, its conflicts and the decision on it.

    Neither the text nor a decision ever changes; the database enforces both.
    """

    class State(models.TextChoices):
        OPEN = "open", _("waiting")
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused")
        REPLACED = "replaced", _("superseded")
        CLOSED = "closed", _("closed")

    ACCEPTED_SECTION, KEPT_SECTION, REPLACED_SECTION = "accepted", "kept", "replaced"

    sheet = models.ForeignKey(
        Sheet, verbose_name=_("sheet"), on_delete=models.CASCADE, related_name="proposals"
    )
    # The merge base: a revision, or the text of a proposal accepted after it; None when the sheet
    # has no generated text.
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
    metadata = models.JSONField(_("proposed key facts"), default=dict, blank=True)
    # The sections that the proposal covers. Empty: all.
    sections = models.JSONField(_("sections"), default=list, blank=True)
    # The new value of `Sheet.written_from` for them once they are decided.
    written_from = models.JSONField(default=dict, blank=True, editable=False)
    # Warnings for the reviewer: [{"code": "shrunk", "section": …, "before": …, "after": …}, …].
    notices = models.JSONField(_("warnings"), default=list, blank=True)
    # Derived, for lists: the text merged onto `merged_onto`, and the ids of the conflicts.
    merged = models.TextField(_("merged text"), blank=True)
    conflicts = models.JSONField(_("conflicts"), default=list, blank=True)
    merged_onto = models.ForeignKey(
        Revision, on_delete=models.RESTRICT, null=True, blank=True, related_name="+"
    )
    # Choices and decisions so far: {conflict id: {"take": …, "text": …}}, {section: accepted|kept}.
    choices = models.JSONField(_("choices"), default=dict, blank=True)
    decided = models.JSONField(_("decided sections"), default=dict, blank=True)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.OPEN, db_index=True
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("author"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    # For a suggestion: the reader's remark, the name given by a reader without an account, and an
    # identifier of the sender, for the limit per hour.
    remark = models.TextField(_("remark"), blank=True)
    signed = models.CharField(_("signature"), max_length=100, blank=True)
    # Where a reader without an account wants the answer; deleted once it is sent.
    reply_to = models.EmailField(_("address for the answer"), blank=True)
    sender = models.CharField(max_length=40, blank=True, editable=False, db_index=True)
    accepted_as = models.ForeignKey(
        Revision,
        verbose_name=_("accepted as revision"),
        on_delete=models.RESTRICT,
        null=True,
        blank=True,
        related_name="accepted_proposals",
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    decided_at = models.DateTimeField(_("decided on"), null=True, blank=True)
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
    def is_anonymous(self) -> bool:
        """Tell whether a reader without an account submitted it."""
        return bool(self.sender) and self.author_id is None

    @property
    def is_answerable(self) -> bool:
        """Tell whether somebody can be told of the decision: an account, or who left an address."""
        return bool(self.author_id or self.reply_to)

    @property
    def by_whom(self) -> str:
        """Return the name of who suggested it; "" for a generated proposal."""
        if self.generation_id:
            return ""
        return str(self.author or self.signed or _("a reader"))

    @property
    def base_text(self) -> tuple[str, dict[str, str]]:
        """Return the body and the header data of the merge base."""
        start = self.base_proposal or self.base
        return (start.body, start.metadata) if start else ("", {})

    def concerns(self, section: str) -> bool:
        """Tell whether the proposal covers the section and it is not decided yet."""
        return section not in self.decided and (not self.sections or section in self.sections)
