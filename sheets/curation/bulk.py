"""Do one action to many sheets or sources, and tell of each whether it was done or left, and why.

Each row is treated in a transaction of its own, together with its entry in the report: killed
anywhere, the action goes on with the next one and treats none twice. Who asked must be allowed to
do it to each row, by the table of rules.
"""

import datetime as dt
import tempfile
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from django.core.files.base import File
from django.db import transaction
from django.utils import timezone

from ingestion.models import Document
from ingestion.pipeline.edit_details import save_description
from ingestion.pipeline.reread import request_rereading
from ingestion.pipeline.run import retry_document
from sheets.actions.states import (
    archive_sheet,
    assign_sheet,
    publish_sheet,
    restore_sheet,
    submit_sheet,
)
from sheets.generation.request import request_generation
from sheets.models import BulkAction, Revision, Sheet, VocabularyTerm
from sheets.models.vocabulary import rename_in_header, term_name
from sheets.queueing import BULK_ACTION
from sheets.revisions.errors import StaleBase
from sheets.revisions.save import save_revision
from sheets.transfer.formats import to_markdown
from wikico2.accounts.rules import may
from wikico2.errors import UserError
from wikico2.jobs.queue import start_job
from wikico2.jobs.runner import JobRun
from wikico2.models import Job, User

Action = BulkAction.Action
AT_ONCE = 20
"""Up to this many rows are treated in the request; more of them in the queue."""
SLOW = {Action.TERM: 3, Action.CATEGORY: 3, Action.EXPORT: 20}
"""Fewer, for what checks and renders each sheet anew."""
RETENTION = dt.timedelta(days=30)
TRIES = 3
"""How often a sheet is written again that somebody saves at the same moment."""


@dataclass(frozen=True)
class BulkKind:
    """What an action does to one row; `act` raises UserError to leave it.

    `rule` is the action of the table of rules that is asked for each row; that of a new state
    depends on the state.
    """

    rule: str
    act: Callable[[BulkAction, Any], None]
    on_sources: bool = False

    def rows(self) -> Any:
        """Return the rows that the action works on."""
        if self.on_sources:
            return Document.objects.all()
        return Sheet.objects.select_related("sheet_type", "current")


# --- What is done to a row ------------------------------------------------------------------------


def set_category(action: BulkAction, sheet: Sheet) -> None:
    """Write the category into the key facts of a sheet, as a new version."""
    if sheet.current is None:
        raise UserError("not_written_yet")
    header = sheet.current.metadata
    if term_name(header.get("categorie", "")) == action.value:
        raise UserError("already_so")
    known = VocabularyTerm.objects.filter(
        kind=VocabularyTerm.Kind.CATEGORY, name=action.value
    ).first()
    term = known or VocabularyTerm(kind=VocabularyTerm.Kind.CATEGORY, name=action.value)
    bare = {**header, "categorie": term.name}
    _save_header(sheet, bare, action, f"Catégorie : {term.name}")


def rename_term_in_sheet(action: BulkAction, sheet: Sheet) -> None:
    """Write the present name of a term into the key facts of a sheet, as a new version."""
    term = VocabularyTerm.objects.filter(pk=int(action.value)).first()
    if term is None or sheet.current is None:
        raise UserError("already_so")
    header = rename_in_header(sheet.current.metadata, term)
    if header == sheet.current.metadata:
        raise UserError("already_so")
    _save_header(sheet, header, action, f"{term.get_kind_display().capitalize()} : {term.name}")


def _save_header(sheet: Sheet, header: dict[str, str], action: BulkAction, comment: str) -> None:
    """Save a version that differs in its key facts only; a concurrent save goes first."""
    assert sheet.current is not None
    save_revision(
        sheet,
        base=sheet.current,
        body=sheet.current.body,
        metadata=header,
        origin=Revision.Origin.HUMAN,
        author=action.asked_by,
        comment=comment,
        minor=True,
    )


def change_state(action: BulkAction, sheet: Sheet) -> None:
    """Submit, publish, archive or restore a sheet. Validating is done on the sheet, by reading."""
    STATE_CHANGES[action.value][1](sheet, _asker(action))


def set_responsible(action: BulkAction, sheet: Sheet) -> None:
    """Put a person in charge of a sheet, or with "0" nobody."""
    person = User.objects.filter(pk=int(action.value)).first()
    if sheet.responsible_id == (person.pk if person else None):
        raise UserError("already_so")
    assign_sheet(sheet, _asker(action), person)


def _asker(action: BulkAction) -> User:
    if action.asked_by is None:
        raise UserError("not_allowed")
    return action.asked_by


def regenerate_stale(action: BulkAction, sheet: Sheet) -> None:
    """Queue the writing of the sections of a sheet that are out of date and not locked."""
    keys = sheet.stale_keys()
    if not keys:
        raise UserError("not_stale")
    if sheet.generations.in_progress().exists():
        raise UserError("being_written")
    request_generation(sheet, action.asked_by, keys)


def choose_for_export(action: BulkAction, sheet: Sheet) -> None:
    """Take a sheet into the archive, which is written at the end."""
    if sheet.current is None:
        raise UserError("not_written_yet")


def set_access(action: BulkAction, document: Document) -> None:
    """Set who may read a source."""
    if document.access == action.value:
        raise UserError("already_so")
    document.access = action.value
    save_description(document, ["access"])


def set_licence(action: BulkAction, document: Document) -> None:
    if document.licence == action.value:
        raise UserError("already_so")
    document.licence = action.value
    save_description(document, ["licence"])


def retry_reading(action: BulkAction, document: Document) -> None:
    """Restart the reading of a source where it stopped."""
    if not document.is_changeable or not retry_document(document, action.asked_by):
        raise UserError("nothing_to_retry")


def read_anew(action: BulkAction, document: Document) -> None:
    if not request_rereading(Document.objects.filter(pk=document.pk)):
        raise UserError("not_ready")


STATE_CHANGES: dict[str, tuple[str, Callable[[Sheet, User], None]]] = {
    "submit": ("sheet.submit", submit_sheet),
    "publish": ("sheet.publish", publish_sheet),
    "archive": ("sheet.archive", archive_sheet),
    "restore": ("sheet.restore", restore_sheet),
}
"""The changes of state that many sheets can undergo: the rule, and what does it."""

KINDS: dict[str, BulkKind] = {
    Action.STATE: BulkKind("workshop.enter", change_state),
    Action.RESPONSIBLE: BulkKind("sheet.assign", set_responsible),
    Action.CATEGORY: BulkKind("sheet.edit", set_category),
    Action.TERM: BulkKind("sheet.edit", rename_term_in_sheet),
    Action.REGENERATE: BulkKind("sheet.generate", regenerate_stale),
    Action.EXPORT: BulkKind("draft.read", choose_for_export),
    Action.ACCESS: BulkKind("source.set_access", set_access, on_sources=True),
    Action.LICENCE: BulkKind("source.edit", set_licence, on_sources=True),
    Action.RETRY: BulkKind("source.retry", retry_reading, on_sources=True),
    Action.REREAD: BulkKind("source.retry", read_anew, on_sources=True),
}


def rule_of(action: BulkAction) -> str:
    """Return the rule that is asked for each row of an action."""
    if action.action == Action.STATE:
        return STATE_CHANGES[action.value][0]
    return KINDS[action.action].rule


# --- Requests -------------------------------------------------------------------------------------


def request_bulk_action(
    action: str, ids: Collection[int], user: User, value: str = ""
) -> BulkAction:
    """Do an action to rows now, if they are few, or queue it; return it with its report.

    Raises UserError: nothing_chosen, or too_many_chosen.
    """
    chosen = list(dict.fromkeys(ids))
    if not chosen:
        raise UserError("nothing_chosen")
    if len(chosen) > BulkAction.MOST_ROWS:
        raise UserError("too_many_chosen", n=len(chosen), limit=BulkAction.MOST_ROWS)
    with transaction.atomic():
        made = BulkAction.objects.create(
            action=action, value=value[:300], waiting=chosen, asked_by=user
        )
        if len(chosen) > SLOW.get(Action(action), AT_ONCE):
            start_job(BULK_ACTION, made.pk, owner=user, total=len(chosen))
            return made
    while treat_next_row(made):
        pass
    finish_action(made)
    return made


# --- Treating -------------------------------------------------------------------------------------


def run_bulk_slice(run: JobRun) -> bool:
    """Treat the rows that are left of an action, for a time slice; tell whether none is."""
    action = BulkAction.objects.select_related("asked_by").filter(pk=run.row_id).first()
    if action is None:
        return True
    total = len(action.waiting) + len(action.treated) + len(action.left)
    while treat_next_row(action):
        run.advance(done=total - len(action.waiting), total=total)
        if action.waiting and run.enough():
            return False
    finish_action(action)
    return True


def treat_next_row(action: BulkAction) -> bool:
    """Treat the next row of an action and write what became of it; False if none is left."""
    for tried in range(TRIES):
        try:
            with transaction.atomic():
                return _treat_locked(action, last=tried == TRIES - 1)
        except StaleBase:  # somebody has saved the sheet at the same moment
            continue
    return bool(action.waiting)


def _treat_locked(action: BulkAction, *, last: bool) -> bool:
    held = BulkAction.objects.select_for_update(of=("self",)).get(pk=action.pk)
    action.waiting, action.treated, action.left = held.waiting, held.treated, held.left
    if not held.waiting:
        return False
    pk, *rest = held.waiting
    kind = KINDS[action.action]
    row = kind.rows().filter(pk=pk).first()
    title = str(row) if row is not None else f"n° {pk}"
    try:
        if row is None:
            raise UserError("row_gone")
        if not may(action.asked_by, rule_of(action), row):
            raise UserError("not_allowed")
        with transaction.atomic():
            kind.act(action, row)
        action.treated = [*held.treated, [pk, title]]
    except UserError as error:
        action.left = [*held.left, [pk, title, error.code, error.details]]
    except StaleBase:
        if not last:
            raise
        action.left = [*held.left, [pk, title, "being_written", {}]]
    action.waiting = rest
    action.save(update_fields=["waiting", "treated", "left"])
    return True


def clear_bulk_actions() -> None:
    """Delete the reports of old actions, with the archives of exports."""
    running = Job.objects.in_progress().filter(kind=BULK_ACTION).values("subject_id")
    old = BulkAction.objects.filter(created_at__lt=timezone.now() - RETENTION)
    for action in old.exclude(pk__in=running):
        if action.file:
            action.file.delete(save=False)
        action.delete()


def finish_action(action: BulkAction) -> None:
    """Write the archive of an export; other actions are finished with their last row."""
    if action.action != Action.EXPORT or action.file or not action.treated:
        return
    sheets = Sheet.objects.filter(pk__in=[pk for pk, _title in action.treated])
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for sheet in sheets.select_related("sheet_type", "current").order_by("slug"):
                archive.writestr(f"{sheet.slug}.md", to_markdown(sheet))
        file.seek(0)
        name = f"fiches-{timezone.localdate().isoformat()}-{action.pk}.zip"
        action.file.save(name, File(file), save=False)
    action.save(update_fields=["file"])
