"""Values that several operations share."""

import datetime as dt
from typing import Annotated, Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from pydantic import BaseModel, Field, StringConstraints

from wikico2.models import Job, User

RowId = Annotated[int, Field(ge=1, le=2**63 - 1)]
Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
Slug = Annotated[str, StringConstraints(pattern=r"^[-a-zA-Z0-9_]{1,220}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[-a-zA-Z0-9_]{1,100}$")]
Line = Annotated[str, StringConstraints(max_length=300)]


def site_address(path: str) -> str:
    """Return the whole address of a path of the site."""
    return settings.SITE_URL + path


def job_address(job: Job | None) -> str | None:
    """Return the address at which the state of a job is asked."""
    return f"/v1/jobs/{job.pk}" if job else None


class PersonOut(BaseModel):
    """A person, by the name that they show."""

    id: int
    name: str

    @classmethod
    def of(cls, user: AbstractBaseUser | None) -> "PersonOut | None":
        return None if user is None else cls(id=user.pk, name=str(user))


class JobOut(BaseModel):
    """A piece of background work: ask its address again until `state` is `done` or `failed`.

    `result` is the address of what it works on.
    """

    id: int
    kind: str
    state: str
    percent: int
    done: int
    total: int
    error_code: str
    error: str
    address: str
    title: str = ""
    result: str = ""
    place: int | None = None
    seconds_left: float | None = None
    may_stop: bool = False
    may_retry: bool = False
    queued_at: dt.datetime
    started_at: dt.datetime | None
    ended_at: dt.datetime | None

    @classmethod
    def of(cls, job: Job, **more: Any) -> "JobOut":
        return cls(
            id=job.pk,
            kind=job.kind,
            state=job.state,
            percent=100 if job.state == Job.State.DONE else job.percent,
            done=job.done,
            total=job.total,
            error_code=job.error_code,
            error=job.error,
            address=f"/v1/jobs/{job.pk}",
            queued_at=job.queued_at,
            started_at=job.started_at,
            ended_at=job.ended_at,
            **more,
        )


class MeOut(BaseModel):
    """Who calls, and what they may do."""

    id: int | None
    username: str
    name: str
    roles: list[str]
    permissions: list[str]
    scope: str
    sheet_types: list[str]

    @classmethod
    def of(cls, user: Any, scope: str, sheet_types: tuple[str, ...]) -> "MeOut":
        known = user if isinstance(user, User) else None
        return cls(
            id=known.pk if known else None,
            username=known.username if known else "",
            name=str(known) if known else "",
            roles=sorted(known.groups.values_list("name", flat=True)) if known else [],
            permissions=sorted(known.get_all_permissions()) if known else [],
            scope=scope,
            sheet_types=list(sheet_types),
        )
