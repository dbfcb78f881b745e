"""Wiki links, by title: store the links of a text, resolve titles, list backlinks.

Titles are compared without case and accents. A sheet is found by its title and by its former
titles, unless another sheet has them today.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.db.models import Count, F, Q
from django.utils.html import escape
from django.utils.translation import gettext as _

from sheets.models import Link, SearchedSheet, Sheet, SheetRedirect
from sheets.rendering.stored_rendering import current_rendering
from wikico2.text.normalize import fold_text

WIKILINK = re.compile(
    r'<a class="wikilink(?P<guess> guess)?" href="(?P<href>[^"]*)">(?P<shown>[^<]*)</a>'
)
LONGEST = 250


def fold_sheet_title(title: str) -> str:
    """Return the key that titles are compared by."""
    return fold_text(title)[:LONGEST]


def titles_in(html: str) -> dict[str, bool]:
    """Return the titles that a rendered text links to, and whether a person marked any as a link.

    The others are guesses: names in columns that list sheets.
    """
    found: dict[str, bool] = {}
    for match in WIKILINK.finditer(html):
        title = wikilink_title(match)
        found[title] = found.get(title, False) or not match["guess"]
    return found


def wikilink_title(match: re.Match[str]) -> str:
    query = parse_qs(urlsplit(unescape(match["href"])).query)
    return query.get("titre", [""])[0][:200]


def save_links(sheet: Sheet) -> None:
    """Store the links of the sheet's current revision."""
    wanted: dict[str, tuple[str, bool]] = {}
    if sheet.current:
        page = current_rendering(sheet.current)
        for title, is_marked in titles_in(
            "".join([page["body"], *page["header"].values()])
        ).items():
            if key := fold_sheet_title(title):
                first, marked_before = wanted.get(key, (title, False))
                wanted[key] = first, marked_before or is_marked
    known = sheet.links.values_list("folded", "title", "is_marked")
    if {key: (title, is_marked) for key, title, is_marked in known} == wanted:
        return
    sheet.links.exclude(folded__in=wanted).delete()
    Link.objects.bulk_create(
        [
            Link(source=sheet, folded=key, title=title, is_marked=is_marked)
            for key, (title, is_marked) in wanted.items()
        ],
        update_conflicts=True,
        unique_fields=["source", "folded"],
        update_fields=["title", "is_marked"],
    )


def resolve_titles(titles: Iterable[str], user: Any) -> dict[str, Sheet]:
    """Return the sheets of these titles that `user` may open, by folded title."""
    keys = {fold_sheet_title(title) for title in titles} - {""}
    if not keys:
        return {}
    readable = Sheet.objects.readable_by(user)
    found: dict[str, Sheet] = {}
    former = SheetRedirect.objects.filter(folded__in=keys, sheet__in=readable)
    for name in former.select_related("sheet").order_by("renamed_at", "pk"):
        found[name.folded] = name.sheet
    current = SearchedSheet.objects.filter(folded__in=keys, sheet__in=readable)
    for row in current.select_related("sheet").only("folded", "sheet").order_by("-sheet_id"):
        found[row.folded] = row.sheet
    return found


def resolve_links(html: str, user: Any) -> str:
    """Return a rendered text with its wiki links resolved.

    Links without a sheet get the class "missing" if a person marked them; guesses become text.
    """
    titles = titles_in(html)
    if not titles:
        return html
    found = resolve_titles(titles, user)

    def replace_link(match: re.Match[str]) -> str:
        sheet = found.get(fold_sheet_title(wikilink_title(match)))
        if sheet:
            address, shown = escape(sheet.get_absolute_url()), match["shown"]
            return f'<a class="wikilink" href="{address}">{shown}</a>'
        if match["guess"]:
            return match["shown"]
        tooltip = escape(_("This sheet does not exist yet"))
        return (
            f'<a class="wikilink missing" href="{match["href"]}" rel="nofollow" title="{tooltip}">'
            f"{match['shown']}</a>"
        )

    return WIKILINK.sub(replace_link, html)


def sheet_titles(sheet: Sheet) -> set[str]:
    """Return the folded current and former titles of a sheet."""
    return {fold_sheet_title(sheet.title), *sheet.redirects.values_list("folded", flat=True)}


def list_backlinks(sheet: Sheet, user: Any) -> list[Sheet]:
    """Return the sheets that link to this one and that `user` may see in lists, by title."""
    linking = Link.objects.filter(folded__in=sheet_titles(sheet)).values("source")
    return list(
        Sheet.objects.listed_for(user).filter(pk__in=linking).exclude(pk=sheet.pk).order_by("title")
    )


@dataclass(frozen=True)
class WantedTitle:
    """A title that sheets link to and no sheet has."""

    title: str
    sources: list[Sheet]


def wanted_titles(user: Any) -> list[Mapping[str, Any]]:
    """Return the titles that people linked to and no sheet has, the most linked first.

    Each row has `folded` and `count`, the number of links.
    """
    named = SearchedSheet.objects.values("folded")
    former = SheetRedirect.objects.values("folded")
    return list(
        Link.objects.shown_to(user)
        .filter(is_marked=True)
        .exclude(Q(folded__in=named) | Q(folded__in=former))
        .values("folded")
        .annotate(count=Count("source"))
        .order_by("-count", "folded")
    )


def with_sources(rows: Iterable[Mapping[str, Any]], user: Any) -> list[WantedTitle]:
    """Return wanted titles, each as one of its links writes it, with the linking sheets."""
    keys = [row["folded"] for row in rows]
    links = Link.objects.shown_to(user).filter(folded__in=keys, is_marked=True)
    by_key: dict[str, list[Link]] = {key: [] for key in keys}
    for link in links.select_related("source").order_by(F("source__title")):
        by_key[link.folded].append(link)
    return [
        WantedTitle(found[0].title, [link.source for link in found])
        for found in by_key.values()
        if found
    ]
