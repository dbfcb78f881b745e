"""Request a sheet or a generation, and cancel or retry a generation."""

from collections.abc import Collection, Sequence

from django.conf import settings
from django.db import IntegrityError, transaction

from ingestion.models import Document
from sheets.links.rename import free_slugs, require_free_title
from sheets.models import Generation, SectionRun, Sheet, SheetType
from sheets.models.schema_loader import load_template
from sheets.queueing import GENERATION
from sheets.sources.versions import take_later_versions
from wikico2.accounts.audit import record
from wikico2.errors import UserError
from wikico2.jobs.queue import restart_job, start_job, stop_job
from wikico2.models import Job, User
from wikico2.text.normalize import visible_line


def request_sheet(
    sheet_type: SheetType, title: str, documents: Sequence[Document], user: User | None
) -> Sheet:
    """Create a sheet with these documents as sources, and queue its first generation.

    Raises UserError("no_sources") without documents.
    """
    if not documents:
        raise UserError("no_sources")
    with transaction.atomic():
        sheet = create_sheet(sheet_type, title, user)
        sheet.documents.set(documents)
        request_generation(sheet, user)
    return sheet


def create_sheet(sheet_type: SheetType, title: str, user: User | None) -> Sheet:
    """Create an empty sheet under a free slug.

    Raises UserError("title_taken") if another sheet has the title.
    """
    title = visible_line(title)
    for slug in free_slugs(title):
        try:
            with transaction.atomic():
                sheet = Sheet.objects.create(
                    sheet_type=sheet_type, title=title, slug=slug, created_by=user
                )
                record("sheet.create", sheet, user)
                return sheet
        except IntegrityError:  # a concurrent request took the title or the slug
            require_free_title(title)
    raise UserError("internal", reason=f"slug of {title}")


@transaction.atomic
def request_generation(
    sheet: Sheet, user: User | None, sections: Collection[str] | None = None
) -> Generation:
    """Queue a generation of the sheet, or of some of its sections, without the locked ones.

    A generation in progress is returned instead of a new one. Raises UserError: no_sources, or
    nothing_to_write when no section is left to write.
    """
    Sheet.objects.select_for_update(of=("self",)).get(pk=sheet.pk)
    running = sheet.generations.in_progress().first()
    if running:
        return running
    take_later_versions(sheet)
    documents = list(sheet.documents.all())
    if not documents:
        raise UserError("no_sources")
    locked = sheet.locked_keys()
    keys = [
        s.key
        for s in load_template(sheet.sheet_type).written
        if s.key not in locked and (sections is None or s.key in sections)
    ]
    if not keys:
        raise UserError("nothing_to_write")
    generation = Generation.objects.create(
        sheet=sheet,
        base=sheet.current,
        backend=settings.LLM_BACKEND,
        model=settings.LLM_MODEL if settings.LLM_BACKEND == "openai" else "",
        requested_by=user,
    )
    generation.documents.set(documents)
    SectionRun.objects.bulk_create(
        SectionRun(generation=generation, key=key, order=n) for n, key in enumerate(keys)
    )
    start_job(GENERATION, generation.pk, owner=user, total=len(keys))
    record("sheet.generate", sheet, user, sections=keys)
    return generation


def cancel_generation(generation: Generation, user: User | None = None) -> None:
    """Cancel a generation; the sections already written are kept for a retry."""
    stop_job(generation.job, user)


def retry_generation(generation: Generation, user: User | None = None) -> None:
    """Queue a failed or cancelled generation again; only its missing sections are written."""
    restart_job(generation.job, user)


def follow_generation_job(job: Job) -> None:
    """Write to the generation what became of its job, in that transaction."""
    rows = Generation.objects.filter(pk=job.row_id)
    errors = {"error_code": job.error_code, "error_details": job.error_details}
    rows.update(state=job.state, finished_at=job.ended_at, **errors)
    if job.state == Job.State.FAILED:
        unwritten = SectionRun.objects.filter(generation=job.row_id, state=SectionRun.State.WAITING)
        unwritten.exclude(error_code="").update(state=SectionRun.State.FAILED)
    if job.state == Job.State.WAITING:
        missing = SectionRun.objects.filter(generation=job.row_id)
        missing.exclude(state=SectionRun.State.DONE).update(
            state=SectionRun.State.WAITING, error_code="", error_details={}
        )
