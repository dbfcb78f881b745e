"""Later versions of the sources of a sheet."""

from collections.abc import Iterable

from ingestion.models import Document
from sheets.models import Sheet


def later_versions(documents: Iterable[int]) -> dict[str, tuple[str, str]]:
    """Return the ready document (id, title) that supersedes each document, by its id."""
    newer = Document.objects.ready().filter(supersedes__in=set(documents)).order_by("pk")
    return {str(d.supersedes_id): (str(d.pk), d.title) for d in newer.only("supersedes", "title")}


def take_later_versions(sheet: Sheet) -> None:
    """Replace the superseded sources of a sheet by their ready later versions."""
    newer = later_versions(sheet.documents.values_list("pk", flat=True))
    if newer:
        sheet.documents.add(*(int(pk) for pk, _title in newer.values()))
        sheet.documents.remove(*(int(pk) for pk in newer))
