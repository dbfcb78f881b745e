"""Render revisions with just checked citations, and previews of unsaved text."""

from collections.abc import Mapping

from django.urls import reverse

from sheets.markdown.parse import body_statements, header_statements, split_notes
from sheets.merge import Version
from sheets.models import Revision
from sheets.rendering.html import CitationView, RenderedSheet, page_url, render_sheet
from sheets.rendering.labels import SHEET_LANGUAGE, reader_language
from sheets.rendering.stored_rendering import reason_sentences
from sheets.schema.types import SheetTemplate
from sheets.sources.citation_check import CheckedCitation, check_citations


def render_revision(
    revision: Revision,
    template: SheetTemplate,
    found: list[CheckedCitation],
    ids: Mapping[str, int],
) -> RenderedSheet:
    """Return the revision's HTML; `ids` are the primary keys of its citations by marker."""
    shown = {
        c.note.marker: citation_view(
            c, page_url(c.note.document_id or 0, c.note.page or 1, ids[c.note.marker[:40]])
        )
        for c in found
    }
    return render_sheet(revision.body, revision.metadata, template, shown)


def preview_version(version: Version, template: SheetTemplate) -> RenderedSheet:
    """Check the citations of an unsaved version and render it in the reader's language."""
    language = reader_language()
    _text, notes = split_notes(version.body)
    values = header_statements(version.values, template)
    found = check_citations(notes, [*body_statements(version.body, template), *values])
    shown = {
        c.note.marker: citation_view(
            c, reverse("page", args=[c.note.document_id, c.note.page or 1]), language
        )
        for c in found
    }
    return render_sheet(version.body, version.values, template, shown, language)


def citation_view(
    checked: CheckedCitation, url: str, language: str = SHEET_LANGUAGE
) -> CitationView:
    """Return the view of a checked citation, with reasons in that language."""
    note, document = checked.note, checked.document
    return CitationView(
        marker=note.marker,
        title=document.title if document else note.text.partition("]")[0].lstrip("["),
        page=note.page or 1,
        quote=note.quote,
        url=url,
        level=checked.level,
        reasons=reason_sentences(checked.reasons, language),
        unborne=checked.unborne,
    )
