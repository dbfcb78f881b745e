"""Adapt a rendered text to one reader: resolved links, the reader's language.

The text of a sheet is French; the text of renderer and template is in the reader's language.
"""

from dataclasses import dataclass
from typing import Any

from sheets.links.wikilinks import resolve_links
from sheets.models import Revision, Section
from sheets.models.schema_loader import load_template
from sheets.rendering.labels import SHEET_LANGUAGE, reader_language
from sheets.rendering.stored_rendering import current_rendering, english_rendering
from sheets.schema.types import SheetTemplate


@dataclass(frozen=True)
class OutlineEntry:
    """An entry of the table of contents: a heading's id, its text and language."""

    id: str
    heading: str
    language: str


@dataclass(frozen=True)
class LocalizedText:
    """A revision as one reader sees it; `body` and the values of `header` are safe HTML."""

    body: str
    outline: list[OutlineEntry]
    header: list[tuple[str, str]]


def localize_text(revision: Revision, user: Any) -> LocalizedText:
    """Return a revision as `user` sees it, in the active language."""
    template = load_template(revision.sheet.sheet_type)
    language = reader_language()
    if language == "en":
        rendered = english_rendering(revision, template)
    else:
        rendered = current_rendering(revision)
    translated = rendered.get("translated", ())
    return LocalizedText(
        resolve_links(rendered["body"], user),
        [
            OutlineEntry(key, heading, language if key in translated else SHEET_LANGUAGE)
            for key, heading in rendered["outline"]
        ],
        localize_header(rendered, user, template),
    )


def localize_header(
    rendered: dict[str, Any], user: Any, template: SheetTemplate
) -> list[tuple[str, str]]:
    """Return rendered header data as (heading, safe HTML), in the order of the sheet type."""
    values = rendered.get("header") or {}
    labels = header_labels(template)
    return [(labels[k], resolve_links(values[k], user)) for k in labels if values.get(k)]


def header_labels(template: SheetTemplate) -> dict[str, str]:
    """Return the headings of header data by key, in the active language."""
    in_english = reader_language() == "en"
    labels: dict[str, str] = {}
    for section in template.sections:
        for field in section.fields if section.role == Section.Role.HEADER else ():
            english = template.english.get((section.key, field.key))
            shown = english.heading if in_english and english else ""
            labels[field.key] = shown or field.heading
    return labels
