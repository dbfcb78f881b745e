"""Who calls, and the people of the wiki."""

from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from ninja import Router

from api.answers import Listed, json_answer
from api.paging import PageQuery, page_of
from api.rights import require_right, sheet_types_of
from api.schemas.common import MeOut, PersonOut
from wikico2.models import User

router = Router(tags=["people"])


class PersonRow(PersonOut):
    """A person with their name, roles and the number of their versions."""

    username: str
    roles: list[str]
    active: bool
    revisions: int


@router.get("/me", response=MeOut)
def me(request: HttpRequest) -> Any:
    """Tell who you are, and what you may do with this token or session."""
    use = getattr(request, "token_use", None)
    scope = use.scope if use else "session" if request.user.is_authenticated else "reader"
    return MeOut.of(request.user, scope, sheet_types_of(request))


@router.get("/people", response=Listed[PersonRow])
def list_people(request: HttpRequest, page: PageQuery) -> Any:
    """List the accounts, for who may see them in the administration."""
    require_right(request, "people.curate")
    people = User.objects.prefetch_related("groups").annotate(n=Count("revisions"))
    rows, following = page_of(people, ("username", "id"), page)
    items = [
        PersonRow(
            id=row.pk,
            name=str(row),
            username=row.username,
            roles=sorted(group.name for group in row.groups.all()),
            active=row.is_active,
            revisions=row.n,  # type: ignore[attr-defined]  # annotated
        )
        for row in rows
    ]
    return json_answer(request, Listed[PersonRow](items=items, next=following))
