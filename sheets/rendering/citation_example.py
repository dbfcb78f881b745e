"""A statement of the wiki that shows how each one leads to its page."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models.functions import Length
from django.urls import reverse

from ingestion.models import Chunk, Document
from ingestion.readers.registry import is_paged
from sheets.models import Citation
from sheets.rendering.html import page_url
from sheets.rendering.statement_anchors import counted_statements

SHORTEST, LONGEST = 40, 320
"""The length of a quote that fits the home page, in characters."""


@dataclass(frozen=True)
class CitationExample:
    """A statement with its citation; addresses of the statement and its page.

    `picture_url` is "" for a source without pictures of its pages.
    """

    statement: str
    citation: Citation
    sheet_url: str
    page_url: str
    picture_url: str


def citation_example(revisions: Collection[int | None]) -> CitationExample | None:
    """Return a word-for-word statement in prose of one of the revisions; None if there is none.

    Only open sources are used: the home page is the same for every reader. One query.
    """
    found = (
        Citation.objects.filter(
            revision__in=[one for one in revisions if one],
            level=Citation.Level.VERBATIM,
            document__access=Document.Access.OPEN,
            chunk__kind=Chunk.Kind.TEXT,
            quote__endswith=".",
        )
        .annotate(length=Length("quote"))
        .filter(length__gte=SHORTEST, length__lte=LONGEST)
        .select_related("document", "revision__sheet", "revision__check_made")
        .defer("revision__body", "revision__rendered")
        .order_by("-revision__sheet__confidence", "revision", "order")
        .first()
    )
    return _example_of(found) if found else None


def _example_of(citation: Citation) -> CitationExample | None:
    """Return the example that a citation makes; None if no counted statement has it alone."""
    check = getattr(citation.revision, "check_made", None)
    if citation.document is None:
        return None
    picture = f"{reverse('page_image', args=[citation.document_id, citation.page])}?size=small"
    for anchor, one in counted_statements(check):
        if one["markers"] == [citation.marker] and len(one["text"]) <= LONGEST:
            return CitationExample(
                one["text"],
                citation,
                f"{citation.revision.sheet.get_absolute_url()}#{anchor}",
                page_url(citation.document_id or 0, citation.page, citation.pk),
                picture if is_paged(citation.document.media_type) else "",
            )
    return None
