"""Have a sheet written: ask, run section by section in the queue, and save or propose.

A run keeps each section as soon as it is written, so that a retry, or another worker after a
crash, goes on with what is missing.
"""

import dataclasses
import logging
import time
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from ingestion.models import Document
from sheets.compose import Sources, compose
from sheets.drafts import Cited, FieldDraft, Row, SectionDraft, Statement, Template, Writer
from sheets.evidence import gather_evidence, pages_of_quotes, passages_of
from sheets.models import Generation, Proposal, Revision, SectionRun, Sheet, SheetType
from sheets.revise import PersonalText, StaleBase, save_revision
from sheets.template import load_template
from sheets.verify import BROKEN, verify
from sheets.writers import get_writer
from wikico2.ai import Patience
from wikico2.errors import WorkError
from wikico2.leases import LeaseLost
from wikico2.models import User

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
"""How often a run may be taken up without a section being written, before it counts as failed."""

RESERVED_SLUGS = {"nouvelle"}


# --- Asking --------------------------------------------------------------------------------------


def request_sheet(
    sheet_type: SheetType, title: str, documents: Sequence[Document], user: User | None
) -> Sheet:
    """Create a sheet that draws on the documents, and queue its first writing.

    Raises WorkError("no_sources") without documents.
    """
    if not documents:
        raise WorkError("no_sources")
    with transaction.atomic():
        sheet = create_sheet(sheet_type, title, user)
        sheet.documents.set(documents)
        request_generation(sheet, user)
    return sheet


def create_sheet(sheet_type: SheetType, title: str, user: User | None) -> Sheet:
    """Create an empty sheet under a free address."""
    stem = slugify(title)[:200] or "fiche"
    for number in range(1, 1000):
        slug = stem if number == 1 else f"{stem}-{number}"
        if slug in RESERVED_SLUGS or Sheet.objects.filter(slug=slug).exists():
            continue
        try:
            with transaction.atomic():
                return Sheet.objects.create(
                    sheet_type=sheet_type, title=title.strip(), slug=slug, created_by=user
                )
        except IntegrityError:
            continue  # somebody took the address in between
    raise WorkError("internal", reason=f"slug {stem}")


@transaction.atomic
def request_generation(sheet: Sheet, user: User | None) -> Generation:
    """Queue a writing of the whole sheet; the one that is under way, if there is one, counts."""
    from sheets.tasks import queue_generation

    Sheet.objects.select_for_update(of=("self",)).get(pk=sheet.pk)
    running = sheet.generations.in_progress().first()
    if running:
        return running
    documents = list(sheet.documents.all())
    if not documents:
        raise WorkError("no_sources")
    template = load_template(sheet.sheet_type)
    generation = Generation.objects.create(
        sheet=sheet,
        base=sheet.current,
        backend=settings.LLM_BACKEND,
        model=settings.LLM_MODEL if settings.LLM_BACKEND == "openai" else "",
        requested_by=user,
    )
    generation.documents.set(documents)
    SectionRun.objects.bulk_create(
        SectionRun(generation=generation, key=s.key, order=n)
        for n, s in enumerate(template.written)
    )
    queue_generation(generation.pk)
    return generation


def cancel(generation: Generation) -> None:
    """Stop a run; what it wrote so far is kept for a retry."""
    Generation.objects.in_progress().filter(pk=generation.pk).update(
        state=Generation.State.CANCELLED,
        lease_token=None,
        lease_until=None,
        finished_at=timezone.now(),
    )


@transaction.atomic
def retry(generation: Generation) -> None:
    """Queue a failed or stopped run again; sections that are done stay done."""
    from sheets.tasks import queue_generation

    again = Generation.objects.filter(
        pk=generation.pk, state__in=(Generation.State.FAILED, Generation.State.CANCELLED)
    ).update(state=Generation.State.WAITING, error_code="", error_details={}, finished_at=None)
    if again:
        generation.sections.exclude(state=SectionRun.State.DONE).update(
            state=SectionRun.State.WAITING, error_code="", error_details={}
        )
        queue_generation(generation.pk)


# --- Running -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Run:
    """One worker's hold on one generation."""

    generation: Generation
    token: uuid.UUID
    template: Template
    writer: Writer
    document_ids: list[int]

    def hold(self, **values: object) -> None:
        """Renew the lease; raises LeaseLost when somebody stopped or took over the run."""
        Generation.objects.hold(self.generation.pk, self.token, **values)


def write(generation_id: int) -> None:
    """Run a generation until it is done, or until its slice of time ends and it queues itself."""
    waiting = Generation.objects.in_progress().filter(pk=generation_id)
    if not waiting.exists() or documents_pending(generation_id):
        return  # gone, over, or to be queued again when its last source is read
    token = waiting.claim(generation_id)
    if token is None:
        return  # another worker has it
    try:
        run_claimed(generation_id, token)
    except LeaseLost:
        logger.info("Generation %s was stopped or taken over.", generation_id)
    except WorkError as error:
        fail(generation_id, token, error)
    except Exception as error:
        logger.exception("Generation %s failed.", generation_id)
        fail(generation_id, token, WorkError("internal", reason=type(error).__name__))


def documents_pending(generation_id: int) -> bool:
    """Tell whether a source of the run is still being read."""
    return Document.objects.in_progress().filter(generations=generation_id).exists()


def run_claimed(generation_id: int, token: uuid.UUID) -> None:
    """Write what is missing under the lease, then finish."""
    from sheets.tasks import queue_generation

    generation = Generation.objects.select_related("sheet__sheet_type").get(pk=generation_id)
    if generation.attempts > MAX_ATTEMPTS:
        raise WorkError("internal", reason=f"worker stopped {MAX_ATTEMPTS} times")
    template = load_template(generation.sheet.sheet_type)
    writer = get_writer(template)
    run = Run(generation, token, template, writer, readable_documents(generation))
    run.hold(
        state=Generation.State.RUNNING,
        backend=writer.backend,
        model=writer.model,
        prompt_version=writer.prompt_version,
        started_at=generation.started_at or timezone.now(),
    )
    deadline = time.monotonic() + settings.TASK_SLICE_SECONDS
    waiting = list(generation.sections.exclude(state=SectionRun.State.DONE))
    for number, section in enumerate(waiting):
        if number and time.monotonic() > deadline:
            with transaction.atomic():
                Generation.objects.release(generation_id, token)
                queue_generation(generation_id)
            return
        write_section(run, section)
    finish(run)


def readable_documents(generation: Generation) -> list[int]:
    """Return the sources that are ready; raises WorkError when there is none."""
    documents = list(generation.documents.all())
    ready = [d.pk for d in documents if d.is_ready]
    if not ready:
        titles = ", ".join(f"« {d.title} »" for d in documents)
        raise WorkError("sources_failed", titles=titles) if titles else WorkError("no_sources")
    return ready


def write_section(run: Run, section: SectionRun) -> None:
    """Write one section and keep it; a failure is kept on the section and raised."""
    run.hold()
    section.state = SectionRun.State.RUNNING
    section.save(update_fields=["state"])
    started = time.monotonic()
    brief = run.template.section(section.key)
    try:
        evidence = gather_evidence(brief, run.writer, run.document_ids)
        section.passages = [
            {"label": label, "chunk": p.chunk_id} for label, p in evidence.shown.items()
        ]
        patience = Patience.of_settings(on_wait=run.hold)
        draft = run.writer.write(run.generation.sheet.title, brief, evidence, patience)
        section.output = dataclasses.asdict(draft)
        section.tokens_in, section.tokens_out = draft.tokens_in, draft.tokens_out
        run.hold(attempts=0)  # also: nobody stopped or took over meanwhile
        section.state = SectionRun.State.DONE
    except WorkError as error:
        run.hold()
        section.state = SectionRun.State.FAILED
        section.error_code, section.error_details = error.code, error.details
        raise
    finally:
        section.seconds = round(time.monotonic() - started, 3)
        if section.state != SectionRun.State.RUNNING:
            section.save()


def finish(run: Run) -> None:
    """Put the sections together and save them as a revision, or propose them."""
    sections = list(run.generation.sections.all())
    drafts = {s.key: draft_from_json(s.output) for s in sections}
    passages = passages_of(p["chunk"] for s in sections for p in s.passages)
    sources: dict[str, Sources] = {}
    for section in sections:
        shown = {
            p["label"]: passages[p["chunk"]] for p in section.passages if p["chunk"] in passages
        }
        drafts[section.key] = grounded(drafts[section.key], Sources(shown, {}))
        sources[section.key] = Sources(shown, pages_of_quotes(drafts[section.key], shown))
    body, header = compose(run.template, drafts, sources, emoji=settings.SHEET_EMOJI)
    with transaction.atomic():
        Generation.objects.release(
            run.generation.pk,
            run.token,
            state=Generation.State.DONE,
            finished_at=timezone.now(),
            tokens_in=sum(s.tokens_in for s in sections),
            tokens_out=sum(s.tokens_out for s in sections),
        )
        save_or_propose(run.generation, body, header)


def save_or_propose(generation: Generation, body: str, header: dict[str, str]) -> None:
    """Make the text the sheet's next revision; once a person has written in it, a proposal."""
    sheet = generation.sheet
    sheet.refresh_from_db()
    try:
        with transaction.atomic():
            save_revision(
                sheet,
                base=sheet.current,
                body=body,
                metadata=header,
                origin=Revision.Origin.GENERATED,
                author=None,
                generation=generation,
            )
    except (PersonalText, StaleBase):
        base = generation.base or sheet.current
        assert base is not None  # a person has written: there is a revision
        Proposal.objects.create(
            sheet=sheet, base=base, generation=generation, body=body, metadata=header
        )


def grounded(draft: SectionDraft, sources: Sources) -> SectionDraft:
    """Return the draft without what the passages do not bear.

    Sources that are gone are dropped. A broken statement is left out, unless
    `KEEP_BROKEN_STATEMENTS` has it kept and marked.
    """

    def bears(said: Statement | Row) -> Statement | Row | None:
        held = tuple(c for c in said.sources if c.label in sources.passages)
        text = said.text if isinstance(said, Statement) else " | ".join(said.cells)
        texts = [
            "\n".join([*sources.passages[c.label].headings, sources.passages[c.label].text])
            for c in held
        ]
        if not held or (
            verify(text, texts).verdict == BROKEN and not settings.KEEP_BROKEN_STATEMENTS
        ):
            return None
        return dataclasses.replace(said, sources=held)

    fields = [
        dataclasses.replace(
            f,
            statements=tuple(s for x in f.statements if isinstance(s := bears(x), Statement)),
            rows=tuple(r for x in f.rows if isinstance(r := bears(x), Row)),
        )
        for f in draft.fields
    ]
    return dataclasses.replace(draft, fields=tuple(fields))


def fail(generation_id: int, token: uuid.UUID, error: WorkError) -> None:
    """Record a failure, unless the run is no longer ours."""
    try:
        Generation.objects.release(
            generation_id,
            token,
            state=Generation.State.FAILED,
            error_code=error.code,
            error_details=error.details,
            finished_at=timezone.now(),
        )
    except LeaseLost:
        logger.info("Generation %s failed after it was taken over: %s", generation_id, error)


def draft_from_json(data: dict[str, object]) -> SectionDraft:
    """Return the draft that `dataclasses.asdict` wrote."""

    def cited(items: list[dict[str, str]]) -> tuple[Cited, ...]:
        return tuple(Cited(c["label"], c["quote"]) for c in items)

    fields = [
        FieldDraft(
            key=f["key"],
            statements=tuple(Statement(s["text"], cited(s["sources"])) for s in f["statements"]),
            columns=tuple(f["columns"]),
            rows=tuple(Row(tuple(r["cells"]), cited(r["sources"])) for r in f["rows"]),
        )
        for f in data.get("fields", [])  # type: ignore[attr-defined]
    ]
    return SectionDraft(key=str(data.get("key", "")), fields=tuple(fields))
