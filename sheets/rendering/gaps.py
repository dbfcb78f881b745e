"""Tell of each empty field of a sheet whether one looked, what was found, and what was left out."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sheets.models import DroppedStatement, Generation, Revision, SectionRun, Sheet
from sheets.rendering.labels import lang_attribute, reader_label
from sheets.schema.types import SheetTemplate

GAPS = re.compile(r'<p class="empty-fields"[^>]*>.*?</p>', re.DOTALL)
GAP = re.compile(r'<span class="gap gap-([\w-]+)">(.*?)</span>', re.DOTALL)


@dataclass(frozen=True)
class SearchedSources:
    """What a section was written from: the number of its sources, and of the passages read."""

    sources: int
    passages: int


@dataclass(frozen=True)
class SheetGaps:
    """What is known of the empty fields of a sheet.

    `searched` has the sections that were written from sources, `dropped` counts what was left out
    by (section, field), `failed` are the sections whose writing failed.
    """

    searched: Mapping[str, SearchedSources]
    dropped: Mapping[tuple[str, str], int]
    failed: frozenset[str]

    @property
    def dropped_count(self) -> int:
        return sum(self.dropped.values())


def sheet_gaps(sheet: Sheet) -> SheetGaps:
    """Return what is known of the empty fields of a sheet, with two queries."""
    rows = DroppedStatement.objects.waiting().filter(sheet=sheet)
    latest = Generation.objects.filter(sheet=sheet).order_by("-created_at", "-pk").values("pk")[:1]
    failed = SectionRun.objects.filter(generation=latest, state=SectionRun.State.FAILED)
    return SheetGaps(
        {key: _searched(inputs) for key, inputs in sheet.written_from.items()},
        Counter(rows.values_list("section", "field")),
        frozenset(failed.values_list("key", flat=True)),
    )


def _searched(inputs: Mapping[str, Any]) -> SearchedSources:
    return SearchedSources(len(inputs.get("documents", ())), len(inputs.get("passages", ())))


@dataclass(frozen=True)
class HeaderGaps:
    """The empty fields of the header data: the key of their section, and (key, heading) of each."""

    section: str
    fields: list[tuple[str, str]]


def header_gaps(revision: Revision, template: SheetTemplate) -> HeaderGaps | None:
    """Return which header data a revision lacks, in the reader's language; None if none."""
    for section in template.written:
        if section.role == "header":
            missing = [f for f in section.fields if not revision.metadata.get(f.key, "").strip()]
            fields = [
                (f.key, reader_label(f.heading, template, section.key, f.key).text) for f in missing
            ]
            return HeaderGaps(section.key, fields) if fields else None
    return None


def explain_gaps(html: str, sheet: Sheet, section: str, gaps: SheetGaps, *, linked: bool) -> str:
    """Return the HTML of a section with its line of empty fields explained.

    With `linked` each name leads to what the field may be completed with. The HTML is from the
    renderer, whose names of fields are escaped.
    """
    address = reverse("complete_section", args=[sheet.slug, section]) if linked else ""
    return GAPS.sub(lambda line: _explained(line[0], section, gaps, address), html)


def _explained(line: str, section: str, gaps: SheetGaps, address: str) -> SafeString:
    fields = GAP.findall(line)
    dropped = [(key, name) for key, name in fields if gaps.dropped.get((section, key))]
    others = [field for field in fields if field not in dropped]
    said = [(others, _why(section, gaps))] if others else []
    said += [([(key, name)], _left_out(gaps.dropped[section, key])) for key, name in dropped]
    sentences = (
        format_html(_("{fields}: {said}"), fields=_names(names, address), said=why)
        for names, why in said
    )
    return format_html(
        '<p class="empty-fields"{}>{}</p>',
        lang_attribute(),
        format_html_join(" ", "{}", ((sentence,) for sentence in sentences)),
    )


def _names(fields: list[tuple[str, str]], address: str) -> SafeString:
    """Return the names of fields, as links if there is an address."""
    # The names come from the rendered page, after `sanitize_html`: escaping them again would show
    # its entities.
    names = [(key, mark_safe(name)) for key, name in fields]  # noqa: S308 (see above)
    if not address:
        return format_html_join(", ", "<b>{}</b>", ((name,) for _key, name in names))
    link = '<a href="{}?champ={}#champ-{}" data-complete-link>{}</a>'
    return format_html_join(", ", link, ((address, key, key, name) for key, name in names))


def _left_out(count: int) -> str:
    said = ngettext(
        "%(count)s statement was left out.", "%(count)s statements were left out.", count
    )
    return said % {"count": count}


def _why(section: str, gaps: SheetGaps) -> str:
    """Return why fields of a section without dropped statements are empty."""
    if section in gaps.failed:
        return _("not written, since the writing of this section failed.")
    found = gaps.searched.get(section)
    if found is None:
        return _("not filled in; the sources were not searched for it.")
    passages = ngettext(
        "nothing found in %(count)s passage read",
        "nothing found in %(count)s passages read",
        found.passages,
    )
    sources = ngettext("of %(count)s source.", "of %(count)s sources.", found.sources)
    return f"{passages % {'count': found.passages}} {sources % {'count': found.sources}}"
