"""Anchor the citations of a source anew after it was read again; name those that are lost."""

from ingestion.models import Document
from sheets.models import Citation, Revision
from sheets.revisions.save import recheck_revision
from wikico2.jobs.log import record_event


def reanchor_source(document_id: int) -> None:
    """Check the citations of a source in current revisions again; log how many each sheet lost.

    The text of the sheets stays as it is. Run twice, it logs nothing twice.
    """
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        return
    cited = Citation.objects.current().filter(document=document_id)
    revisions = cited.order_by("revision").values_list("revision", flat=True).distinct()
    for revision in Revision.objects.select_related("sheet").filter(pk__in=list(revisions)):
        before = _found_markers(revision, document_id)
        recheck_revision(revision, moved=True)
        lost = before - _found_markers(revision, document_id)
        if lost:
            record_event(
                document.job,
                "citations_lost",
                count=len(lost),
                sheet=revision.sheet.title,
                slug=revision.sheet.slug,
            )


def _found_markers(revision: Revision, document_id: int) -> set[str]:
    """Return the markers of the citations of a source whose quote is found."""
    citations = revision.citations.filter(document=document_id)
    return set(citations.exclude(level=Citation.Level.NOT_FOUND).values_list("marker", flat=True))
