"""Who calls, and the people of the wiki: invite them, give a role, deactivate an account."""

from typing import Annotated, Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router
from ninja.responses import Status
from pydantic import BaseModel, StringConstraints

from api.answers import Listed, json_answer
from api.idempotency import once
from api.paging import PageIn, page_of
from api.problems import ApiProblem, form_problem
from api.rights import require_right, sheet_types_of
from api.schemas.common import MeOut, PersonOut, RowId
from wikico2.accounts.attempts import locked_ids
from wikico2.accounts.forms import InvitationForm, RoleForm
from wikico2.accounts.links import invitation_link
from wikico2.accounts.role_choice import RoleChoice, may_manage, role_of
from wikico2.filters import clean_line
from wikico2.models import User
from wikico2.people import (
    change_role,
    invite_again,
    invite_person,
    is_waiting,
    search_people,
    set_active,
    unlock_person,
)

router = Router(tags=["people"])

Line = Annotated[str, StringConstraints(max_length=150)]


class PersonRow(PersonOut):
    """A person with their name, role, groups and the number of their versions."""

    username: str
    email: str
    role: RoleChoice
    roles: list[str]
    active: bool
    locked: bool
    invited: bool
    revisions: int
    address: str

    @classmethod
    def row(cls, person: User, revisions: int, *, locked: bool) -> "PersonRow":
        return cls(
            id=person.pk,
            name=str(person),
            username=person.username,
            email=person.email,
            role=role_of(person),
            roles=sorted(group.name for group in person.groups.all()),
            active=person.is_active,
            locked=locked,
            invited=is_waiting(person),
            revisions=revisions,
            address=f"/v1/people/{person.pk}",
        )


class InvitedOut(BaseModel):
    """An invited person; `link` is to be handed over to them alone, null if it went by e-mail."""

    person: PersonRow
    link: str | None

    @classmethod
    def of(cls, person: User, *, is_mailed: bool) -> "InvitedOut":
        link = None if is_mailed else invitation_link(person)
        return cls(person=one_person(person), link=link)


class RoleIn(BaseModel):
    """The role that an account is to have; "" for none."""

    role: RoleChoice


class InvitationIn(RoleIn):
    """Whom to invite, and as what."""

    email: Annotated[str, StringConstraints(min_length=1, max_length=254)]
    first_name: Line = ""
    last_name: Line = ""


class PeopleIn(PageIn):
    """Words of a name or of the e-mail address."""

    q: Annotated[str, StringConstraints(max_length=100)] = ""


def one_person(person: User) -> PersonRow:
    """Return an account as its page shows it."""
    return PersonRow.row(person, person.revisions.count(), locked=bool(locked_ids([person])))


def managed_person(request: HttpRequest, pk: int) -> tuple[User, User]:
    """Return an account that the caller may change, and the caller; raises PermissionDenied."""
    by = require_right(request, "people.curate")
    person = get_object_or_404(User, pk=pk)
    if not may_manage(by, person):
        raise PermissionDenied
    return person, by


@router.get("/me", response=MeOut)
def me(request: HttpRequest) -> Any:
    """Tell who you are, and what you may do with this token or session."""
    use = getattr(request, "token_use", None)
    scope = use.scope if use else "session" if request.user.is_authenticated else "reader"
    return MeOut.of(request.user, scope, sheet_types_of(request))


@router.get("/people", response=Listed[PersonRow])
def list_people(request: HttpRequest, filters: Query[PeopleIn]) -> Any:
    """List the accounts, for who may see them in the administration."""
    require_right(request, "people.curate")
    people = search_people(clean_line(filters.q)).annotate(n=Count("revisions", distinct=True))
    rows, following = page_of(people, ("username", "id"), filters)
    locked = locked_ids(rows)
    items = [
        PersonRow.row(row, row.n, locked=row.pk in locked)  # type: ignore[attr-defined]  # annotated
        for row in rows
    ]
    return json_answer(request, Listed[PersonRow](items=items, next=following))


@router.post("/people", response={201: InvitedOut})
@once
def invite(request: HttpRequest, given: InvitationIn) -> Any:
    """Create an account for somebody, and invite them by e-mail, or by the link in the answer."""
    by = require_right(request, "people.curate")
    form = InvitationForm(by, given.model_dump())
    if not form.is_valid():
        raise form_problem(form.errors, "person_invalid")
    person, is_mailed = invite_person(form.cleaned_data, by)
    return Status(201, InvitedOut.of(person, is_mailed=is_mailed))


@router.get("/people/{pk}", response=PersonRow)
def read_person(request: HttpRequest, pk: RowId) -> Any:
    """Read an account."""
    require_right(request, "people.curate")
    return json_answer(request, one_person(get_object_or_404(User, pk=pk)))


@router.post("/people/{pk}/invite", response=InvitedOut)
def renew(request: HttpRequest, pk: RowId) -> Any:
    """End an account's password and sessions, and have its owner choose a new password."""
    person, by = managed_person(request, pk)
    if not person.is_active:
        detail = _("The account is deactivated: activate it first.")
        raise ApiProblem(409, "wrong_state", detail)
    return InvitedOut.of(person, is_mailed=invite_again(person, by))


@router.put("/people/{pk}/role", response=PersonRow)
def give_role(request: HttpRequest, pk: RowId, given: RoleIn) -> Any:
    """Give an account another role, of those that you may give."""
    person, by = managed_person(request, pk)
    form = RoleForm(by, given.model_dump())
    if not form.is_valid():
        raise form_problem(form.errors, "person_invalid")
    change_role(person, form.cleaned_data["role"], by)
    return one_person(person)


@router.post("/people/{pk}/deactivate", response=PersonRow)
def deactivate(request: HttpRequest, pk: RowId) -> Any:
    """Let nobody sign in with an account any more; its tokens end, its work stays."""
    person, by = managed_person(request, pk)
    set_active(person, by, active=False)
    return one_person(person)


@router.post("/people/{pk}/activate", response=PersonRow)
def activate(request: HttpRequest, pk: RowId) -> Any:
    """Let the owner of a deactivated account sign in again."""
    person, by = managed_person(request, pk)
    set_active(person, by, active=True)
    return one_person(person)


@router.post("/people/{pk}/unlock", response=PersonRow)
def unlock(request: HttpRequest, pk: RowId) -> Any:
    """Let the owner of an account sign in at once after too many failures."""
    person, by = managed_person(request, pk)
    unlock_person(person, by)
    return one_person(person)
