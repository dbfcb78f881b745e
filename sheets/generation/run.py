"""Run a generation in the queue, section by section, then save or propose the text.

Each section is stored as soon as it is written, so that a retry, or another worker after a
crash, writes only the missing ones. Where some fail, the others are published.
"""

import dataclasses
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from ingestion.models import Document
from sheets.generation.publish import is_published, publish_sections, written_sections
from sheets.models import Generation, Prompt, SectionRun
from sheets.models.schema_loader import load_template
from sheets.models.spending import check_token_ceiling, record_spending
from sheets.schema.types import Evidence, SectionBrief, SectionDraft, SheetTemplate
from sheets.writers.base import Writer
from sheets.writers.context import gather_evidence, prepare_questions
from sheets.writers.registry import get_writer
from wikico2.errors import TransientError, UserError
from wikico2.jobs.policy import OUTAGES, UNCOUNTED
from wikico2.jobs.runner import JobRun
from wikico2.llm.client import RetryPolicy
from wikico2.llm.concurrency import outcome_of

logger = logging.getLogger(__name__)

HELPLESS = frozenset({"answer_cut"})
"""Codes of unusable answers that another attempt does not better."""

SOURCES_CHECK_SECONDS = 60
"""Seconds until a generation looks again at sources that are not read yet, if nobody wakes it."""


@dataclasses.dataclass(frozen=True)
class GenerationRun:
    """One time slice of a generation."""

    slice: JobRun
    generation: Generation
    template: SheetTemplate
    writer: Writer
    document_ids: list[int]

    def write(self, **values: object) -> None:
        """Write to the generation while its job is ours; raises LeaseLost."""
        with transaction.atomic():
            self.slice.keep()
            Generation.objects.filter(pk=self.generation.pk).update(**values)


def write_sheet_slice(job_run: JobRun) -> bool:
    """Write the missing sections for one time slice, then the text; return whether it is saved.

    Raises UserError, or TransientError while a source is not read yet or a service is down.
    """
    rows = Generation.objects.select_related("sheet__sheet_type", "prompt")
    generation = rows.filter(pk=job_run.row_id).first()
    if generation is None:
        return True
    if generation.documents.in_progress().exists():
        raise TransientError("sources_pending", retry_after=SOURCES_CHECK_SECONDS)
    template = load_template(generation.sheet.sheet_type)
    prompt = prompt_of(generation)
    writer = get_writer(template, prompt)
    run = GenerationRun(job_run, generation, template, writer, readable_documents(generation))
    run.write(
        state=Generation.State.RUNNING,
        backend=writer.backend,
        model=writer.model,
        prompt=prompt,
        prompt_version=writer.prompt_version,
        parameters=dict(writer.parameters),
        started_at=generation.started_at or timezone.now(),
    )
    try:
        if not write_sections(run):
            return False
    except TransientError:
        publish_first(run)
        raise
    close_run(run)
    return True


def prompt_of(generation: Generation) -> Prompt | None:
    """Return the prompt that the generation started with, or the current one; None without LLM."""
    if settings.LLM_BACKEND != "openai":
        return None
    return generation.prompt or Prompt.objects.current()


def readable_documents(generation: Generation) -> list[int]:
    """Return the ids of the ready sources; raises UserError when there is none."""
    documents = list(generation.documents.all())
    ready = [d.pk for d in documents if d.is_ready]
    if not ready:
        titles = ", ".join(
            f"« {d.title} »" if d.access == Document.Access.OPEN else f"n° {d.pk}"
            for d in documents
        )
        raise UserError("sources_failed", titles=titles) if titles else UserError("no_sources")
    return ready


def write_sections(run: GenerationRun) -> bool:
    """Write the missing sections until the slice ends; return whether none is left.

    A section that fails is marked as failed, and the others are still written; after an outage
    no further one is begun, and the TransientError is raised once those under way have ended.
    """
    states = (SectionRun.State.WAITING, SectionRun.State.RUNNING)
    waiting = list(run.generation.sections.filter(state__in=states))
    if run.writer.backend == "openai":
        return write_concurrently(run, waiting)
    for number, section in enumerate(waiting):
        if number and run.slice.enough():
            return False
        run.slice.check()
        begun = time.monotonic()
        try:
            brief, evidence = begin_section(run, section)
            title = run.generation.sheet.title
            answer: SectionDraft | UserError = run.writer.write(
                title, brief, evidence, run.slice.patience()
            )
        except UserError as error:
            answer = error
        save_section(run, section, answer, time.monotonic() - begun)
        if outage := outage_of(answer):
            raise outage
    return True


def write_concurrently(run: GenerationRun, waiting: list[SectionRun]) -> bool:
    """Write sections in threads that only call the model, `at_once` of them at most.

    Rows are read and written here. The section with most fields comes first, since it takes
    longest. A pause or a stop of the job
    is seen each second, and gives up the answers that are still under way.
    """
    briefs = {s.key: run.template.section(s.key) for s in waiting}
    pending = deque(sorted(waiting, key=lambda s: -len(briefs[s.key].fields)))
    prepare_questions(briefs.values(), run.writer.at_once)
    stop = threading.Event()
    futures: dict[Future[SectionDraft], tuple[SectionRun, float]] = {}
    outage: TransientError | None = None
    pool = ThreadPoolExecutor(run.writer.at_once, "section")
    try:
        while pending or futures:
            while pending and len(futures) < run.writer.at_once and outage is None:
                if len(pending) < len(waiting) and run.slice.enough():
                    break
                section, begun = pending.popleft(), time.monotonic()
                try:
                    brief, evidence = begin_section(run, section)
                except UserError as error:
                    save_section(run, section, error, time.monotonic() - begun)
                    outage = outage_of(error) or outage
                    continue
                patience = RetryPolicy.from_settings(on_wait=partial(raise_if_stopped, stop))
                title = run.generation.sheet.title
                future = pool.submit(run.writer.write, title, brief, evidence, patience)
                futures[future] = section, begun
            if not futures:
                break
            done, _waiting = wait(futures, timeout=1, return_when=FIRST_COMPLETED)
            for future in done:
                section, begun = futures.pop(future)
                answer = outcome_of(future)
                save_section(run, section, answer, time.monotonic() - begun)
                outage = outage_of(answer) or outage
            run.slice.check()
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
    if outage is not None:
        raise outage
    return not pending


def outage_of(answer: SectionDraft | UserError) -> TransientError | None:
    """Return the outage of a service that kept a section from being written, or None."""
    is_outage = isinstance(answer, TransientError) and answer.code in OUTAGES | UNCOUNTED
    return answer if is_outage else None  # type: ignore[return-value]


def raise_if_stopped(stop: threading.Event) -> None:
    """Raise UserError("stopped") in a waiting thread when its result is no longer needed."""
    if stop.is_set():
        raise UserError("stopped")


def begin_section(run: GenerationRun, section: SectionRun) -> tuple[SectionBrief, Evidence]:
    """Retrieve the passages of a section and mark it as running; raises UserError."""
    if run.writer.backend == "openai":
        check_token_ceiling()
    run.slice.keep()
    brief = run.template.section(section.key)
    evidence = gather_evidence(run.generation.sheet.title, brief, run.writer, run.document_ids)
    section.state = SectionRun.State.RUNNING
    section.passages = [
        {"label": label, "chunk": p.chunk_id} for label, p in evidence.shown.items()
    ]
    section.save(update_fields=["state", "passages"])
    return brief, evidence


def save_section(
    run: GenerationRun, section: SectionRun, answer: SectionDraft | UserError, seconds: float
) -> None:
    """Store the draft or the error of a section, and its cost in both cases."""
    tokens_in, tokens_out = answer.tokens_in, answer.tokens_out
    cost = record_spending(run.writer.model, tokens_in, tokens_out)
    if isinstance(answer, SectionDraft):
        section.output = dataclasses.asdict(answer)
        section.error_code, section.error_details = "", {}
        section.state = SectionRun.State.DONE
    else:
        logger.warning("Section %s of run %s: %s", section.key, run.generation.pk, answer)
        section.error_code, section.error_details = answer.code, answer.details
        waits = isinstance(answer, TransientError) and answer.code not in HELPLESS
        section.state = SectionRun.State.WAITING if waits else SectionRun.State.FAILED
    section.tokens_in += tokens_in
    section.tokens_out += tokens_out
    section.cost += cost
    section.seconds = round(section.seconds + seconds, 3)
    with transaction.atomic():
        section.save()
        run.write(
            tokens_in=F("tokens_in") + tokens_in,
            tokens_out=F("tokens_out") + tokens_out,
            cost=F("cost") + cost,
            seconds=F("seconds") + seconds,
        )
        if isinstance(answer, SectionDraft):
            sections = run.generation.sections
            done = sections.filter(state=SectionRun.State.DONE).count()
            run.slice.advance(done=done, total=sections.count())


def close_run(run: GenerationRun) -> None:
    """Publish what is written; raise what kept sections from being written.

    A failure that may pass is a TransientError, for another attempt, while attempts are left.
    """
    sections = list(run.generation.sections.all())
    failed = [s for s in sections if s.state != SectionRun.State.DONE]
    if not failed:
        with transaction.atomic():
            run.slice.finish()
            publish_sections(run.generation, run.template, sections)
        return
    error = failure_of(run, failed, sections)
    if is_last_attempt(run, error):
        publish_written(run)
        for section in failed:
            section.state = SectionRun.State.FAILED
            section.save(update_fields=["state"])
        raise UserError(error.code, **error.details)
    publish_first(run)
    raise error


def failure_of(
    run: GenerationRun, failed: Sequence[SectionRun], sections: Sequence[SectionRun]
) -> UserError:
    """Return the error of a run: the cause if all sections failed, else their names."""
    last = next((s for s in failed if s.state == SectionRun.State.FAILED), None)
    first = last or failed[0]
    kind = UserError if last else TransientError
    if len(failed) == len(sections):
        return kind(first.error_code, **first.error_details)
    names = ", ".join(f"« {run.template.section(s.key).heading} »" for s in failed)
    cause = {"code": first.error_code, "details": first.error_details}
    return kind("sections_failed", sections=names, cause=cause)


def is_last_attempt(run: GenerationRun, error: UserError) -> bool:
    """Tell whether no other attempt follows an error."""
    if not isinstance(error, TransientError):
        return True
    job = run.slice.job
    return not run.slice.policy.attempts_left(job.attempts, error.code)


def publish_written(run: GenerationRun) -> None:
    """Publish the sections that are written, unless they are already."""
    sections = written_sections(run.generation)
    run.generation.sheet.refresh_from_db()
    if sections and not is_published(run.generation, sections):
        with transaction.atomic():
            run.slice.keep()
            publish_sections(run.generation, run.template, sections)


def publish_first(run: GenerationRun) -> None:
    """Publish what is written of a sheet that has no other text, so that it can be read."""
    sheet = run.generation.sheet
    sheet.refresh_from_db()
    if sheet.current is None or sheet.current.generation_id == run.generation.pk:
        publish_written(run)
