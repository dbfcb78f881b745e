"""How sources are shown: durations, languages, the pace of reading."""

import datetime as dt
from urllib.parse import urlsplit

from django import template
from django.utils.formats import localize
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from ingestion import dates
from ingestion.models import Document

register = template.Library()


@register.filter
def duration(value: dt.timedelta | float | None) -> str:
    """Return a time span in at most two units, say `3 min 20 s`."""
    if value is None:
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
    """Return how many there are in a second, with as many digits as tell something."""
    return localize(round(value, 1) if value < 10 else round(value)) or "0"


@register.filter
def time_left(document: Document) -> str:
    """Return how long the document's current step still takes, as far as its pace tells."""
    return duration(document.seconds_left)


@register.filter
def language_name(code: str) -> str:
    """Return the name of a language in the reader's own."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


@register.filter
def partial_date(value: str) -> str:
    """Return a year, a month or a day in the reader's language."""
    return dates.shown(value) if value else ""


@register.filter
def web_host(url: str) -> str:
    """Return the site that an address belongs to, as links are named."""
    return (urlsplit(url).hostname or url).removeprefix("www.")
