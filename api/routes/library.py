"""Prompts, vocabulary, activity; export and import of the wiki."""

import datetime as dt
from typing import Annotated, Any, Literal, cast

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import File, Query, Router, UploadedFile
from ninja.responses import Status
from pydantic import BaseModel, StringConstraints

from api.answers import Listed, json_answer
from api.idempotency import once
from api.paging import PageIn, PageQuery, page_of
from api.problems import ApiProblem, form_problem
from api.rights import listed_sheets, require_right, sheet_types_of
from api.schemas.common import PersonOut, RowId, job_address, site_address
from ingestion.intake.upload import clean_name
from ingestion.models import Synonyms
from sheets.file_jobs import (
    request_wiki_export,
    request_wiki_import,
    restart_file_job,
    stop_file_job,
)
from sheets.models import FileJob, Prompt, Revision
from sheets.notifications.activity import ACTIVITY_FILTER, list_changes
from sheets.views.export import wiki_zip
from wikico2.accounts.audit import record

router = Router(tags=["library"])
transfer_router = Router(tags=["transfer"])


PromptMode = Literal["quote", "write"]
PromptPart = Annotated[str, StringConstraints(min_length=1, max_length=50_000)]


class PromptOut(BaseModel):
    """One version of the texts that the writing model is sent.

    By `mode` it asks for the numbers of sentences to quote, or for sentences of its own.
    """

    version: int
    mode: PromptMode
    system: str
    request: str
    repair: str
    comment: str
    author: PersonOut | None
    created_at: dt.datetime

    @classmethod
    def of(cls, row: Prompt) -> "PromptOut":
        return cls(
            version=row.version,
            mode=row.mode,  # type: ignore[arg-type]  # the choices of the column
            system=row.system,
            request=row.request,
            repair=row.repair,
            comment=row.comment,
            author=PersonOut.of(row.author),
            created_at=row.created_at,
        )


class PromptIn(BaseModel):
    """A new version: all of its texts, with their placeholders."""

    mode: PromptMode = "quote"
    system: PromptPart
    request: PromptPart
    repair: PromptPart
    comment: Annotated[str, StringConstraints(max_length=300)] = ""


@router.get("/prompts", response=Listed[PromptOut])
def list_prompts(request: HttpRequest, page: PageQuery) -> Any:
    """List the versions of the prompt, the latest first."""
    require_right(request, "prompt.curate")
    rows, following = page_of(Prompt.objects.select_related("author"), ("-version",), page)
    items = [PromptOut.of(row) for row in rows]
    return json_answer(request, Listed[PromptOut](items=items, next=following))


@router.post("/prompts", response={201: PromptOut})
@once
def add_prompt(request: HttpRequest, given: PromptIn) -> Any:
    """Add a version of the prompt, which new runs of its mode use; earlier ones stay."""
    user = require_right(request, "prompt.curate")
    row = Prompt(**given.model_dump(), author=user)
    try:
        row.full_clean(exclude=["version", "author"])
    except ValidationError as error:
        raise form_problem(error.message_dict) from None
    try:
        with transaction.atomic():
            row.save()
            record("prompt.add", row, user, version=row.version)
    except IntegrityError:  # another version got the same number
        detail = _("Another version was added at the same time: send yours again.")
        raise ApiProblem(409, "conflict", detail) from None
    row.refresh_from_db(fields=["created_at"])
    return Status(201, PromptOut.of(row))


class SynonymsOut(BaseModel):
    """Terms of the same meaning: a search for one also finds the others."""

    id: int
    terms: list[str]
    note: str


@router.get("/vocabulary", response=Listed[SynonymsOut])
def list_vocabulary(request: HttpRequest, page: PageQuery) -> Any:
    """List the thesaurus that search uses."""
    rows, following = page_of(Synonyms.objects.all(), ("id",), page)
    items = [SynonymsOut(id=row.pk, terms=list(row.terms), note=row.note) for row in rows]
    return json_answer(request, Listed[SynonymsOut](items=items, next=following))


class ChangeOut(BaseModel):
    """A change of a sheet."""

    sheet: str
    title: str
    type: str
    version: int
    origin: str
    author: PersonOut | None
    comment: str
    created_at: dt.datetime
    url: str

    @classmethod
    def of(cls, row: Revision) -> "ChangeOut":
        return cls(
            sheet=row.sheet.slug,
            title=row.sheet.title,
            type=row.sheet.sheet_type.key,
            version=row.number,
            origin=row.origin,
            author=PersonOut.of(row.author),
            comment=row.comment,
            created_at=row.created_at,
            url=site_address(row.get_absolute_url()),
        )


class ActivityIn(PageIn):
    """The filters of the site's list of changes; values that do not exist are ignored."""

    type: Annotated[str, StringConstraints(max_length=220)] = ""
    categorie: Annotated[str, StringConstraints(max_length=220)] = ""
    fiche: Annotated[str, StringConstraints(max_length=220)] = ""
    par: Annotated[str, StringConstraints(max_length=20)] = ""


@router.get("/activity", response=Listed[ChangeOut])
def list_activity(request: HttpRequest, filters: Query[ActivityIn]) -> Any:
    """List what has changed, the latest first."""
    rows = ACTIVITY_FILTER.read(request.GET).apply(list_changes(request.user))
    if sheet_types_of(request):
        rows = rows.filter(sheet__in=listed_sheets(request).order_by().values("pk"))
    shown, following = page_of(rows, ("-created_at", "-id"), filters)
    content = Listed[ChangeOut](items=[ChangeOut.of(row) for row in shown], next=following)
    return json_answer(request, content)


# --- Export and import ----------------------------------------------------------------------------


class FileJobOut(BaseModel):
    """An export or an import of the wiki: ask again until `state` is `done` or `failed`."""

    id: int
    kind: str
    name: str
    state: str
    error: str
    report: dict[str, Any]
    created_at: dt.datetime
    job: str | None
    file: str | None

    @classmethod
    def of(cls, row: FileJob) -> "FileJobOut":
        job = row.job
        is_ready = row.kind == FileJob.Kind.EXPORT and row.state == FileJob.State.DONE
        return cls(
            id=row.pk,
            kind=row.kind,
            name=row.name,
            state=row.state,
            error=job.error if job else "",
            report=dict(row.report),
            created_at=row.created_at,
            job=job_address(job),
            file=f"/v1/exports/{row.pk}/wiki.zip" if is_ready else None,
        )


class ExportIn(BaseModel):
    """What to export: with `files`, those of the sources too."""

    files: bool = True


@transfer_router.post("/exports", response={202: FileJobOut})
@once
def export_wiki(request: HttpRequest, given: ExportIn) -> Any:
    """Pack the wiki as an archive of plain files; one is made if something has changed since."""
    user = require_right(request, "wiki.transfer")
    return Status(202, FileJobOut.of(request_wiki_export(user, files=given.files)))


@transfer_router.post("/wiki-imports", response={202: FileJobOut})
@once
def import_wiki(request: HttpRequest, archive: File[UploadedFile]) -> Any:
    """Bring in the archive of a wiki; nothing is overwritten."""
    user = require_right(request, "wiki.transfer")
    row = request_wiki_import(archive, clean_name(archive.name or ""), user)
    return Status(202, FileJobOut.of(row))


def asked_file_job(request: HttpRequest, kind: str, pk: int) -> FileJob:
    require_right(request, "wiki.transfer")
    return get_object_or_404(FileJob, kind=kind, pk=pk)


def file_jobs_page(request: HttpRequest, kind: str, page: PageIn) -> Any:
    """Return a page of exports or imports, the latest first."""
    require_right(request, "wiki.transfer")
    rows, following = page_of(FileJob.objects.filter(kind=kind), ("-created_at", "-id"), page)
    return json_answer(
        request, Listed[FileJobOut](items=[FileJobOut.of(row) for row in rows], next=following)
    )


@transfer_router.get("/exports", response=Listed[FileJobOut])
def list_exports(request: HttpRequest, page: PageQuery) -> Any:
    """List the exports, the latest first."""
    return file_jobs_page(request, FileJob.Kind.EXPORT, page)


@transfer_router.get("/wiki-imports", response=Listed[FileJobOut])
def list_wiki_imports(request: HttpRequest, page: PageQuery) -> Any:
    """List the imports of wikis, the latest first."""
    return file_jobs_page(request, FileJob.Kind.IMPORT, page)


@transfer_router.get("/exports/{pk}", response=FileJobOut)
def read_export(request: HttpRequest, pk: RowId) -> Any:
    """Read how far an export is."""
    return json_answer(request, FileJobOut.of(asked_file_job(request, FileJob.Kind.EXPORT, pk)))


@transfer_router.get("/wiki-imports/{pk}", response=FileJobOut)
def read_wiki_import(request: HttpRequest, pk: RowId) -> Any:
    """Read how far an import of a wiki is."""
    return json_answer(request, FileJobOut.of(asked_file_job(request, FileJob.Kind.IMPORT, pk)))


@transfer_router.get("/exports/{pk}/wiki.zip", openapi_extra={
    "responses": {
        200: {
            "description": "OK",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        }
    }
})  # fmt: skip
def read_archive(request: HttpRequest, pk: RowId) -> HttpResponseBase:
    """Download the archive of an export."""
    asked_file_job(request, FileJob.Kind.EXPORT, pk)
    return cast("HttpResponseBase", wiki_zip(request, pk))


@transfer_router.post("/exports/{pk}/stop", response=FileJobOut)
def stop_export(request: HttpRequest, pk: RowId) -> Any:
    """Stop an export."""
    return act_on(request, FileJob.Kind.EXPORT, pk, stop_file_job)


@transfer_router.post("/exports/{pk}/retry", response=FileJobOut)
def retry_export(request: HttpRequest, pk: RowId) -> Any:
    """Start a stopped or failed export again, from the beginning."""
    return act_on(request, FileJob.Kind.EXPORT, pk, restart_file_job)


@transfer_router.post("/wiki-imports/{pk}/stop", response=FileJobOut)
def stop_wiki_import(request: HttpRequest, pk: RowId) -> Any:
    """Stop an import; what it has brought stays."""
    return act_on(request, FileJob.Kind.IMPORT, pk, stop_file_job)


@transfer_router.post("/wiki-imports/{pk}/retry", response=FileJobOut)
def retry_wiki_import(request: HttpRequest, pk: RowId) -> Any:
    """Go on with a stopped or failed import."""
    return act_on(request, FileJob.Kind.IMPORT, pk, restart_file_job)


def act_on(request: HttpRequest, kind: str, pk: int, act: Any) -> FileJobOut:
    """Stop or restart an export or import, and return it."""
    act(asked_file_job(request, kind, pk), request.user)
    return FileJobOut.of(asked_file_job(request, kind, pk))
