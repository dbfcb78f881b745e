"""Make the page of a revision where it is missing: in English, or by today's renderer."""

import hashlib
from collections.abc import Iterable
from typing import Any

from django.utils import translation

from sheets.models import Revision
from sheets.models.schema_loader import load_template
from sheets.models.verdict_reasons import verdict_sentence
from sheets.rendering.html import VERSION, CitationView, page_url, render_sheet
from sheets.rendering.labels import SHEET_LANGUAGE
from sheets.schema.types import SheetTemplate

ENGLISH = "en"
"""Under this key of `Revision.rendered` stands the page in English; the French one is around it."""


def current_rendering(revision: Revision) -> dict[str, Any]:
    """Return what readers see of a revision (`Revision.rendered`), by today's renderer."""
    if revision.rendered.get("version") != VERSION:
        template = load_template(revision.sheet.sheet_type)
        page = render_sheet(
            revision.body, revision.metadata, template, revision_citations(revision)
        )
        store_rendering(revision, page.as_json())
    rendered: dict[str, Any] = revision.rendered
    return rendered


def english_rendering(revision: Revision, template: SheetTemplate) -> dict[str, Any]:
    """Return a revision's page with the words of renderer and template in English.

    It is made when it is first read, and again when the template is labelled otherwise.
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
    """Store what was made of a revision, unless its citations were checked again meanwhile."""
    was, revision.rendered = revision.rendered, {**revision.rendered, **made}
    Revision.objects.filter(pk=revision.pk, rendered=was).update(rendered=revision.rendered)


def revision_citations(
    revision: Revision, language: str = SHEET_LANGUAGE
) -> dict[str, CitationView]:
    """Return the revision's checked citations, by marker, for a page in that language."""
    return {
        c.marker: CitationView(
            marker=c.marker,
            title=c.document.title if c.document else "",
            page=c.page,
            quote=c.quote,
            url=page_url(c.document_id or 0, c.page, c.pk),
            verdict=c.verdict,
            reasons=reason_sentences(c.reasons, language),
        )
        for c in revision.citations.select_related("document")
    }


def reason_sentences(reasons: Iterable[tuple[str, str]], language: str) -> tuple[str, ...]:
    """Return the reasons of a verdict as a page in that language has them."""
    with translation.override(language):
        said = (verdict_sentence(code, detail) for code, detail in reasons)
        return tuple(sentence for sentence in said if sentence)
