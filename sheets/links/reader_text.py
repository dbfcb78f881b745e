"""What one reader sees of a rendered text: links that lead somewhere, their own language.

The text of a sheet is French. What the program itself has put into it (headings of the template,
notices, labels) is said in English to those who read the site in English.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.html import escape
from django.utils.translation import get_language

from sheets.links.wikilinks import resolve_links
from sheets.models import Field, Revision, Section
from sheets.rendering.cache import current_rendering, french_reasons

ENGLISH = (
    (
        '<p class="empty-field">Aucune information dans les sources.</p>',
        '<p class="empty-field" lang="en">The sources say nothing of it.</p>',
    ),
    ('aria-label="Retour au texte"', 'aria-label="Back to the text" lang="en"'),
    (", selon les sources</caption>", ' <span lang="en">(shares by the sources)</span></caption>'),
    ('<th scope="col">Poste</th>', '<th scope="col" lang="en">Use</th>'),
    ('<th scope="col">Dessin</th>', '<th scope="col" lang="en">Drawing</th>'),
    ('<th scope="col">Part</th>', '<th scope="col" lang="en">Share</th>'),
)
COLUMNS = {
    "Actions": "Actions",
    "Impact": "Impact",
    "Lien": "Link",
    "Parade": "Countermeasure",
    "Priorité": "Priority",
    "Risque ou frein": "Risk or obstacle",
    "Résultats": "Results",
    "Résumé": "Summary",
    "Secteur": "Sector",
    "Solutions associées": "Related solutions",
    "Sous-secteur": "Subsector",
    "Système": "System",
    "Titre": "Title",
    "Type": "Type",
}
"""The columns of tables that the kinds of sheet name; what else a table says is people's own."""
COLUMN = re.compile(r'<th scope="col">(?P<said>[^<]*)</th>')
SECTION = re.compile(
    r'(?P<start><section class="sheet-section" id="(?P<key>[^"]+)">\s*<h2)(?P<end>>)'
    r"(?P<heading>[^<]*)(?P<close></h2>)"
)
FIELD = re.compile(
    r'(?P<start><h3 id="(?P<key>[^"]+)")(?P<end>>)(?P<heading>[^<]*)(?P<close></h3>)'
)
STARS = re.compile(r'aria-label="(\d) sur 5"')
WHY = re.compile(r'<span class="why">(?P<said>[^<]*)</span>')


@dataclass(frozen=True)
class LocalizedText:
    """A revision as one reader sees it; `body` and the values of `header` are safe HTML."""

    body: str
    outline: list[tuple[str, str]]
    header: list[tuple[str, str]]


def localize_text(revision: Revision, user: Any) -> LocalizedText:
    """Return a revision's text for a reader, in the active language."""
    rendered = current_rendering(revision)
    names = template_headings(revision.sheet.sheet_type_id)
    body, outline = resolve_links(rendered["body"], user), list(rendered["outline"])
    if (get_language() or "fr").startswith("en"):
        body = in_english(body, revision, names)
        outline = [(key, names.in_english(key, heading)) for key, heading in outline]
    return LocalizedText(body, outline, localize_header(rendered, user, names))


def localize_header(
    rendered: dict[str, Any], user: Any, names: "TemplateHeadings"
) -> list[tuple[str, str]]:
    """Return rendered header data: heading and safe HTML, in the order of the sheet's type."""
    values = rendered.get("header") or {}
    return [
        (field.heading, resolve_links(values[field.key], user))
        for section in names.sections
        if section.role == Section.Role.HEADER
        for field in section.fields.all()
        if values.get(field.key)
    ]


@dataclass(frozen=True)
class TemplateHeadings:
    """The headings of a sheet type, French and English."""

    sections: list[Section]

    def in_english(self, key: str, heading: str) -> str:
        """Return the English for a heading that the template gave; a person's own stays."""
        if key == "notes":
            return "Sources"
        for names in self._of(key):
            plain = heading.replace("\u00a0", " ").replace("\u202f", " ")
            if names.heading_en and plain.endswith(names.heading_fr):
                return plain.removesuffix(names.heading_fr) + names.heading_en
        return heading

    @property
    def columns(self) -> dict[str, str]:
        """Return the English for the columns that this kind of sheet names."""
        named = {c for s in self.sections for f in s.fields.all() for c in f.columns}
        return {c: COLUMNS[c] for c in named if c in COLUMNS}

    def _of(self, key: str) -> Iterable[Section | Field]:
        for section in self.sections:
            if section.key == key:
                yield section
            elif key.startswith(f"{section.key}-"):
                yield from (f for f in section.fields.all() if key == f"{section.key}-{f.key}")


def template_headings(sheet_type: int) -> TemplateHeadings:
    """Return the headings of a sheet type (two queries)."""
    sections = Section.objects.filter(sheet_type=sheet_type).order_by("order")
    return TemplateHeadings(list(sections.prefetch_related("fields")))


def in_english(html: str, revision: Revision, names: TemplateHeadings) -> str:
    """Return the text with the program's own words in English."""
    for french, english in ENGLISH:
        html = html.replace(french, english)

    def heading(match: re.Match[str]) -> str:
        before = match["heading"].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
        after = names.in_english(match["key"], before)
        if after == before:
            return match[0]
        return f'{match["start"]} lang="en"{match["end"]}{escape(after)}{match["close"]}'

    columns = names.columns

    def column(match: re.Match[str]) -> str:
        said = columns.get(match["said"].strip())
        return f'<th scope="col" lang="en">{escape(said)}</th>' if said else match[0]

    html = COLUMN.sub(column, FIELD.sub(heading, SECTION.sub(heading, html)))
    html = STARS.sub(r'aria-label="\1 out of 5"', html)
    reasons = english_reasons(revision) if 'class="why"' in html else {}
    return WHY.sub(
        lambda m: (
            f'<span class="why" lang="en">{reasons[m["said"]]}</span>'
            if m["said"] in reasons
            else m[0]
        ),
        html,
    )


def english_reasons(revision: Revision) -> dict[str, str]:
    """Return the reasons of the verdicts in English, by the French that the page has."""
    rows = revision.citations.exclude(reasons=[])
    return {
        str(escape(" ".join(french_reasons(c.reasons)))): str(escape(" ".join(c.reason_sentences)))
        for c in rows
    }
