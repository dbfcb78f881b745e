"""Parse and format partial dates: a year, a month or a day, in French or English, as ISO 8601."""

import re
from datetime import date

from django.utils.formats import date_format

from wikico2.text.months import FOLDED_MONTH, MONTHS
from wikico2.text.normalize import fold_text

_YEAR = r"(?P<year>(?:19|20)\d\d)"
FORMS = tuple(
    re.compile(rf"(?<![\w./-]){form}(?![\w/-]|\.\d)")
    for form in (
        rf"{_YEAR}-(?P<month>\d\d?)-(?P<day>\d\d?)",
        rf"(?P<day>\d\d?)(?:er|st|nd|rd|th)?\s+(?P<word>{FOLDED_MONTH})\.?,?\s+{_YEAR}",
        rf"(?P<word>{FOLDED_MONTH})\.?\s+(?P<day>\d\d?)(?:st|nd|rd|th)?,\s+{_YEAR}",
        rf"(?P<day>\d\d?)[/.](?P<month>\d\d?)[/.]{_YEAR}",
        rf"(?P<word>{FOLDED_MONTH})\.?,?\s+{_YEAR}",
        rf"(?P<month>\d\d?)/{_YEAR}",
        rf"{_YEAR}-(?P<month>\d\d?)",
        _YEAR,
    )
)


def parse_date(text: str) -> str:
    """Return a text that is a date as `2021`, `2021-03` or `2021-03-12`; `""` if it is none."""
    text = fold_text(text)
    for form in FORMS:
        if match := form.fullmatch(text):
            return _iso(match)
    return ""


def find_date(text: str) -> str:
    """Return the first date in a text, of the most precise form found; `""` for none."""
    text = fold_text(text)
    for form in FORMS:
        for match in form.finditer(text):
            if found := _iso(match):
                return found
    return ""


def format_date(value: str) -> str:
    """Return a year, month or day in the reader's language."""
    parts = [int(part) for part in value.split("-")]
    if len(parts) == 1:
        return value
    day = date(parts[0], parts[1], parts[2] if len(parts) > 2 else 1)
    return date_format(day, "DATE_FORMAT" if len(parts) > 2 else "YEAR_MONTH_FORMAT")


def _iso(match: re.Match[str]) -> str:
    groups = match.groupdict()
    month = MONTHS[groups["word"]] if groups.get("word") else int(groups.get("month") or 0)
    day = int(groups.get("day") or 0)
    try:
        found = date(int(groups["year"]), month or 1, day or 1)
    except ValueError:
        return ""
    return found.isoformat()[: 10 if day else 7 if month else 4]
