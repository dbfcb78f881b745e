"""Run a generation in the queue, section by section, then save or propose the text.

Each section is stored as soon as it is written, so that a retry, or another worker after a
crash, writes only the missing ones.
"""

import dataclasses
import logging
import threading
import time
import uuid
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from ingestion.models import Document
from sheets.markdown.compose import SectionSources, compose_sheet
from sheets.models import Generation, Prompt, SectionRun
from sheets.models.schema_loader import load_template
from sheets.models.spending import check_token_ceiling, record_spending
from sheets.proposals.review import save_or_propose
from sheets.queueing import queue_generation
from sheets.schema.types import (
    CitedPassage,
    DraftStatement,
    Evidence,
    FieldDraft,
    SectionBrief,
    SectionDraft,
    SheetTemplate,
    TableRow,
)
from sheets.verification.citations import drop_unsupported
from sheets.writers.base import Writer
from sheets.writers.context import gather_evidence, pages_of_quotes, passages_of, prepare_questions
from sheets.writers.registry import get_writer
from wikico2.errors import UserError
from wikico2.jobs.leases import LeaseLost
from wikico2.llm.client import RetryPolicy

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
"""Attempts without a written section after which a generation fails."""


@dataclasses.dataclass(frozen=True)
class GenerationRun:
    """A generation claimed by this worker; `token` is its lease."""

    generation: Generation
    token: uuid.UUID
    template: SheetTemplate
    writer: Writer
    document_ids: list[int]

    def hold(self, **values: object) -> None:
        """Write `values` and renew the lease; raises LeaseLost if cancelled or taken over."""
        Generation.objects.hold(self.generation.pk, self.token, **values)


def run_generation_slice(generation_id: int) -> None:
    """Run a generation for one time slice; queue it again when it is not done by then."""
    waiting = Generation.objects.in_progress().filter(pk=generation_id)
    if not waiting.exists() or documents_pending(generation_id):
        return  # deleted, finished, or queued again when its last source is ingested
    token = waiting.claim(generation_id)
    if token is None:
        return  # another worker has it
    try:
        run_claimed(generation_id, token)
    except LeaseLost:
        logger.info("Generation %s was cancelled or taken over.", generation_id)
    except UserError as error:
        fail_generation(generation_id, token, error)
    except Exception as error:
        logger.exception("Generation %s failed.", generation_id)
        fail_generation(generation_id, token, UserError("internal", reason=type(error).__name__))


def documents_pending(generation_id: int) -> bool:
    """Tell whether a source of the generation is still being ingested."""
    return Document.objects.in_progress().filter(generations=generation_id).exists()


def run_claimed(generation_id: int, token: uuid.UUID) -> None:
    """Write the missing sections of a claimed generation, then finish it.

    Raises UserError, or LeaseLost when it was cancelled or taken over.
    """
    generation = Generation.objects.select_related("sheet__sheet_type", "prompt").get(
        pk=generation_id
    )
    if generation.attempts > MAX_ATTEMPTS:
        raise UserError("internal", reason=f"worker stopped {MAX_ATTEMPTS} times")
    template = load_template(generation.sheet.sheet_type)
    prompt = prompt_of(generation)
    writer = get_writer(template, prompt)
    run = GenerationRun(generation, token, template, writer, readable_documents(generation))
    run.hold(
        state=Generation.State.RUNNING,
        backend=writer.backend,
        model=writer.model,
        prompt=prompt,
        prompt_version=writer.prompt_version,
        parameters=dict(writer.parameters),
        started_at=generation.started_at or timezone.now(),
    )
    if not write_sections(run, time.monotonic() + settings.TASK_SLICE_SECONDS):
        with transaction.atomic():
            Generation.objects.release(generation_id, token)
            queue_generation(generation_id)
        return
    raise_failures(run)
    finish_generation(run)


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


def write_sections(run: GenerationRun, deadline: float) -> bool:
    """Write the missing sections until the deadline; return whether none is left.

    A section that fails is marked as failed, and the others are still written.
    """
    states = (SectionRun.State.WAITING, SectionRun.State.RUNNING)
    waiting = list(run.generation.sections.filter(state__in=states))
    if run.writer.at_once > 1:
        return write_concurrently(run, waiting, deadline)
    for number, section in enumerate(waiting):
        if number and time.monotonic() > deadline:
            return False
        begun = time.monotonic()
        patience = RetryPolicy.from_settings(on_wait=run.hold)
        try:
            brief, evidence = begin_section(run, section)
            answer: SectionDraft | UserError = run.writer.write(
                run.generation.sheet.title, brief, evidence, patience
            )
        except UserError as error:
            answer = error
        save_section(run, section, answer, time.monotonic() - begun)
    return True


def write_concurrently(run: GenerationRun, waiting: list[SectionRun], deadline: float) -> bool:
    """Write sections in threads that only call the model; rows are read and written here.

    The section with most fields comes first, since it takes longest.
    """
    briefs = {s.key: run.template.section(s.key) for s in waiting}
    pending = deque(sorted(waiting, key=lambda s: -len(briefs[s.key].fields)))
    prepare_questions(briefs.values(), run.writer.at_once)
    stop = threading.Event()
    futures: dict[Future[SectionDraft], tuple[SectionRun, float]] = {}
    pool = ThreadPoolExecutor(run.writer.at_once, "section")
    try:
        while pending or futures:
            while pending and len(futures) < run.writer.at_once:
                if time.monotonic() > deadline and len(pending) < len(waiting):
                    break
                section, begun = pending.popleft(), time.monotonic()
                try:
                    brief, evidence = begin_section(run, section)
                except UserError as error:
                    save_section(run, section, error, time.monotonic() - begun)
                    continue
                patience = RetryPolicy.from_settings(on_wait=partial(raise_if_stopped, stop))
                title = run.generation.sheet.title
                future = pool.submit(run.writer.write, title, brief, evidence, patience)
                futures[future] = section, begun
            if not futures:
                break
            done, _waiting = wait(futures, timeout=1, return_when=FIRST_COMPLETED)
            run.hold()
            for future in done:
                section, begun = futures.pop(future)
                save_section(run, section, future_outcome(future), time.monotonic() - begun)
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
    return not pending


def raise_if_stopped(stop: threading.Event) -> None:
    """Raise UserError("stopped") in a waiting thread when its result is no longer needed."""
    if stop.is_set():
        raise UserError("stopped")


def future_outcome(future: "Future[SectionDraft]") -> SectionDraft | UserError:
    """Return the draft of a thread, or its error as a UserError."""
    try:
        return future.result()
    except UserError as error:
        return error
    except Exception as error:
        logger.exception("A section could not be written.")
        return UserError("internal", reason=type(error).__name__)


def begin_section(run: GenerationRun, section: SectionRun) -> tuple[SectionBrief, Evidence]:
    """Retrieve the passages of a section and mark it as running; raises UserError."""
    if run.writer.backend == "openai":
        check_token_ceiling()
    run.hold()
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
        section.state = SectionRun.State.DONE
    else:
        logger.warning("Section %s of run %s: %s", section.key, run.generation.pk, answer)
        section.error_code, section.error_details = answer.code, answer.details
        section.state = SectionRun.State.FAILED
    section.tokens_in += tokens_in
    section.tokens_out += tokens_out
    section.cost += cost
    section.seconds = round(section.seconds + seconds, 3)
    with transaction.atomic():
        section.save()
        run.hold(
            tokens_in=F("tokens_in") + tokens_in,
            tokens_out=F("tokens_out") + tokens_out,
            cost=F("cost") + cost,
            seconds=F("seconds") + seconds,
            **({"attempts": 0} if isinstance(answer, SectionDraft) else {}),
        )


def raise_failures(run: GenerationRun) -> None:
    """Raise UserError when sections failed: the first cause if all did, else their names."""
    sections = list(run.generation.sections.all())
    failed = [s for s in sections if s.state == SectionRun.State.FAILED]
    if not failed:
        return
    cause = {"code": failed[0].error_code, "details": failed[0].error_details}
    if len(failed) == len(sections):
        raise UserError(cause["code"], **cause["details"])
    names = ", ".join(f"« {run.template.section(s.key).heading} »" for s in failed)
    raise UserError("sections_failed", sections=names, cause=cause)


def finish_generation(run: GenerationRun) -> None:
    """Compose the sections into a text and save it as a revision, or propose it."""
    sections = list(run.generation.sections.all())
    drafts = {s.key: draft_from_json(s.output) for s in sections}
    passages = passages_of(p["chunk"] for s in sections for p in s.passages)
    sources: dict[str, SectionSources] = {}
    for section in sections:
        shown = {
            p["label"]: passages[p["chunk"]] for p in section.passages if p["chunk"] in passages
        }
        drafts[section.key] = drop_unsupported(
            drafts[section.key], shown, keep_broken=settings.KEEP_BROKEN_STATEMENTS
        )
        sources[section.key] = SectionSources(shown, pages_of_quotes(drafts[section.key], shown))
    body, header = compose_sheet(run.template, drafts, sources, emoji=settings.SHEET_EMOJI)
    with transaction.atomic():
        Generation.objects.release(
            run.generation.pk,
            run.token,
            state=Generation.State.DONE,
            finished_at=timezone.now(),
        )
        save_or_propose(run.generation, run.template, body, header)


def fail_generation(generation_id: int, token: uuid.UUID, error: UserError) -> None:
    """Record a failure, unless this worker no longer holds the lease."""
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
    """Return the draft stored as JSON by `dataclasses.asdict`."""

    def cited(items: list[dict[str, str]]) -> tuple[CitedPassage, ...]:
        return tuple(CitedPassage(c["label"], c["quote"]) for c in items)

    fields = [
        FieldDraft(
            key=f["key"],
            statements=tuple(
                DraftStatement(s["text"], cited(s["sources"])) for s in f["statements"]
            ),
            columns=tuple(f["columns"]),
            rows=tuple(TableRow(tuple(r["cells"]), cited(r["sources"])) for r in f["rows"]),
        )
        for f in data.get("fields", [])  # type: ignore[attr-defined]
    ]
    return SectionDraft(key=str(data.get("key", "")), fields=tuple(fields))
