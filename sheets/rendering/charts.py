"""The profile of a sector: what share of its gas, its emissions, … each use has. Pure.

The shares are read from the text itself, so that the drawing and the words cannot disagree; and
only shares of the same thing are drawn side by side.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from sheets.markdown.parse import HEADING, ITEM, MARKER, MARKERS, OutlineTracker, clean_statement
from sheets.schema.types import SheetTemplate
from wikico2.text.normalize import fold_text

PROFILE_KEY = "profil"
SHARE = re.compile(
    r"(?<![\d,.])(?P<percent>\d{1,3}(?:[.,]\d+)?)\s*%\s+"
    r"(?P<of>(?:du|des|de la|de l[’'])\s*[^\W\d_]+)"
)
RANGE = re.compile(r"(?i)(?:\d\s*(?:à|et|-|–)|entre|jusqu[’']à|moins de|plus de)\s*$")
CHANGE = re.compile(
    r"(?i)\b(?:économi|réduction|rédui|baiss|gain|diminu|hausse|augment|rendement|subvention|aide)"
)
FEWEST, MOST, LONGEST_LABEL = 2, 10, 90


@dataclass(frozen=True)
class Share:
    """A share that the text gives: of what, in which field, in which words, on which notes."""

    of: str
    percent: float
    field: str
    label: str
    markers: tuple[str, ...]


def profile_shares(text: str, template: SheetTemplate) -> dict[str, list[Share]]:
    """Return the shares that the profile gives, by what they are shares of.

    A range or a change is no share, and a single one makes no picture.
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
    section, field = "", ""
    for line in text.splitlines():
        if match := HEADING.match(line):
            if len(match[1]) <= 2:
                section, field = outline.section(match[2]), ""
            else:
                field = match[2]
        elif section == PROFILE_KEY and "%" in line and not CHANGE.search(line):
            said = clean_statement(MARKERS.sub("", ITEM.sub("", line)))
            markers = tuple(MARKER.findall(line))
            given_ones = list(SHARE.finditer(said))
            for given in given_ones:
                percent = float(given["percent"].replace(",", "."))
                if 0 < percent <= 100 and not RANGE.search(said[: given.start()]):
                    yield Share(
                        given["of"], percent, field, _label(said[: given_ones[0].start()]), markers
                    )


def _label(said: str) -> str:
    """Return the words before the figures, shortened: what has that share."""
    before = said.rstrip(" ,:;(")
    return before if len(before) <= LONGEST_LABEL else f"{before[:LONGEST_LABEL].rstrip()}…"


def draw_charts(found: Mapping[str, Sequence[Share]], numbers: Mapping[str, int]) -> SafeString:
    """Return a table for each group, with a bar on each line.

    `numbers` are those of the notes, by marker.
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
                s.field,
                s.label,
                f"{s.percent:g}",
                f"{s.percent:g}".replace(".", ","),
                _note_links(s, numbers),
            )
            for s in group
        ),
    )
    return format_html(
        '<figure class="profile"><table><caption>Parts {}, selon les sources</caption>'
        '<thead class="visually-hidden"><tr><th scope="col">Poste</th><th scope="col">Dessin</th>'
        '<th scope="col">Part</th><th scope="col">Source</th></tr></thead>'
        "<tbody>{}</tbody></table></figure>",
        of,
        rows,
    )


def _note_links(share: Share, numbers: Mapping[str, int]) -> SafeString:
    """Return links to the notes that the share rests on."""
    return format_html_join(
        " ",
        '<a href="#note-{}" aria-label="Source {}">{}</a>',
        ((numbers[m],) * 3 for m in share.markers if m in numbers),
    )
