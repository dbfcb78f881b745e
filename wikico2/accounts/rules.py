"""The one table of rules: which role may do what to which kind of object.

Pages, the administration, the API and jobs all ask `may`. A rule names the least role that may do
the action to every object, and, where it differs, the least role that may do it to an object of
one's own. Roles are groups that hold permissions (`wikico2.accounts.roles`), so that an operator
can grant one right to one group or account; the table says which permission an action needs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet


class Role(IntEnum):
    """The roles; each may what those before it may. `ACCOUNT` is an account without a role."""

    PUBLIC = 0
    ACCOUNT = 1
    READER = 2
    CONTRIBUTOR = 3
    EXPERT = 4
    ADMINISTRATOR = 5
    SUPERUSER = 6


@dataclass(frozen=True)
class AccessRule:
    """Who may do one action.

    `least` is the least role that may do it to every object, `owner` the least role that may do it
    to an object of its own; None if owning makes no difference. `permission` and `owner_permission`
    are the permissions by which groups hold these roles. `opened_by` names a setting that opens the
    action to the public.
    """

    least: Role
    permission: str = ""
    opened_by: str = ""
    owner: Role | None = None
    owner_permission: str = ""


READS = "sheets.view_sheet"
ADDS = "sheets.add_sheet"
EDITS = "sheets.change_sheet"
VALIDATES = "sheets.validate_sheet"
PUBLISHES = "sheets.publish_sheet"
PROPOSES = "sheets.add_proposal"
SETTLES = "sheets.change_proposal"
UPLOADS = "ingestion.add_document"
DESCRIBES = "ingestion.change_document"
CURATES = "wikico2.curate"

_reader = AccessRule(Role.READER, READS)
_editor = AccessRule(Role.CONTRIBUTOR, EDITS)
_expert = AccessRule(Role.EXPERT, VALIDATES)
_publisher = AccessRule(Role.ADMINISTRATOR, PUBLISHES)

RULES: dict[str, AccessRule] = {
    # The site
    "site.read": AccessRule(Role.READER, READS, opened_by="PUBLIC_SITE"),
    "account.own": AccessRule(Role.ACCOUNT),
    "watch.set": _reader,
    # Sheets
    "draft.read": AccessRule(Role.READER, READS, opened_by="SHOW_DRAFTS"),
    "unvalidated.read": AccessRule(Role.READER, READS, opened_by="SHOW_UNVALIDATED"),
    "sheet.create": AccessRule(Role.CONTRIBUTOR, ADDS),
    "sheet.edit": _editor,
    "sheet.rename": _editor,
    "sheet.generate": _editor,
    "sheet.change_sources": _editor,
    "sheet.submit": _editor,
    "sheet.assign": AccessRule(
        Role.EXPERT, VALIDATES, owner=Role.CONTRIBUTOR, owner_permission=EDITS
    ),
    "sheet.schedule_review": _expert,
    "sheet.request_changes": _expert,
    "sheet.validate": _expert,
    "sheet.lock": _expert,
    "sheet.publish": _publisher,
    "sheet.archive": _publisher,
    "sheet.restore": _publisher,
    "sheet.delete": AccessRule(Role.SUPERUSER, "sheets.delete_sheet"),
    "statement.confirm": _expert,
    # Proposals and comments
    "proposal.create": AccessRule(Role.CONTRIBUTOR, PROPOSES, opened_by="ANONYMOUS_SUGGESTIONS"),
    "proposal.list": _reader,
    "proposal.read_anonymous": _reader,
    "proposal.settle": AccessRule(Role.EXPERT, SETTLES),
    "comment.read": _reader,
    "comment.create": AccessRule(Role.CONTRIBUTOR, PROPOSES),
    "comment.resolve": AccessRule(
        Role.EXPERT, SETTLES, owner=Role.CONTRIBUTOR, owner_permission=PROPOSES
    ),
    "comment.remove": AccessRule(
        Role.EXPERT, CURATES, owner=Role.CONTRIBUTOR, owner_permission=PROPOSES
    ),
    # Sources
    "source.read_internal": AccessRule(Role.READER, "ingestion.view_document"),
    "source.add": AccessRule(Role.CONTRIBUTOR, UPLOADS),
    "source.edit": AccessRule(Role.CONTRIBUTOR, DESCRIBES),
    "source.retry": AccessRule(Role.CONTRIBUTOR, DESCRIBES),
    "source.set_access": AccessRule(
        Role.EXPERT, CURATES, owner=Role.CONTRIBUTOR, owner_permission=DESCRIBES
    ),
    "source.stop": AccessRule(
        Role.EXPERT, CURATES, owner=Role.CONTRIBUTOR, owner_permission=DESCRIBES
    ),
    "source.remove": AccessRule(
        Role.EXPERT, CURATES, owner=Role.CONTRIBUTOR, owner_permission=DESCRIBES
    ),
    "source.read_log": AccessRule(
        Role.ADMINISTRATOR,
        "ingestion.delete_document",
        owner=Role.CONTRIBUTOR,
        owner_permission=DESCRIBES,
    ),
    "import.read": AccessRule(Role.CONTRIBUTOR, UPLOADS),
    "import.retry": AccessRule(Role.CONTRIBUTOR, UPLOADS),
    "import.stop": AccessRule(
        Role.EXPERT, CURATES, owner=Role.CONTRIBUTOR, owner_permission=UPLOADS
    ),
    "import.remove": AccessRule(
        Role.EXPERT, CURATES, owner=Role.CONTRIBUTOR, owner_permission=UPLOADS
    ),
    # Jobs
    "job.read": AccessRule(Role.READER, "wikico2.view_jobs"),
    "job.read_costs": AccessRule(Role.READER, "wikico2.view_jobs"),
    "generation.stop": AccessRule(
        Role.EXPERT, CURATES, owner=Role.CONTRIBUTOR, owner_permission=EDITS
    ),
    "generation.retry": _editor,
    "queue.manage": AccessRule(Role.ADMINISTRATOR, "wikico2.add_queuepause"),
    # Curation
    "workshop.enter": AccessRule(Role.EXPERT, CURATES),
    "wiki.transfer": _publisher,
    "admin.enter": AccessRule(Role.ADMINISTRATOR, "wikico2.enter_admin"),
    "audit.read": AccessRule(Role.ADMINISTRATOR, "wikico2.view_auditevent"),
    "type.curate": AccessRule(Role.ADMINISTRATOR, "sheets.change_sheettype"),
    "prompt.curate": AccessRule(Role.ADMINISTRATOR, "sheets.add_prompt"),
    "vocabulary.curate": AccessRule(Role.ADMINISTRATOR, "ingestion.change_synonyms"),
    "people.curate": AccessRule(Role.ADMINISTRATOR, "wikico2.change_user"),
}


def may(user: Any, action: str, obj: Any = None) -> bool:
    """Tell whether `user` may do `action`, to `obj` if one is given.

    Without an object: whether they may do it to every one. `user` is None for the program itself
    where nobody asked, who may what the public may. Raises KeyError for an action without a rule.
    """
    rule = RULES[action]
    if rule.least is Role.PUBLIC or (rule.opened_by and getattr(settings, rule.opened_by)):
        return True
    if user is None or not (user.is_authenticated and user.is_active):
        return False
    if rule.least is Role.ACCOUNT or user.has_perm(rule.permission):
        return True
    return owns(user, obj) and may_own(user, action)


def may_own(user: Any, action: str) -> bool:
    """Tell whether `user` may do `action` at least to objects of their own."""
    rule = RULES[action]
    if rule.owner is None:
        return may(user, action)
    return bool(user.has_perm(rule.owner_permission) or may(user, action))


def owns(user: Any, obj: Any) -> bool:
    """Tell whether the object is the user's own: the fields that its model names say so."""
    names: Iterable[str] = getattr(obj, "OWNER_FIELDS", ())
    return user.pk is not None and any(getattr(obj, name) == user.pk for name in names)


def people_who_may(action: str) -> QuerySet[Any]:
    """Return the active accounts that may do `action` to every object."""
    return get_user_model().objects.with_perm(RULES[action].permission)


def check(user: Any, action: str, obj: Any = None) -> None:
    """Raise PermissionDenied unless `user` may do `action`."""
    if not may(user, action, obj):
        raise PermissionDenied
