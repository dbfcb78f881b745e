"""Render a text that is not saved."""

from collections.abc import Mapping

from django.urls import reverse

from sheets.markdown.parse import header_as_body, split_notes, statements
from sheets.merge import Version
from sheets.models import Revision
from sheets.rendering.cache import french_reasons
from sheets.rendering.html import Rendered, Shown, page_url, render
from sheets.schema.types import Template
from sheets.verification.citations import Checked, check


def make_page(
    revision: Revision, template: Template, found: list[Checked], ids: Mapping[str, int]
) -> Rendered:
    """Return the revision's HTML, its citations linked to their rows, whose keys are `ids`."""
    shown = {
        c.note.marker: shown_as(
            c, page_url(c.note.document_id or 0, c.note.page or 1, ids[c.note.marker[:40]])
        )
        for c in found
    }
    return render(revision.body, revision.metadata, template, shown)


def preview(version: Version, template: Template) -> Rendered:
    """Return the page that a text would make if it were saved, its citations checked."""
    _text, notes = split_notes(version.body)
    values = header_as_body(version.values, template)
    found = check(notes, [*statements(version.body, template), *statements(values, template)])
    shown = {
        c.note.marker: shown_as(c, reverse("page", args=[c.note.document_id, c.note.page or 1]))
        for c in found
    }
    return render(version.body, version.values, template, shown)


def shown_as(checked: Checked, url: str) -> Shown:
    """Return a checked citation as the page shows it."""
    note, document = checked.note, checked.document
    return Shown(
        marker=note.marker,
        title=document.title if document else note.text.partition("]")[0].lstrip("["),
        page=note.page or 1,
        quote=note.quote,
        url=url,
        verdict=checked.verdict,
        reasons=tuple(french_reasons(checked.reasons)),
    )
