"""Write revisions: `save_revision` is the only function that does."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F, Max, QuerySet

from sheets.markdown.parse import body_statements, header_statements, split_notes
from sheets.markdown.splice import expand_footnotes, section_sizes
from sheets.merge import Version
from sheets.models import Citation, Generation, Revision, RevisionCheck, Sheet
from sheets.models.schema_loader import load_template
from sheets.queueing import queue_indexing, queue_judging
from sheets.rendering.preview import render_revision
from sheets.revisions.errors import LossyText, PersonalText, StaleBase
from sheets.schema.types import SheetTemplate
from sheets.search.indexing import index_words
from sheets.signals import revision_saved
from sheets.sources.citation_check import CheckedBody, CheckedStatement, check_body
from sheets.sources.confirmations import sheet_confirmations
from sheets.sources.judge import is_judge_on
from sheets.verification.scores import SheetScores, compute_scores, counts_as_statement
from wikico2.accounts.audit import record
from wikico2.models import User


@transaction.atomic
def save_revision(
    sheet: Sheet,
    *,
    base: Revision | None,
    body: str,
    metadata: Mapping[str, str],
    origin: str,
    author: User | None = None,
    generation: Generation | None = None,
    second_parent: Revision | None = None,
    comment: str = "",
    minor: bool = False,
    created_at: dt.datetime | None = None,
) -> Revision:
    """Append a revision to the sheet, with its citations checked and its page rendered.

    `base` is the revision that the text was started from, `created_at` the date of an imported
    text. Raises StaleBase when `base` is no longer the sheet's current revision, PersonalText for
    a generated text on a sheet that a person has edited, and LossyText for a generated text that
    loses more than half of a section (unless it goes on with its own text) or changes a locked one;
    nothing is written then.
    """
    locked = Sheet.objects.lock(sheet)
    if locked.current_id != (base.pk if base else None):
        raise StaleBase(locked.current)
    if origin == Revision.Origin.GENERATED and locked.has_human_edits():
        raise PersonalText(sheet.pk)
    template = load_template(locked.sheet_type)
    if origin == Revision.Origin.GENERATED and base:
        old, new = Version(base.body, base.metadata), Version(body, metadata)
        goes_on = generation is not None and base.generation_id == generation.pk
        notices = [
            *([] if goes_on else find_losses(old, new, template)),
            *find_locked_changes(old, new, locked, template),
        ]
        if notices:
            raise LossyText(notices)
    latest = locked.revisions.aggregate(number=Max("number"))["number"] or 0
    revision = Revision.objects.create(
        sheet=locked,
        number=latest + 1,
        parent=base,
        second_parent=second_parent,
        body=body,
        metadata=dict(metadata),
        origin=origin,
        author=author,
        generation=generation,
        comment=comment[:500],
        minor=minor,
        **({"created_at": created_at} if created_at else {}),
    )
    if created_at is None:  # else it was written elsewhere
        record("sheet.write", locked, author, version=revision.number, origin=origin)
    scores = finalize_revision(revision, template)
    now = {
        "current": revision,
        "completeness": scores.completeness,
        "confidence": scores.confidence,
        "updated_at": revision.created_at,
    }
    Sheet.objects.filter(pk=locked.pk).update(**now)
    for name, value in now.items():
        setattr(locked, name, value)
        setattr(sheet, name, value)
    index_words(locked, template)
    queue_indexing(sheet.pk, author)
    if is_judge_on():
        queue_judging(sheet.pk, author)
    revision_saved.send(Revision, revision=revision)
    return revision


def find_losses(old: Version, new: Version, template: SheetTemplate) -> list[dict[str, Any]]:
    """Return a notice for each section that would lose more than half of its words."""
    after = section_sizes(new, template)
    return [
        {
            "code": "shrunk" if after.get(key) else "empty",
            "section": key,
            "before": count,
            "after": after.get(key, 0),
        }
        for key, count in section_sizes(old, template).items()
        if after.get(key, 0) * 2 < count
    ]


def find_locked_changes(
    old: Version, new: Version, sheet: Sheet, template: SheetTemplate
) -> list[dict[str, Any]]:
    """Return a notice for each locked section that would change."""
    locked = sheet.locked_keys()
    if not locked:
        return []
    before, after = expand_footnotes(old, template), expand_footnotes(new, template)
    return [
        {"code": "locked", "section": key}
        for key in sorted(locked)
        if before.get(key) != after.get(key)
    ]


def check_revision(
    revision: Revision, template: SheetTemplate, *, moved: bool = False
) -> CheckedBody:
    """Check the statements of a revision's body and of its header, as far as they are cited.

    With `moved`, quotes are also looked for on other pages of their source.
    """
    _text, notes = split_notes(revision.body)
    statements = body_statements(revision.body, template)
    values = header_statements(revision.metadata, template)
    said = sheet_confirmations(revision.sheet)
    return check_body(notes, [*statements, *(v for v in values if v.markers)], said, moved=moved)


def finalize_revision(
    revision: Revision, template: SheetTemplate, *, moved: bool = False
) -> SheetScores:
    """Check and store the citations of a revision, and render it; return its scores.

    With `moved`, quotes are also looked for on other pages of their source.
    """
    checked = check_revision(revision, template, moved=moved)
    found = checked.citations
    rows = Citation.objects.bulk_create(
        Citation(
            revision=revision,
            marker=c.note.marker[:40],
            order=order,
            document=c.document,
            chunk_id=c.chunk_id,
            page=c.note.page or 1,
            quote=c.note.quote,
            level=c.level,
            reasons=[list(r) for r in c.reasons],
            unborne=list(c.unborne),
        )
        for order, c in enumerate(found, 1)
    )
    by_a_person = revision.origin != Revision.Origin.GENERATED
    scores = compute_scores(template, checked.statements, by_a_person=by_a_person)
    RevisionCheck.objects.update_or_create(
        revision=revision,
        defaults={
            "version": RevisionCheck.VERSION,
            "levels": dict(scores.levels),
            "statements": [statement_as_json(one) for one in checked.statements],
        },
    )
    page = render_revision(revision, template, found, {row.marker: row.pk for row in rows})
    revision.rendered = page.as_json() | {"measures": scores.as_json()}
    revision.save(update_fields=["rendered"])
    return scores


def statement_as_json(one: CheckedStatement) -> dict[str, Any]:
    """Return a checked statement in the form stored in `RevisionCheck.statements`."""
    statement, finding = one.statement, one.finding
    return {
        "section": statement.section,
        "field": statement.field,
        "text": statement.text,
        "markers": list(statement.markers),
        "level": finding.level,
        "counts": counts_as_statement(statement, finding.level),
        "reasons": [list(reason) for reason in finding.reasons],
        "unborne": list(finding.unborne),
        "keys": list(one.keys),
    }


@transaction.atomic
def recheck_revision(revision: Revision, *, moved: bool = False) -> None:
    """Check the citations of a revision again, and render it with the new levels.

    With `moved`, quotes are also looked for on other pages of their source.
    """
    sheet = Sheet.objects.select_for_update(of=("self",)).get(pk=revision.sheet_id)
    revision.citations.all().delete()
    scores = finalize_revision(revision, load_template(sheet.sheet_type), moved=moved)
    if sheet.current_id == revision.pk:
        Sheet.objects.filter(pk=sheet.pk).update(
            completeness=scores.completeness, confidence=scores.confidence
        )


def outdated_checks() -> QuerySet[Revision]:
    """Return the current revisions that an older check, or none, has looked at."""
    current = Revision.objects.filter(sheet__current=F("pk"))
    return current.exclude(check_made__version=RevisionCheck.VERSION)
