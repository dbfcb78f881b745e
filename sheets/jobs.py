"""The policies of the jobs on sheets."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from ingestion.models import Document
from sheets import queueing as kinds
from sheets.actions.states import purge_deleted_sheets
from sheets.curation.bulk import clear_bulk_actions, run_bulk_slice
from sheets.file_jobs import (
    clear_file_jobs,
    export_wiki_slice,
    follow_export_job,
    import_wiki_slice,
    render_pdf_slice,
)
from sheets.generation.request import follow_generation_job
from sheets.generation.run import write_sheet_slice
from sheets.links.related import update_related
from sheets.models import BulkAction, Citation, FileJob, Generation, Revision, Sheet
from sheets.notifications import digest
from sheets.notifications.notices import tell_of_due_reviews
from sheets.rendering.page_cache import clear_cached_pages
from sheets.revisions.judging import judge_sheet
from sheets.revisions.reanchor import reanchor_source
from sheets.revisions.save import outdated_checks, recheck_revision
from sheets.search.indexing import (
    ensure_indexed_words,
    index_vectors,
    learn_sheet_words,
    remove_sheet_vectors,
)
from sheets.sources.passage_refs import resolve_passage_refs
from sheets.staleness import new_passages
from wikico2.accounts.attempts import forget_old_counters
from wikico2.accounts.audit import clear_old_events
from wikico2.accounts.rules import may
from wikico2.jobs.policy import JobPolicy, register_kind
from wikico2.jobs.queue import clear_ended_jobs, start_job
from wikico2.jobs.runner import JobRun
from wikico2.models import Job
from wikico2.notifications import clear_old_notifications


def index_sheet(run: JobRun) -> bool:
    """Index a sheet's vectors, related sheets and words; remove the vectors of a deleted one."""
    sheet = Sheet.objects.filter(pk=run.row_id).first()
    if sheet is None:
        remove_sheet_vectors(run.row_id)
        return True
    ensure_indexed_words(sheet)
    update_related(sheet)
    learn_sheet_words(sheet)
    index_vectors(sheet, run.patience())
    return True


def recheck_citations(run: JobRun) -> bool:
    """Recheck the broken citations of a source, whose pages may have been missing."""
    cited = Citation.objects.filter(document=run.row_id, level=Citation.Level.NOT_FOUND)
    for pk in cited.values_list("revision", flat=True).distinct().order_by("revision"):
        run.check()
        recheck_revision(Revision.objects.get(pk=pk))
    return True


def recheck_sheets(run: JobRun) -> bool:
    """Check again the current revisions that an older check has looked at, for a time slice."""
    for pk in outdated_checks().order_by("pk").values_list("pk", flat=True):
        if run.enough():
            return False
        if revision := Revision.objects.filter(pk=pk).first():
            recheck_revision(revision)
        run.advance()
    return True


def judge_statements(run: JobRun) -> bool:
    """Have the judging model read what a sheet says in other words than its sources."""
    sheet = Sheet.objects.filter(pk=run.row_id).first()
    if sheet is not None:
        judge_sheet(sheet, run.patience())
    return True


def reanchor_citations(run: JobRun) -> bool:
    """Anchor the citations of a source anew that was read again, and log those that are lost."""
    reanchor_source(run.row_id)
    return True


def resolve_source_refs(run: JobRun) -> bool:
    """Resolve references of imported rows to the passages of a source."""
    resolve_passage_refs(run.row_id)
    return True


def look_for_passages(run: JobRun) -> bool:
    """Look up new passages for the stale sections of a sheet."""
    new_passages.record_new_passages(run.row_id)
    return True


def send_digests(run: JobRun) -> bool:
    """Tell of the reviews that are due, and queue a digest for each user who is due one."""
    tell_of_due_reviews()
    for pk in digest.due_user_ids():
        start_job(kinds.DIGEST, pk)
    return True


def send_digest(run: JobRun) -> bool:
    """Send one user's digest."""
    digest.email_digest(run.row_id)
    return True


def clear_old_rows(run: JobRun) -> bool:
    """Delete what is kept for a while only: pages, jobs, deleted sheets, events, counters."""
    clear_cached_pages()
    forget_old_counters()
    clear_old_notifications()
    clear_file_jobs()
    clear_bulk_actions()
    clear_ended_jobs()
    clear_old_events()
    purge_deleted_sheets()
    return True


def visible_generations(user: Any) -> QuerySet[Generation]:
    """Return the generations of the sheets that `user` may open."""
    rows = Generation.objects.filter(sheet__in=Sheet.objects.readable_by(user))
    return rows.select_related("sheet")


def visible_documents(user: Any) -> QuerySet[Document]:
    """Return the sources that `user` may read."""
    return Document.objects.readable_by(user)


def visible_sheets(user: Any) -> QuerySet[Sheet]:
    """Return the sheets that `user` may open."""
    return Sheet.objects.readable_by(user)


def visible_file_jobs(user: Any) -> QuerySet[FileJob]:
    """Return the file jobs that `user` may see: all, or none."""
    may_see = may(user, "wiki.transfer")
    return FileJob.objects.all() if may_see else FileJob.objects.none()


def visible_bulk_actions(user: Any) -> QuerySet[BulkAction]:
    """Return the actions on several rows that `user` may see: all, or none."""
    return BulkAction.objects.all() if may(user, "workshop.enter") else BulkAction.objects.none()


POLICIES = [
    JobPolicy(
        kinds.GENERATION,
        _("writing of a sheet"),
        Job.Lane.WRITING,
        write_sheet_slice,
        model="sheets.Generation",
        visible=visible_generations,
        title=lambda generation: generation.sheet.title,
        stop_rule="generation.stop",
        retry_rule="generation.retry",
        follow=follow_generation_job,
    ),
    JobPolicy(
        FileJob.Kind.PDF.value,
        FileJob.Kind.PDF.label,
        Job.Lane.SHORT,
        render_pdf_slice,
        model="sheets.FileJob",
        visible=visible_file_jobs,
        title=lambda file_job: file_job.title,
        stop_rule="wiki.transfer",
        retry_rule="wiki.transfer",
        attempts=3,
    ),
    JobPolicy(
        FileJob.Kind.IMPORT.value,
        FileJob.Kind.IMPORT.label,
        Job.Lane.WRITING,
        import_wiki_slice,
        model="sheets.FileJob",
        visible=visible_file_jobs,
        title=lambda file_job: file_job.title,
        stop_rule="wiki.transfer",
        retry_rule="wiki.transfer",
        attempts=3,
        at_once=1,
    ),
    JobPolicy(
        FileJob.Kind.EXPORT.value,
        FileJob.Kind.EXPORT.label,
        Job.Lane.WRITING,
        export_wiki_slice,
        model="sheets.FileJob",
        visible=visible_file_jobs,
        title=lambda file_job: file_job.title,
        stop_rule="wiki.transfer",
        retry_rule="wiki.transfer",
        follow=follow_export_job,
        attempts=3,
    ),
    JobPolicy(
        kinds.BULK_ACTION,
        _("action on several rows"),
        Job.Lane.WRITING,
        run_bulk_slice,
        model="sheets.BulkAction",
        visible=visible_bulk_actions,
        stop_rule="workshop.enter",
        retry_rule="workshop.enter",
        attempts=3,
    ),
    JobPolicy(
        kinds.SHEET_INDEX,
        _("indexing of a sheet"),
        Job.Lane.INDEXING,
        index_sheet,
        model="sheets.Sheet",
        visible=visible_sheets,
        merges=True,
    ),
    JobPolicy(
        kinds.PASSAGE_LOOKUP,
        _("search for new passages"),
        Job.Lane.INDEXING,
        look_for_passages,
        model="sheets.Sheet",
        visible=visible_sheets,
        merges=True,
    ),
    JobPolicy(
        kinds.CITATION_RECHECK,
        _("check of citations"),
        Job.Lane.INDEXING,
        recheck_citations,
        model="ingestion.Document",
        visible=visible_documents,
        merges=True,
    ),
    JobPolicy(
        kinds.CITATION_REANCHOR,
        _("anchoring of citations"),
        Job.Lane.INDEXING,
        reanchor_citations,
        model="ingestion.Document",
        visible=visible_documents,
        merges=True,
    ),
    JobPolicy(
        kinds.SHEET_RECHECK,
        _("check of sheets after an upgrade"),
        Job.Lane.UPKEEP,
        recheck_sheets,
        at_once=1,
        merges=True,
    ),
    JobPolicy(
        kinds.JUDGEMENT,
        _("reading of statements by a model"),
        Job.Lane.INDEXING,
        judge_statements,
        model="sheets.Sheet",
        visible=visible_sheets,
        merges=True,
    ),
    JobPolicy(
        kinds.SOURCE_REFS,
        _("references to a source"),
        Job.Lane.INDEXING,
        resolve_source_refs,
        model="ingestion.Document",
        visible=visible_documents,
        merges=True,
    ),
    JobPolicy(kinds.DIGESTS, _("digests"), Job.Lane.UPKEEP, send_digests, merges=True),
    JobPolicy(kinds.DIGEST, _("digest"), Job.Lane.UPKEEP, send_digest, merges=True),
    JobPolicy(kinds.CLEANUP, _("clean-up"), Job.Lane.UPKEEP, clear_old_rows, merges=True),
]

for policy in POLICIES:
    register_kind(policy)
