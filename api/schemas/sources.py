"""Sources, their pages and passages, and what brought them in."""

import datetime as dt
from typing import Annotated, Any, Literal

from django.urls import reverse
from pydantic import BaseModel, Field, StringConstraints

from api.answers import Selectable
from api.schemas.common import Line, RowId, job_address, site_address
from ingestion.models import Chunk, Document, ImportedFile, Page, SourceImport
from ingestion.search.passage import Passage

Access = Literal["open", "internal"]


class SourceOut(Selectable):
    """A source, and how far its reading is; `job` is asked while `state` is not settled."""

    id: int
    title: str
    filename: str
    media_type: str
    size: int
    sha256: str
    author: str
    publisher: str
    published: str
    origin: str
    licence: str
    language: str
    access: str
    pages: int
    state: str
    percent: int
    error_code: str
    error: str
    replaces: int | None
    created_at: dt.datetime
    ready_at: dt.datetime | None
    job: str | None
    url: str
    address: str

    @classmethod
    def of(cls, row: Document) -> "SourceOut":
        job = row.job
        return cls(
            id=row.pk,
            title=row.title,
            filename=row.filename,
            media_type=row.media_type,
            size=row.size,
            sha256=row.sha256,
            author=row.author,
            publisher=row.publisher,
            published=row.published,
            origin=row.origin,
            licence=row.licence,
            language=row.language,
            access=row.access,
            pages=row.page_count,
            state=row.state,
            percent=row.percent,
            error_code=row.error_code,
            error=row.error,
            replaces=row.supersedes_id,
            created_at=row.created_at,
            ready_at=row.ready_at,
            job=job_address(job),
            url=site_address(row.get_absolute_url()),
            address=f"/v1/sources/{row.pk}",
        )


class SourceEdit(BaseModel):
    """The description of a source; what is left out stays."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = None
    author: Line | None = None
    publisher: Line | None = None
    published: Annotated[str, StringConstraints(max_length=40)] | None = None
    language: Annotated[str, StringConstraints(max_length=8)] | None = None
    origin: Annotated[str, StringConstraints(max_length=2_000)] | None = None
    licence: Line | None = None
    access: Access | None = None
    replaces: RowId | None = None


class AddressesIn(BaseModel):
    """Web addresses to fetch; each becomes an import of its own."""

    addresses: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=2_000)]],
        Field(min_length=1, max_length=50),
    ]
    access: Access = "open"
    replaces: RowId | None = None


class ImportedFileOut(BaseModel):
    """What became of one file of an import."""

    name: str
    source: int | None
    error_code: str
    error: str

    @classmethod
    def of(cls, row: ImportedFile) -> "ImportedFileOut":
        return cls(
            name=row.name,
            source=row.document_id or row.existing,
            error_code=row.error_code,
            error=row.error,
        )


class ImportOut(BaseModel):
    """The import of a web address or of an archive, with the sources that it has brought."""

    id: int
    name: str
    state: str
    error_code: str
    error: str
    files: list[ImportedFileOut]
    job: str | None
    url: str
    address: str

    @classmethod
    def of(cls, row: SourceImport) -> "ImportOut":
        job = row.job
        return cls(
            id=row.pk,
            name=row.name,
            state=row.state,
            error_code=job.error_code if job else "",
            error=job.error if job else "",
            files=[ImportedFileOut.of(one) for one in row.files.select_related("document")],
            job=job_address(job),
            url=site_address(row.get_absolute_url()),
            address=f"/v1/imports/{row.pk}",
        )


class Received(BaseModel):
    """What an upload became: a source, or the import of an archive of sources."""

    source: SourceOut | None = None
    imported: ImportOut | None = None


class PassageOut(BaseModel):
    """A passage, as sheets cite it; `score` and `found_by` where it answers a question."""

    id: int
    source: int
    title: str
    page_start: int
    page_end: int
    headings: list[str]
    kind: str
    text: str
    score: float | None = None
    found_by: str = ""
    url: str

    @classmethod
    def of(cls, row: Chunk) -> "PassageOut":
        return cls(
            id=row.pk,
            source=row.document_id,
            title=row.document.title,
            page_start=row.page_start,
            page_end=row.page_end,
            headings=list(row.headings),
            kind=row.kind,
            text=row.text,
            url=passage_address(row.document_id, row.page_start, row.pk),
        )

    @classmethod
    def found(cls, one: Passage) -> "PassageOut":
        return cls(
            id=one.chunk_id,
            source=one.document_id,
            title=one.title,
            page_start=one.page_start,
            page_end=one.page_end,
            headings=list(one.headings),
            kind=one.kind,
            text=one.text,
            score=one.score,
            found_by=one.found_by,
            url=passage_address(one.document_id, one.page_start, one.chunk_id),
        )


def passage_address(source: int, page: int, passage: int) -> str:
    """Return the address of a page with the passage highlighted."""
    return site_address(f"{reverse('page', args=[source, page])}?passage={passage}")


class PageOut(BaseModel):
    """The text of one page."""

    source: int
    number: int
    text: str
    remarks: list[str]
    unread: str
    url: str
    image: str

    @classmethod
    def of(cls, row: Page) -> "PageOut":
        address = row.get_absolute_url()
        return cls(
            source=row.document_id,
            number=row.number,
            text=row.text,
            remarks=row.remark_sentences,
            unread=row.why_unread,
            url=site_address(address),
            image=site_address(f"{address}image/"),
        )


def description_fields(given: SourceEdit, row: Document) -> dict[str, Any]:
    """Return the fields of the site's form for a description, with what stays."""
    sent = given.model_dump(exclude_unset=True)
    fields: dict[str, Any] = {
        name: getattr(row, name)
        for name in ("title", "author", "publisher", "published", "language", "origin", "licence")
    }
    fields |= {"access": row.access, "supersedes": str(row.supersedes_id or "")}
    if "replaces" in sent:
        sent["supersedes"] = str(sent.pop("replaces") or "")
    return fields | {name: value for name, value in sent.items() if value is not None}
