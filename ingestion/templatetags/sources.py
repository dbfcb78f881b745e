"""Filters for the display of sources: durations, languages, dates, the pace of reading."""

import datetime as dt
import re
from urllib.parse import urlsplit

from django import template
from django.utils.formats import localize
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from ingestion.intake import dates
from ingestion.models.page_remarks import doubt_sentence

register = template.Library()

TABLE_RULE = re.compile(r"\|[\s:|-]+\|")
CELL_END = re.compile(r"(?<!\\)\|")


@register.filter
def duration(value: dt.timedelta | float | None) -> str:
    """Return a time span in at most two units, say `3 min 20 s`."""
    if value is None or value == "":
        return ""
    seconds = value.total_seconds() if isinstance(value, dt.timedelta) else value
    whole = max(round(seconds), 1)
    if whole < 60:
        return _("%(seconds)d s") % {"seconds": whole}
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        if rest and minutes < 10:
            return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}
        return _("%(minutes)d min") % {"minutes": minutes}
    hours, minutes = divmod(minutes, 60)
    return _("%(hours)d h %(minutes)02d min") % {"hours": hours, "minutes": minutes}


@register.filter
def pace(value: float) -> str:
    """Return a number per second, with one decimal below 10."""
    return localize(round(value, 1) if value < 10 else round(value)) or "0"


@register.filter
def language_name(code: str) -> str:
    """Return the name of a language in the reader's language."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


@register.filter
def partial_date(value: str) -> str:
    """Return a year, a month or a day in the reader's language."""
    return dates.format_date(value) if value else ""


@register.filter
def web_host(url: str) -> str:
    """Return the host of a web address without `www.`, as the text of a link."""
    return (urlsplit(url).hostname or url).removeprefix("www.")


@register.filter
def doubt_words(doubt: str) -> str:
    """Return why a block is not quoted, as a sentence, or `""`."""
    return doubt_sentence(doubt)


@register.filter
def in_words(text: str) -> str:
    """Return a passage with its table rows as lines, cells separated by ` · `."""
    return "\n".join(row_in_words(line) for line in text.split("\n") if not is_rule(line))


def is_rule(line: str) -> bool:
    """Tell whether a line is the delimiter row of a Markdown table."""
    return TABLE_RULE.fullmatch(line.strip()) is not None and "-" in line


def row_in_words(line: str) -> str:
    """Return the non-empty cells of a table row, separated by ` · `; other lines unchanged."""
    row = line.strip()
    if not (row.startswith("|") and row.endswith("|")):
        return line
    cells = (cell.replace(r"\|", "|").strip() for cell in CELL_END.split(row))
    return " · ".join(cell for cell in cells if cell)
