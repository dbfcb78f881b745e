"""Views of source imports: web addresses and archives, with the outcome of each file."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from ingestion.intake.imports import cancel_import, delete_import, retry_import
from ingestion.models import ImportedFile, SourceImport
from wikico2.accounts.decorators import requires
from wikico2.accounts.rules import check
from wikico2.models import Job
from wikico2.sizes import format_size


@require_safe
@requires("import.read")
def import_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a source import and the files that it has imported so far."""
    source_import = get_object_or_404(SourceImport.objects.select_related("given_by"), pk=pk)
    return render(
        request,
        "ingestion/source_import.html",
        {"source_import": source_import, "import_status": ImportStatus.of(source_import)},
    )


@require_safe
@requires("import.read")
def import_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the progress of a source import; polled while it or a reading is in progress."""
    source_import = SourceImport.objects.filter(pk=pk).first()
    if source_import is None:
        return HttpResponse()
    return render(
        request, "ingestion/_source_import.html", {"import_status": ImportStatus.of(source_import)}
    )


@require_POST
@requires("import.retry")
def import_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Restart a failed or cancelled source import."""
    source_import = get_object_or_404(SourceImport, pk=pk)
    retry_import(source_import, request.user)
    return _import_response(request, source_import)


@require_POST
@requires("import.stop")
def import_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel a source import; the sources that it has imported stay."""
    source_import = get_object_or_404(SourceImport, pk=pk)
    check(request.user, "import.stop", source_import)
    cancel_import(source_import, request.user)
    return _import_response(request, source_import)


@require_POST
@requires("import.remove")
def import_forget(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a source import; the sources that it has imported stay."""
    source_import = get_object_or_404(SourceImport, pk=pk)
    check(request.user, "import.remove", source_import)
    cancel_import(source_import)
    delete_import(source_import)
    return redirect("document_add")


@dataclass(frozen=True)
class ImportStatus:
    """A source import and its files, as `_source_import.html` shows them."""

    source_import: SourceImport
    files: list[ImportedFile]

    @classmethod
    def of(cls, source_import: SourceImport) -> "ImportStatus":
        return cls(source_import, list(source_import.files.select_related("document")))

    @property
    def taken(self) -> int:
        return sum(item.document is not None for item in self.files)

    @property
    def refused(self) -> int:
        return len(self.files) - self.taken

    @property
    def busy(self) -> bool:
        """Tell whether the source import, or the reading of its documents, is in progress."""
        reading = any(item.document and item.document.is_working for item in self.files)
        return self.source_import.is_working or reading

    @property
    def state(self) -> str:
        """Return the state, and the step of one that runs, in the reader's language."""
        if self.source_import.state != Job.State.RUNNING:
            return self.source_import.get_state_display()
        return _("downloading") if self.source_import.is_fetching else _("extracting the documents")

    @property
    def amount(self) -> str:
        """Return the progress of the source import as text."""
        done, total = self.source_import.done, self.source_import.total
        if not self.source_import.is_fetching and total:
            return _("%(done)d of %(total)d files") % {"done": done, "total": total}
        if self.source_import.is_fetching and done:
            return format_size(done)
        return ""


def unfinished_imports(user: Any) -> list[ImportStatus]:
    """Return the latest source imports of `user` that are not done, 20 at most."""
    unfinished = SourceImport.objects.in_state(*Job.WORKING, *Job.STOPPED).filter(given_by=user)
    shown = list(unfinished[:20])
    SourceImport.load_jobs(shown)
    return [ImportStatus.of(one) for one in shown]


def _import_response(request: HttpRequest, source_import: SourceImport) -> HttpResponse:
    """Return the updated partial, or a redirect to the page of the import."""
    source_import.refresh_from_db()
    if request.headers.get("HX-Request"):
        return render(
            request,
            "ingestion/_source_import.html",
            {"import_status": ImportStatus.of(source_import)},
        )
    return redirect(source_import)
