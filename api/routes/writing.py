"""Generation with its progress, locks, watches, confirmations: work on one sheet."""

import datetime as dt
from typing import Annotated, Any

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel, Field, StringConstraints

from api.answers import Listed, json_answer
from api.idempotency import once
from api.paging import PageQuery, page_of
from api.problems import ApiProblem
from api.rights import open_sheet, open_sheets, require_right, show_all
from api.schemas.common import Key, Number, PersonOut, job_address
from api.schemas.sheets import SheetSummary
from ingestion.search.retrieve import subject_coverage
from sheets.generation.progress import generation_outline
from sheets.generation.request import cancel_generation, request_generation, retry_generation
from sheets.models import Digest, Generation, RevisionCheck, Section, Sheet, Watch
from sheets.proposals.review import lock_section, unlock_section
from sheets.views.confirm import confirm_statement, pending_statements
from sheets.views.generations import latest_generation

router = Router(tags=["writing"])


class SectionStep(BaseModel):
    """How far one section is."""

    heading: str
    state: str
    passages: int
    error: str


class CoverageOut(BaseModel):
    """How many passages of the sources speak of the sheet's title; `slight`: hardly any."""

    speaking: int
    passages: int
    slight: bool


class GenerationOut(BaseModel):
    """A run of a writer: ask again until `state` is `done` or `failed`.

    `coverage` is only told by the request that starts it.
    """

    id: int
    sheet: str
    state: str
    writer: str
    model: str
    prompt_version: str
    done: int
    total: int
    unread_sources: int
    sections: list[SectionStep]
    tokens_in: int
    tokens_out: int
    error_code: str
    error: str
    requested_by: PersonOut | None
    created_at: dt.datetime
    finished_at: dt.datetime | None
    job: str | None
    coverage: CoverageOut | None = None

    @classmethod
    def of(cls, row: Generation) -> "GenerationOut":
        progress = generation_outline(row)
        return cls(
            id=row.pk,
            sheet=row.sheet.slug,
            state=row.state,
            writer=row.backend,
            model=row.model,
            prompt_version=row.prompt_version,
            done=progress.done,
            total=progress.total,
            unread_sources=progress.unread,
            sections=[
                SectionStep(
                    heading=line.heading,
                    state=line.state,
                    passages=line.passages,
                    error=line.error,
                )
                for line in progress.lines
            ],
            tokens_in=row.tokens_in,
            tokens_out=row.tokens_out,
            error_code=row.error_code,
            error=row.error,
            requested_by=PersonOut.of(row.requested_by),
            created_at=row.created_at,
            finished_at=row.finished_at,
            job=job_address(row.job),
        )


class GenerateIn(BaseModel):
    """Which sections to write again; none: all that are not locked."""

    sections: Annotated[list[Key], Field(max_length=100)] = []


@router.post("/{slug}/generation", response={202: GenerationOut})
@once
def generate(request: HttpRequest, slug: str, given: GenerateIn) -> Any:
    """Write the sheet or some sections from its sources; a person's words are only proposed to."""
    user = require_right(request, "sheet.generate")
    sheet = open_sheet(request, slug)
    row = request_generation(sheet, user, given.sections or None)
    row.sheet = sheet
    found = subject_coverage(sheet.title, list(sheet.documents.values_list("pk", flat=True)))
    answer = GenerationOut.of(row)
    answer.coverage = CoverageOut(**found._asdict(), slight=found.is_slight)
    return Status(202, answer)


def asked_generation(request: HttpRequest, slug: str) -> Generation:
    """Return the latest generation of a sheet; raises Http404."""
    row = latest_generation(open_sheet(request, slug))
    if row is None:
        raise Http404
    return row


@router.get("/{slug}/generation", response=GenerationOut)
def read_generation(request: HttpRequest, slug: str) -> Any:
    """Read how far the latest generation of a sheet is."""
    return json_answer(request, GenerationOut.of(asked_generation(request, slug)))


@router.post("/{slug}/generation/stop", response=GenerationOut)
def stop_generation(request: HttpRequest, slug: str) -> Any:
    """Stop the generation; the text stays as it was."""
    row = asked_generation(request, slug)
    user = require_right(request, "generation.stop", row)
    if row.is_working:
        cancel_generation(row, user)
    return GenerationOut.of(asked_generation(request, slug))


@router.post("/{slug}/generation/retry", response=GenerationOut)
def go_on_generation(request: HttpRequest, slug: str) -> Any:
    """Go on with a generation that failed or was stopped."""
    user = require_right(request, "generation.retry")
    row = asked_generation(request, slug)
    if row.state in (Generation.State.FAILED, Generation.State.CANCELLED):
        retry_generation(row, user)
    return GenerationOut.of(asked_generation(request, slug))


# --- Locks ----------------------------------------------------------------------------------------


class LocksOut(BaseModel):
    """The keys of the sections that no generation changes."""

    locks: list[str]


def asked_section(sheet: Sheet, key: str) -> Section:
    return get_object_or_404(Section, sheet_type=sheet.sheet_type_id, key=key)


@router.put("/{slug}/locks/{section}", response=LocksOut)
def lock(request: HttpRequest, slug: str, section: Key) -> Any:
    """Lock a section: no generation changes it."""
    user = require_right(request, "sheet.lock")
    sheet = open_sheet(request, slug)
    lock_section(sheet, asked_section(sheet, section).key, user)
    return LocksOut(locks=sorted(sheet.locked_keys()))


@router.delete("/{slug}/locks/{section}", response=LocksOut)
def unlock(request: HttpRequest, slug: str, section: Key) -> Any:
    """Unlock a section."""
    require_right(request, "sheet.lock")
    sheet = open_sheet(request, slug)
    unlock_section(sheet, asked_section(sheet, section).key)
    return LocksOut(locks=sorted(sheet.locked_keys()))


# --- Watches --------------------------------------------------------------------------------------


class WatchOut(BaseModel):
    """Whether you watch a sheet."""

    watched: bool


@router.put("/{slug}/watch", response=WatchOut)
def watch(request: HttpRequest, slug: str) -> Any:
    """Watch a sheet: its changes by others are in your list and your digest."""
    user = require_right(request, "watch.set")
    sheet = open_sheet(request, slug)
    Watch.objects.get_or_create(user=user, sheet=sheet)
    Digest.of(user, get_language() or "fr")
    return WatchOut(watched=True)


@router.delete("/{slug}/watch", response=WatchOut)
def unwatch(request: HttpRequest, slug: str) -> Any:
    """Watch a sheet no longer."""
    user = require_right(request, "watch.set")
    Watch.objects.filter(user=user, sheet=open_sheet(request, slug)).delete()
    return WatchOut(watched=False)


# --- Confirmations --------------------------------------------------------------------------------


class PendingStatement(BaseModel):
    """A statement that nobody has judged; `index` names it in an answer on this `revision`."""

    index: int
    text: str
    section: str
    level: str
    citations: list[str]


class PendingOut(BaseModel):
    """The statements of a version that wait for a person, the riskiest first."""

    version: int
    items: list[PendingStatement]


@router.get("/{slug}/confirmations", response=PendingOut)
def pending(request: HttpRequest, slug: str) -> Any:
    """List the statements that wait for an expert, the riskiest first."""
    require_right(request, "statement.confirm")
    sheet = open_sheet(request, slug)
    if sheet.current is None:
        raise Http404
    check = RevisionCheck.objects.filter(revision=sheet.current).first()
    items = [
        PendingStatement(
            index=index,
            text=one["text"],
            section=one["section"],
            level=one["level"],
            citations=list(one["markers"]),
        )
        for index, one in (pending_statements(check) if check else [])
    ]
    return json_answer(request, PendingOut(version=sheet.current.number, items=items))


class ConfirmIn(BaseModel):
    """What you say of a statement after reading its passages; a rejection needs a reason."""

    version: Number
    index: Number
    accepted: bool
    reason: Annotated[str, StringConstraints(max_length=300)] = ""


@router.post("/{slug}/confirmations", response=PendingOut)
def confirm(request: HttpRequest, slug: str, given: ConfirmIn) -> Any:
    """Confirm or reject a statement; the answer lists what is left."""
    user = require_right(request, "statement.confirm")
    sheet = open_sheet(request, slug)
    if sheet.current is None:
        raise Http404
    if given.version != sheet.current.number:
        detail = _("The sheet has changed meanwhile: here is its present text.")
        raise ApiProblem(409, "stale_base", detail, onto=sheet.current.number)
    reason = " ".join(given.reason.split())
    if not given.accepted and not reason:
        detail = _("Say in a few words why the passage does not bear it.")
        raise ApiProblem(422, "reason_missing", detail)
    if not RevisionCheck.objects.filter(revision=sheet.current).exists() or not confirm_statement(
        sheet, given.index, accepted=given.accepted, reason=reason, user=user
    ):
        detail = _("This statement has no passage to compare it with.")
        raise ApiProblem(422, "no_passage", detail)
    return pending(request, slug)


# --- One's own list -------------------------------------------------------------------------------

watched_router = Router(tags=["writing"])


@watched_router.get("/watched", response=Listed[SheetSummary])
def list_watched(request: HttpRequest, page: PageQuery) -> Any:
    """List the sheets that you watch."""
    user = require_right(request, "watch.set")
    rows = open_sheets(request).filter(watches__user=user).select_related("sheet_type", "current")
    shown, following = page_of(rows, ("title", "id"), page)
    show_all(request, shown)
    items = [SheetSummary.of(s, s.current.number if s.current else None) for s in shown]
    return json_answer(request, Listed[SheetSummary](items=items, next=following))
