"""Edit: what a person types becomes the sheet's next revision, merged with what others saved."""

from collections.abc import Iterable, Mapping

from django.db import transaction

from sheets.merge import (
    ConflictChoice,
    MergeResult,
    UnresolvedConflicts,
    Version,
    merge_versions,
    resolve_conflicts,
    resolve_value_conflicts,
)
from sheets.models import Revision, Sheet
from sheets.revisions.save import save_revision
from sheets.revisions.versions import is_same_version, version_of
from wikico2.models import User


class EditConflict(Exception):
    """Others have changed the same places meanwhile; `merged` has today's text as ours.

    `unsettled` names the conflicts for which a choice was asked and none was made.
    """

    def __init__(
        self, merged: MergeResult, current: Revision, unsettled: Iterable[str] = ()
    ) -> None:
        super().__init__(merged, current)
        self.merged = merged
        self.current = current
        self.unsettled = list(unsettled)


# --- Saving ---------------------------------------------------------------------------------------


@transaction.atomic
def save_edit(
    sheet: Sheet,
    user: User,
    *,
    base: Revision | None,
    text: Version,
    comment: str = "",
    minor: bool = False,
    choices: Mapping[str, ConflictChoice] | None = None,
    onto: int = 0,
) -> Revision:
    """Save what a person made of `base`, merged with what was saved since.

    Where both have changed the same places Clash is raised and nothing is written, unless
    `choices` settle all of them for the revision of the number `onto`. The revision that is
    returned is the present one where the text says nothing new.
    """
    held = Sheet.objects.held(sheet)
    current = held.current
    origin, second = Revision.Origin.HUMAN, None
    if current and current != base:
        merged = merge_versions(version_of(base), version_of(current), text)
        if merged.conflicts and (choices is None or onto != current.number):
            raise EditConflict(merged, current)
        settled = choices or {}
        try:
            text = Version(
                resolve_conflicts(merged, settled), resolve_value_conflicts(merged, settled)
            )
        except UnresolvedConflicts:
            left = [c.id for c in merged.conflicts if c.id not in settled]
            raise EditConflict(merged, current, left) from None
        if base:
            origin, second = Revision.Origin.MERGE, base
    if current and is_same_version(text, version_of(current)):
        return current
    return save_revision(
        held,
        base=current,
        body=text.body,
        metadata=text.values,
        origin=origin,
        author=user,
        second_parent=second,
        comment=comment,
        minor=minor,
    )


@transaction.atomic
def restore_revision(
    sheet: Sheet, user: User, revision: Revision, *, onto: int, comment: str
) -> Revision:
    """Make a former version the sheet's next revision; raises StaleBase where it has moved on.

    `onto` is the number of the revision that the person saw as the current one.
    """
    held = Sheet.objects.held(sheet)
    seen = held.revisions.filter(number=onto).first()
    if seen == held.current and is_same_version(version_of(revision), version_of(seen)):
        return revision
    return save_revision(
        held,
        base=seen,
        body=revision.body,
        metadata=revision.metadata,
        origin=Revision.Origin.RESTORE,
        author=user,
        comment=comment,
    )


# --- One section ----------------------------------------------------------------------------------


# --- Footnotes ------------------------------------------------------------------------------------
