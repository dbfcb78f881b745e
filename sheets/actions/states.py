"""The life of a sheet: submitted, validated, published, archived, deleted, and who is in charge."""

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from sheets.generation.request import cancel_generation
from sheets.links.rename import require_free_title
from sheets.models import CachedPage, Link, Revision, SearchedSheet, Sheet, SheetEvent
from sheets.queueing import queue_indexing
from sheets.search.indexing import index_words
from sheets.staleness.state import refresh_staleness
from wikico2.accounts.rules import check
from wikico2.errors import UserError
from wikico2.models import User

Kind = SheetEvent.Kind
State = Sheet.State


@transaction.atomic
def submit_sheet(sheet: Sheet, user: User, comment: str = "") -> None:
    """Submit a draft for validation. Raises UserError("wrong_state") for any other sheet."""
    check(user, "sheet.submit", sheet)
    locked = _lock_in_state(sheet, State.DRAFT)
    _require_text(locked)
    _set_state(sheet, locked, State.REVIEW)
    SheetEvent.objects.write(locked, Kind.SUBMITTED, user, comment=comment)


@transaction.atomic
def validate_sheet(
    sheet: Sheet,
    user: User,
    *,
    version: int,
    review_on: dt.date | None = None,
    comment: str = "",
) -> None:
    """Validate a version, which must be the current one; a draft then counts as validated.

    `review_on` is the next date of review: `REVIEW_MONTHS` from now if none is given. Raises
    UserError: stale_version, if the sheet was changed meanwhile; wrong_state for an archived sheet,
    or a version that is validated already.
    """
    check(user, "sheet.validate", sheet)
    locked = _lock_in_state(sheet, State.DRAFT, State.REVIEW, State.VALIDATED, State.PUBLISHED)
    current = _require_text(locked)
    if current.number != version:
        raise UserError("stale_version", number=version, current=current.number)
    if locked.is_validated:
        raise UserError("wrong_state", state=locked.state)
    now = timezone.now()
    state = State.PUBLISHED if locked.state == State.PUBLISHED else State.VALIDATED
    due = review_on or add_months(timezone.localdate(), settings.REVIEW_MONTHS)
    _update(
        sheet,
        locked,
        state=state,
        validated_by=user,
        validated_at=now,
        validated_revision=current,
        review_on=due,
    )
    SheetEvent.objects.write(locked, Kind.VALIDATED, user, revision=current, comment=comment)


@transaction.atomic
def request_changes(sheet: Sheet, user: User, comment: str) -> None:
    """Ask for changes of a sheet that awaits validation; one that is not published is a draft then.

    Raises UserError: comment_needed, if it is not said which changes; wrong_state.
    """
    check(user, "sheet.request_changes", sheet)
    locked = _lock_in_state(sheet, State.REVIEW, State.VALIDATED, State.PUBLISHED)
    current = _require_text(locked)
    if not comment.strip():
        raise UserError("comment_needed")
    if locked.state != State.PUBLISHED:
        _set_state(sheet, locked, State.DRAFT)
    SheetEvent.objects.write(
        locked, Kind.CHANGES_REQUESTED, user, revision=current, comment=comment
    )


@transaction.atomic
def publish_sheet(sheet: Sheet, user: User, comment: str = "") -> None:
    """Publish a sheet that has a text. Raises UserError: wrong_state, nothing_to_publish."""
    check(user, "sheet.publish", sheet)
    locked = _lock_in_state(sheet, State.DRAFT, State.REVIEW, State.VALIDATED)
    current = _require_text(locked)
    _set_state(sheet, locked, State.PUBLISHED)
    SheetEvent.objects.write(locked, Kind.PUBLISHED, user, revision=current, comment=comment)


@transaction.atomic
def archive_sheet(sheet: Sheet, user: User, comment: str = "") -> None:
    """Archive a sheet: it is kept, and no longer listed. Raises UserError("wrong_state")."""
    check(user, "sheet.archive", sheet)
    locked = _lock_in_state(sheet, State.DRAFT, State.REVIEW, State.VALIDATED, State.PUBLISHED)
    before = locked.state
    _set_state(sheet, locked, State.ARCHIVED)
    SheetEvent.objects.write(locked, Kind.ARCHIVED, user, comment=comment, before=before)


@transaction.atomic
def restore_sheet(sheet: Sheet, user: User, comment: str = "") -> None:
    """Bring a sheet back from the archive, in the state that it had. Raises wrong_state."""
    check(user, "sheet.restore", sheet)
    locked = _lock_in_state(sheet, State.ARCHIVED)
    event = SheetEvent.objects.latest_of(locked, Kind.ARCHIVED)
    before = event.details.get("before") if event else None
    state = before if before in State.values and before != State.ARCHIVED else State.DRAFT
    _set_state(sheet, locked, state)
    SheetEvent.objects.write(locked, Kind.RESTORED, user, comment=comment, state=state)


@transaction.atomic
def assign_sheet(sheet: Sheet, user: User, responsible: User | None) -> None:
    """Set who is in charge of a sheet, or nobody."""
    check(user, "sheet.assign", sheet)
    locked = Sheet.objects.lock(sheet)
    if locked.responsible_id == (responsible.pk if responsible else None):
        return
    _update(sheet, locked, responsible=responsible)
    SheetEvent.objects.write(
        locked, Kind.ASSIGNED, user, name=str(responsible) if responsible else ""
    )


@transaction.atomic
def schedule_review(sheet: Sheet, user: User, review_on: dt.date | None) -> None:
    """Set the date on which a sheet is due for review, or none."""
    check(user, "sheet.schedule_review", sheet)
    locked = Sheet.objects.lock(sheet)
    if locked.review_on == review_on:
        return
    _update(sheet, locked, review_on=review_on)
    SheetEvent.objects.write(
        locked, Kind.SCHEDULED, user, date=review_on.isoformat() if review_on else ""
    )


# --- Deleting -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Belongings:
    """What goes with a deleted sheet, and what will lead nowhere: numbers of rows."""

    versions: int
    proposals: int
    discussions: int
    generations: int
    watches: int
    linked_from: int


def belongings_of(sheet: Sheet, linked_from: int) -> Belongings:
    """Count what goes with a sheet; `linked_from` is the number of sheets that link to it."""
    return Belongings(
        versions=sheet.revisions.count(),
        proposals=sheet.proposals.count(),
        discussions=sheet.discussions.count(),
        generations=sheet.generations.count(),
        watches=sheet.watches.count(),
        linked_from=linked_from,
    )


@transaction.atomic
def delete_sheet(sheet: Sheet, user: User) -> None:
    """Delete a sheet: for `DELETED_DAYS` it can be brought back, then it goes with its history."""
    check(user, "sheet.delete", sheet)
    locked = Sheet.objects.lock(sheet)
    for generation in locked.generations.in_progress():
        cancel_generation(generation, user)
    SheetEvent.objects.write(locked, Kind.DELETED, user)
    _update(sheet, locked, deleted_at=timezone.now(), deleted_by=user)
    SearchedSheet.objects.filter(sheet=locked).delete()
    locked.searched_sections.all().delete()
    Link.objects.filter(source=locked).delete()
    CachedPage.objects.filter(sheet=locked).delete()
    queue_indexing(locked.pk, user)


@transaction.atomic
def undelete_sheet(sheet: Sheet, user: User) -> None:
    """Bring a deleted sheet back. Raises UserError("title_taken") if another has its title now."""
    check(user, "sheet.delete", sheet)
    locked = Sheet.all_sheets.lock(sheet)
    if locked.deleted_at is None:
        return
    require_free_title(locked.title, locked)
    _update(sheet, locked, deleted_at=None, deleted_by=None)
    SheetEvent.objects.write(locked, Kind.UNDELETED, user)
    index_words(locked)
    queue_indexing(locked.pk, user)
    refresh_staleness(Sheet.objects.filter(pk=locked.pk))


def purge_deleted_sheets() -> int:
    """Delete for good, with their history, the sheets deleted long ago; return how many."""
    before = timezone.now() - dt.timedelta(days=settings.DELETED_DAYS)
    old = list(Sheet.all_sheets.filter(deleted_at__lt=before))
    for sheet in old:
        sheet.delete()
    return len(old)


# --- What is possible -----------------------------------------------------------------------------


def possible_actions(sheet: Sheet) -> list[str]:
    """Return the actions that the state of the sheet allows, whoever asks."""
    written, archived = sheet.current_id is not None, sheet.state == State.ARCHIVED
    allowed = {
        "submit": written and sheet.state == State.DRAFT,
        "validate": written and not archived and not sheet.is_validated,
        "request_changes": written
        and sheet.state in (State.REVIEW, State.VALIDATED, State.PUBLISHED),
        "publish": written and not archived and sheet.state != State.PUBLISHED,
        "archive": not archived,
        "restore": archived,
        "delete": True,
    }
    return [name for name, is_allowed in allowed.items() if is_allowed]


def add_months(day: dt.date, months: int) -> dt.date | None:
    """Return the same day so many months later, or the last of that month; None for 0 months."""
    if not months:
        return None
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return dt.date(year, month + 1, last)
        except ValueError:
            continue
    return None


def _lock_in_state(sheet: Sheet, *states: str) -> Sheet:
    """Lock the sheet; raises UserError("wrong_state") unless it is in one of the states."""
    locked = Sheet.objects.lock(sheet)
    if locked.state not in states:
        raise UserError("wrong_state", state=locked.state)
    return locked


def _require_text(sheet: Sheet) -> Revision:
    if sheet.current is None:
        raise UserError("nothing_to_publish")
    return sheet.current


def _set_state(sheet: Sheet, locked: Sheet, state: str) -> None:
    """Write the state; archiving takes the sheet out of the index, and restoring puts it back."""
    crosses = State.ARCHIVED in (state, locked.state)
    _update(sheet, locked, state=state)
    if crosses:
        queue_indexing(locked.pk)


def _update(sheet: Sheet, locked: Sheet, **values: object) -> None:
    """Write fields, which change no text, on the row and on both objects that stand for it."""
    Sheet.all_sheets.filter(pk=locked.pk).update(**values)
    for name, value in values.items():
        setattr(locked, name, value)
        setattr(sheet, name, value)
