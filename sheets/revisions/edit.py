"""Save a person's edit as the sheet's next revision, merged with concurrent revisions."""

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
    """Others have changed the same text meanwhile; `merged` has the current text as ours.

    `unresolved` are the ids of the conflicts that still lack a choice.
    """

    def __init__(
        self, merged: MergeResult, current: Revision, unresolved: Iterable[str] = ()
    ) -> None:
        super().__init__(merged, current)
        self.merged = merged
        self.current = current
        self.unresolved = list(unresolved)


@transaction.atomic
def save_edit(
    sheet: Sheet,
    user: User,
    *,
    base: Revision | None,
    text: Version,
    since: Version | None = None,
    comment: str = "",
    minor: bool = False,
    choices: Mapping[str, ConflictChoice] | None = None,
    onto: int = 0,
) -> Revision:
    """Save an edit of `base`, merged with the revisions saved since.

    Where both have changed the same text, EditConflict is raised and nothing is written, unless
    `choices` resolve all conflicts with the current revision, of number `onto`. Return the new
    revision, or the current one when nothing differs.

    `since` is for a form that is saved again: the text that it sent the last time, of which `base`
    is the revision then. It is merged from that text: others' words that came in with the last save
    stand in the revision and not in the form.
    """
    locked = Sheet.objects.lock(sheet)
    current = locked.current
    origin, second = Revision.Origin.HUMAN, None
    if current and (current != base or since is not None):
        ancestor = version_of(base) if since is None else since
        merged = merge_versions(ancestor, version_of(current), text)
        if merged.conflicts and (choices is None or onto != current.number):
            raise EditConflict(merged, current)
        chosen = choices or {}
        try:
            text = Version(
                resolve_conflicts(merged, chosen), resolve_value_conflicts(merged, chosen)
            )
        except UnresolvedConflicts:
            left = [c.id for c in merged.conflicts if c.id not in chosen]
            raise EditConflict(merged, current, left) from None
        if base and base != current:
            origin, second = Revision.Origin.MERGE, base
    if current and is_same_version(text, version_of(current)):
        return current
    return save_revision(
        locked,
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
    """Save an earlier revision's text as the sheet's next revision.

    `onto` is the number of the revision that the person saw as current; raises StaleBase when it no
    longer is.
    """
    locked = Sheet.objects.lock(sheet)
    seen = locked.revisions.filter(number=onto).first()
    if seen == locked.current and is_same_version(version_of(revision), version_of(seen)):
        return revision
    return save_revision(
        locked,
        base=seen,
        body=revision.body,
        metadata=revision.metadata,
        origin=Revision.Origin.RESTORE,
        author=user,
        comment=comment,
    )
