"""Store renderings on their revision; render again for a new renderer version or in English."""

import hashlib
from collections.abc import Iterable
from typing import Any

from django.utils import translation

from sheets.models import Citation, Revision
from sheets.models.level_reasons import reason_sentence
from sheets.models.schema_loader import load_template
from sheets.rendering.html import VERSION, CitationView, page_url, render_sheet
from sheets.rendering.labels import SHEET_LANGUAGE
from sheets.rendering.quoted_rows import Rows, quoted_rows
from sheets.schema.types import SheetTemplate

ENGLISH = "en"
"""The key of the English rendering in `Revision.rendered`; its other keys are the French one."""


def current_rendering(revision: Revision) -> dict[str, Any]:
    """Return `Revision.rendered`, rendered again if an older renderer made it."""
    if revision.rendered.get("version") != VERSION:
        template = load_template(revision.sheet.sheet_type)
        page = render_sheet(
            revision.body, revision.metadata, template, revision_citations(revision)
        )
        store_rendering(revision, page.as_json())
    rendered: dict[str, Any] = revision.rendered
    return rendered


def english_rendering(revision: Revision, template: SheetTemplate) -> dict[str, Any]:
    """Return a revision's rendering with the text of renderer and template in English.

    It is rendered when it is first read, and again after the template's labels change.
    """
    labels = hashlib.blake2s(repr(template.english).encode(), digest_size=8).hexdigest()
    stored: dict[str, Any] = revision.rendered.get(ENGLISH, {})
    if (stored.get("version"), stored.get("labels")) != (VERSION, labels):
        citations = revision_citations(revision, ENGLISH)
        page = render_sheet(revision.body, revision.metadata, template, citations, ENGLISH)
        stored = {**page.as_json(), "translated": list(page.translated), "labels": labels}
        store_rendering(revision, {ENGLISH: stored})
    return stored


def store_rendering(revision: Revision, made: dict[str, Any]) -> None:
    """Store renderings on a revision, unless its row was rendered again meanwhile."""
    was, revision.rendered = revision.rendered, {**revision.rendered, **made}
    Revision.objects.filter(pk=revision.pk, rendered=was).update(rendered=revision.rendered)


def revision_citations(
    revision: Revision, language: str = SHEET_LANGUAGE
) -> dict[str, CitationView]:
    """Return the revision's checked citations by marker, with reasons in that language."""
    return {
        c.marker: CitationView(
            marker=c.marker,
            title=c.document.title if c.document else "",
            page=c.page,
            quote=c.quote,
            url=page_url(c.document_id or 0, c.page, c.pk),
            level=c.level,
            reasons=reason_sentences(c.reasons, language),
            unborne=tuple(c.unborne),
            rows=table_rows(c),
        )
        for c in revision.citations.select_related("document", "chunk")
    }


def table_rows(citation: Citation) -> Rows:
    """Return the quote of a citation as rows of a table; () if it is none."""
    return quoted_rows(citation.quote, citation.chunk.text) if citation.chunk else ()


def reason_sentences(reasons: Iterable[tuple[str, str]], language: str) -> tuple[str, ...]:
    """Return the reasons of a level as sentences in that language."""
    with translation.override(language):
        sentences = (reason_sentence(code, detail) for code, detail in reasons)
        return tuple(sentence for sentence in sentences if sentence)
