"""Who may do what through a program: the rights of the person, narrowed by the token.

A token never gives more than its person may: its scope takes permissions away.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from api.models import Token
from ingestion.models import Document
from sheets.models import Revision, Sheet
from sheets.models.sheet import SheetQuerySet
from wikico2.accounts.roles import role_permissions
from wikico2.accounts.rules import Role, check, may
from wikico2.jobs.policy import all_policies
from wikico2.models import Job, User
from wikico2.parameters import whole_number

SCOPE_MAY: dict[str, frozenset[str]] = {
    Token.Scope.READ: frozenset(),
    Token.Scope.WRITE: frozenset(role_permissions(Role.CONTRIBUTOR)),
    Token.Scope.CURATE: frozenset(role_permissions(Role.EXPERT)),
}
"""The permissions that a scope leaves to a person, beside those to see something; an `admin` token
leaves them all."""
WHOLE_WIKI = frozenset(
    {
        "wiki.transfer",
        "vocabulary.curate",
        "prompt.curate",
        "people.curate",
        "audit.read",
        "account.own",
        "queue.manage",
    }
)
"""Actions that reach or show sheets of all types: a token for some types may not do them."""
SOURCE_MODELS = frozenset({"ingestion.Document", "ingestion.SourceImport"})
TYPE_PATHS = {
    "sheets.Sheet": "sheet_type__key",
    "sheets.Generation": "sheet__sheet_type__key",
    "sheets.FileJob": "sheet__sheet_type__key",
}
"""Where the key of its sheet's type stands, by the model of what a job works on."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Unauthenticated(Exception):
    """The request needs an account, and has none."""


def narrow_rights(user: User, scope: str) -> User:
    """Return the user of a token, with only the permissions that its scope leaves.

    The instance is for this request: it is never saved.
    """
    if scope == Token.Scope.ADMIN:
        return user
    held = user.get_all_permissions()
    seen = {permission for permission in held if permission.partition(".")[2].startswith("view_")}
    user.is_superuser = user.is_staff = False
    left = (held & SCOPE_MAY[scope]) | seen
    user._perm_cache = left  # type: ignore[attr-defined]  # Django's own cache
    return user


def sheet_types_of(request: HttpRequest) -> tuple[str, ...]:
    """Return the keys of the sheet types that the token is limited to; empty: all."""
    return getattr(request, "token_sheet_types", ())


def require_account(request: HttpRequest) -> User:
    """Return the user; raises Unauthenticated without an account."""
    if not isinstance(request.user, User):
        raise Unauthenticated
    return request.user


def require_right(request: HttpRequest, action: str, obj: Any = None) -> User:
    """Return the user; raises Unauthenticated or PermissionDenied unless they may do `action`."""
    user = require_account(request)
    if action in WHOLE_WIKI and sheet_types_of(request):
        raise PermissionDenied
    check(user, action, obj)
    return user


def require_open(request: HttpRequest, action: str) -> None:
    """Raise as `require_right` does, unless the caller, or the public, may do `action`."""
    if not may(request.user, action):
        require_right(request, action)


def refuse_reading_token(request: HttpRequest) -> None:
    """Raise PermissionDenied for a token that may only read."""
    use = getattr(request, "token_use", None)
    if use is not None and use.scope == Token.Scope.READ:
        raise PermissionDenied


def sheets_in_scope(request: HttpRequest, rows: SheetQuerySet) -> SheetQuerySet:
    """Return the sheets of the types that the token may touch."""
    types = sheet_types_of(request)
    return rows.filter(sheet_type__key__in=types) if types else rows


def jobs_in_scope(request: HttpRequest, rows: QuerySet[Job]) -> QuerySet[Job]:
    """Return the jobs that the token may touch.

    One for some types reaches the jobs of their sheets and those of sources, which have no type.
    """
    types = sheet_types_of(request)
    if not types:
        return rows
    within = Q(pk__in=[])
    for policy in all_policies():
        if policy.model in SOURCE_MODELS:
            within |= Q(kind=policy.kind)
        elif path := TYPE_PATHS.get(policy.model):
            subjects = apps.get_model(policy.model)._base_manager.filter(**{f"{path}__in": types})
            within |= Q(kind=policy.kind, subject_id__in=subjects.values("pk"))
    return rows.filter(within)


def listed_sheets(request: HttpRequest) -> SheetQuerySet:
    """Return the sheets that the caller sees in lists."""
    return sheets_in_scope(request, Sheet.objects.listed_for(request.user))


def open_sheets(request: HttpRequest) -> SheetQuerySet:
    """Return the sheets that the caller may open."""
    return sheets_in_scope(request, Sheet.objects.readable_by(request.user))


def open_sheet(request: HttpRequest, slug: str, *related: str) -> Sheet:
    """Return one sheet, as the caller may read it, with `related` rows; raises Http404.

    Its type and its text are loaded. Digits are its id.
    """
    rows = open_sheets(request).select_related("sheet_type", "current", *related)
    found = rows.filter(slug=slug).first()
    found = found or get_object_or_404(rows, pk=whole_number(slug))
    return found.show_to(request.user)


def show_all(request: HttpRequest, sheets: Sequence[Sheet]) -> None:
    """Let each sheet of a page of a list stand as the caller may read it."""
    if may(request.user, "unvalidated.read"):
        return
    changed = [sheet for sheet in sheets if sheet.is_changed_since_validation]
    texts = Revision.objects.defer("body", "metadata")
    prefetch_related_objects(changed, Prefetch("validated_revision", texts))
    for sheet in changed:
        sheet.show_to(request.user)


def open_source(request: HttpRequest, pk: int) -> Document:
    """Return a source whose pages the caller may open; raises Http404 or PermissionDenied."""
    source = get_object_or_404(Document.objects.select_related("uploaded_by"), pk=pk)
    if not source.can_be_read_by(request.user):
        if not request.user.is_authenticated:
            raise Unauthenticated
        raise PermissionDenied
    return source


def grantable_scopes(user: Any) -> list[str]:
    """Return the scopes that a person may give to a token: what they may do themselves."""
    if may(user, "sheet.publish"):
        return list(Token.Scope.values)
    if may(user, "sheet.validate"):
        return [Token.Scope.READ, Token.Scope.WRITE, Token.Scope.CURATE]
    if may(user, "sheet.edit"):
        return [Token.Scope.READ, Token.Scope.WRITE]
    return [Token.Scope.READ]
