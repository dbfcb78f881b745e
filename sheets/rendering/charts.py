"""Draw the profile of a sector: the share of its gas, its emissions, … of each use. Pure.

The shares are read from the text itself, so that chart and text cannot disagree; only shares of
the same total are drawn in one chart.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from sheets.markdown.parse import (
    MARKER,
    MARKERS,
    OutlineTracker,
    clean_statement,
    iterate_blocks,
    readable_text,
)
from sheets.rendering.labels import SHEET_LANGUAGE, english_heading, lang_attribute
from sheets.schema.types import SheetTemplate
from wikico2.text.normalize import fold_text

PROFILE_KEY = "profil"
SHARE = re.compile(
    r"(?<![\d,.])(?P<percent>\d{1,3}(?:[.,]\d+)?)\s*%\s+"
    r"(?P<of>(?:du|des|de la|de l[’'])\s*[^\W\d_]+)"
)
RANGE = re.compile(r"(?i)(?:\d\s*(?:à|et|-|–)|entre|jusqu[’']à|moins de|plus de)\s*$")
LONGEST_RANGE = 40
CHANGE = re.compile(
    r"(?i)\b(?:économi|réduction|rédui|baiss|gain|diminu|hausse|augment|rendement|subvention|aide)"
)
FEWEST, MOST, LONGEST_LABEL = 2, 10, 90


@dataclass(frozen=True)
class Share:
    """A share that the text states, in per cent of `of`, with its field, label and markers.

    `field_en` is the English heading of a field of the template, else "".
    """

    of: str
    percent: float
    field: str
    label: str
    markers: tuple[str, ...]
    field_en: str = ""


def profile_shares(text: str, template: SheetTemplate) -> dict[str, list[Share]]:
    """Return the shares that the profile section states, by what they are shares of.

    Ranges and changes are no shares; groups of fewer than FEWEST are left out.
    """
    found: dict[str, list[Share]] = {}
    for share in _read_shares(text, template):
        found.setdefault(fold_text(share.of), []).append(share)
    return {
        group[0].of: sorted(group, key=lambda s: -s.percent)[:MOST]
        for group in found.values()
        if len(group) >= FEWEST
    }


def _read_shares(text: str, template: SheetTemplate) -> Iterator[Share]:
    outline = OutlineTracker(template)
    section = field = field_en = ""
    for kind, block in iterate_blocks(text):
        if kind == "h2":
            section, field, field_en = outline.section(block), "", ""
        elif kind == "heading":
            place = section, outline.field(section, block)
            field = readable_text(block)
            field_en = english_heading(field, template.english.get(place))
        elif section == PROFILE_KEY and "%" in block and not CHANGE.search(block):
            statement = clean_statement(MARKERS.sub("", block))
            markers = tuple(MARKER.findall(block))
            matches = list(SHARE.finditer(statement))
            for given in matches:
                percent = float(given["percent"].replace(",", "."))
                start = given.start()
                near = max(start - LONGEST_RANGE, 0)
                if 0 < percent <= 100 and not RANGE.search(statement, near, start):
                    label = _label(statement[: matches[0].start()])
                    yield Share(given["of"], percent, field, label, markers, field_en)


def _label(text: str) -> str:
    """Return the words before the figures, shortened: what has that share."""
    before = text.rstrip(" ,:;(")
    return before if len(before) <= LONGEST_LABEL else f"{before[:LONGEST_LABEL].rstrip()}…"


def draw_charts(found: Mapping[str, Sequence[Share]], numbers: Mapping[str, int]) -> SafeString:
    """Return a table for each group, with a bar in each row.

    `numbers` are the numbers of the notes, by marker.
    """
    return format_html_join(
        "", "{}", ((_chart_table(of, group, numbers),) for of, group in found.items())
    )


def _chart_table(of: str, group: Sequence[Share], numbers: Mapping[str, int]) -> SafeString:
    rows = format_html_join(
        "",
        '<tr><th scope="row">{} <span class="profile-said">{}</span></th>'
        '<td class="profile-bar"><svg class="bar-line" width="100%" height="14" aria-hidden="true"'
        ' focusable="false"><rect class="bar-room" width="100%" height="14" rx="2"/>'
        '<rect class="bar-part" width="{}%" height="14" rx="2"/></svg></td>'
        '<td class="num">{}\u202f%</td><td class="profile-notes">{}</td></tr>',
        (
            (
                _field_heading(s),
                s.label,
                f"{s.percent:g}",
                f"{s.percent:g}".replace(".", ","),
                _note_links(s, numbers),
            )
            for s in group
        ),
    )
    names = (
        pgettext("column of a chart", "Use"),
        pgettext("column of a chart", "Drawing"),
        pgettext("column of a chart", "Share"),
        pgettext("column of a chart", "Source"),
    )
    lang = lang_attribute()
    columns = format_html_join("", '<th scope="col"{}>{}</th>', ((lang, name) for name in names))
    return format_html(
        '<figure class="profile"><table><caption{}>{}</caption>'
        '<thead class="visually-hidden"><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></figure>",
        lang,
        _caption(of),
        columns,
        rows,
    )


def _caption(of: str) -> SafeString:
    """Return the caption of a chart; `of` is quoted from the text."""
    words = format_html('<span lang="{}">{}</span>', SHEET_LANGUAGE, of) if lang_attribute() else of
    return format_html(_("Shares ({of}), according to the sources"), of=words)


def _field_heading(share: Share) -> str:
    """Return the heading of a share's field, in the language of the page if translated."""
    lang = lang_attribute()
    if not (lang and share.field_en):
        return share.field
    return format_html("<span{}>{}</span>", lang, share.field_en)


def _note_links(share: Share, numbers: Mapping[str, int]) -> SafeString:
    """Return links to the notes of a share."""
    lang = lang_attribute()
    return format_html_join(
        " ",
        '<a href="#note-{}" aria-label="{}"{}>{}</a>',
        (
            (number, _("Source %(number)s") % {"number": number}, lang, number)
            for number in (numbers[m] for m in share.markers if m in numbers)
        ),
    )
