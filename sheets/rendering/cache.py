"""Make the page of a revision again when the renderer has changed since it was made."""

from collections.abc import Iterable
from typing import Any

from django.utils import translation

from sheets.models import Revision
from sheets.models.schema_loader import load_template
from sheets.models.verdict_reasons import verdict_sentence
from sheets.rendering.html import VERSION, CitationView, page_url, render_sheet


def current_rendering(revision: Revision) -> dict[str, Any]:
    """Return what readers see of a revision (`Revision.rendered`), by today's renderer."""
    if revision.rendered.get("version") != VERSION:
        template = load_template(revision.sheet.sheet_type)
        page = render_sheet(
            revision.body, revision.metadata, template, revision_citations(revision)
        )
        revision.rendered = {**revision.rendered, **page.as_json()}
        revision.save(update_fields=["rendered"])
    rendered: dict[str, Any] = revision.rendered
    return rendered


def revision_citations(revision: Revision) -> dict[str, CitationView]:
    """Return the revision's checked citations, by marker."""
    return {
        c.marker: CitationView(
            marker=c.marker,
            title=c.document.title if c.document else "",
            page=c.page,
            quote=c.quote,
            url=page_url(c.document_id or 0, c.page, c.pk),
            verdict=c.verdict,
            reasons=tuple(french_reasons(c.reasons)),
        )
        for c in revision.citations.select_related("document")
    }


def french_reasons(reasons: Iterable[tuple[str, str]]) -> list[str]:
    """Return the reasons of a verdict as the page has them, in the language of sheets."""
    with translation.override("fr"):
        return [said for code, detail in reasons if (said := verdict_sentence(code, detail))]
