"""Show values as a spreadsheet program set to French shows them, from their number formats.

A format has up to four sections (positive; negative; zero; text), each with literals, digit places
(`0`, `#`, `?`), a fraction, an exponent or the parts of a date.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from wikico2.text.months import FRENCH_MONTHS

MAX_FORMAT = 500
"""Characters of a format; a longer one is taken for the general format."""

BUILTIN = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: "#,##0\\ €;\\-#,##0\\ €",
    6: "#,##0\\ €;[Red]\\-#,##0\\ €", 7: "#,##0.00\\ €;\\-#,##0.00\\ €",
    8: "#,##0.00\\ €;[Red]\\-#,##0.00\\ €", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 14: "dd/mm/yyyy", 15: "dd-mmm-yy", 16: "dd-mmm", 17: "mmm-yy",
    18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "hh:mm", 21: "hh:mm:ss", 22: "dd/mm/yyyy hh:mm",
    37: "#,##0;\\-#,##0", 38: "#,##0;[Red]\\-#,##0", 39: "#,##0.00;\\-#,##0.00",
    40: "#,##0.00;[Red]\\-#,##0.00", 41: "_-* #,##0_-;\\-* #,##0_-;_-* \"-\"_-;_-@_-",
    42: "_-* #,##0\\ €_-;\\-* #,##0\\ €_-;_-* \"-\"\\ €_-;_-@_-",
    43: "_-* #,##0.00_-;\\-* #,##0.00_-;_-* \"-\"??_-;_-@_-",
    44: "_-* #,##0.00\\ €_-;\\-* #,##0.00\\ €_-;_-* \"-\"??\\ €_-;_-@_-",
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
"""The formats that files name by number only, as a French program shows them."""

SHORT_MONTHS = "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.".split()
DAYS = "lundi mardi mercredi jeudi vendredi samedi dimanche".split()

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_.|\*.'
    r"|\[\$(?P<currency>[^\]\-]*)(?:-(?P<locale>[^\]]*))?\]"
    r"|\[(?P<elapsed>[hH]+|[mM]+|[sS]+)\]"
    r"|\[(?P<operator>[<>=]{1,2})(?P<limit>-?[\d.]+)\]|\[(?P<colour>[^\]]*)\]"
    r"|(?P<general>(?i:general|standard))|(?P<half>(?i:AM/PM|A/P))"
    r"|(?P<date>[yY]+|[mM]+|[dD]+|[hH]+|[sS]+(?:\.0+)?)"
    r"|(?P<exponent>[eE][+\-])|(?P<digits>[0#?]+)|(?P<point>\.)|(?P<comma>,)"
    r"|(?P<percent>%)|(?P<slash>/)|(?P<text>@)|(?P<other>.)",
    re.DOTALL,
)
_LAST_SECOND = 2_958_466  # the day after 31 December 9999
_ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d))?)?")


class FormatToken(NamedTuple):
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class FormatSection:
    """One section of a format."""

    tokens: tuple[FormatToken, ...]
    condition: tuple[str, float] | None = None
    is_coloured: bool = False
    long_date: bool = False  # the system's long date

    def has(self, kind: str) -> bool:
        return any(token.kind == kind for token in self.tokens)

    @property
    def is_date(self) -> bool:
        return self.long_date or self.has("date") or self.has("elapsed")


def format_value(value: float, form: str, *, date1904: bool = False) -> str:
    """Return a number as its format shows it; `""` where the format shows nothing."""
    if not math.isfinite(value):
        return "#NUM!"
    sections = parse_format(form)
    numeric = [section for section in sections if not section.has("text")] or [FormatSection(())]
    section, shown = _section_for(value, numeric)
    if section.is_date:
        return _tidy(_format_date(shown if section is numeric[0] else value, section, date1904))
    if not section.tokens and form.strip():
        return "" if len(sections) > 1 else _general(value)
    text = _tidy(_format_number(shown, section))
    if value < 0 and section.is_coloured and shown >= 0 and text and not re.search(r"[-−(]", text):
        text = "-" + text  # red alone says that the number is negative
    return text


def format_text(text: str, form: str) -> str:
    """Return a text as its format shows it; `""` where the format hides it."""
    sections = parse_format(form)
    if len(sections) == 4 or sections[-1].has("text"):
        return "".join(
            text if token.kind == "text" else token.text if token.kind == "literal" else ""
            for token in sections[-1].tokens
        )
    return text


def is_date_format(form: str) -> bool:
    """Tell whether a format shows dates or times."""
    return parse_format(form)[0].is_date


@lru_cache(maxsize=512)
def parse_format(form: str) -> tuple[FormatSection, ...]:
    """Return the sections of a format; the general format for one too long to be one."""
    if len(form) > MAX_FORMAT:
        form = "General"
    sections: list[FormatSection] = []
    for part in _split_sections(form)[:4]:
        sections.append(_parse_section(part))
    return tuple(sections)


def _split_sections(form: str) -> list[str]:
    parts, start = [], 0
    for match in _TOKEN.finditer(form):
        if match.group() == ";":
            parts.append(form[start : match.start()])
            start = match.end()
    return [*parts, form[start:]]


def _parse_section(part: str) -> FormatSection:
    tokens: list[FormatToken] = []
    condition, coloured, long_date = None, False, False
    for match in _TOKEN.finditer(part):
        kind, text = match.lastgroup or "pad", match.group()
        if kind == "quoted":
            tokens.append(FormatToken("literal", match["quoted"]))
        elif kind == "escaped":
            tokens.append(FormatToken("literal", match["escaped"]))
        elif kind in ("currency", "locale"):
            tokens.append(FormatToken("literal", match["currency"] or ""))
            long_date = long_date or (match["locale"] or "").upper() == "F800"
        elif kind == "limit":
            condition = match["operator"], float(match["limit"].strip(".") or 0)
        elif kind == "colour":
            coloured = True
        elif kind == "pad":
            tokens.append(FormatToken("literal", " " if text[:1] == "_" else ""))
        elif kind == "other":
            tokens.append(FormatToken("literal", text))
        elif kind == "elapsed":
            tokens.append(FormatToken(kind, match["elapsed"]))
        else:
            tokens.append(FormatToken(kind, text))
    return FormatSection(tuple(t for t in tokens if t.text), condition, coloured, long_date)


def _section_for(value: float, sections: list[FormatSection]) -> tuple[FormatSection, float]:
    """Return the section for a number, and the number without the sign that the section shows."""
    if any(section.condition for section in sections[:2]):
        for section in sections:
            if section.condition is None or _holds(value, *section.condition):
                return section, value
        return sections[-1], value
    if value < 0 and len(sections) > 1:
        return sections[1], -value
    if value == 0 and len(sections) > 2:
        return sections[2], value
    return sections[0], value


def _holds(value: float, operator: str, limit: float) -> bool:
    return {
        "<": value < limit,
        ">": value > limit,
        "=": value == limit,
        "<=": value <= limit,
        ">=": value >= limit,
        "<>": value != limit,
    }.get(operator, False)


def _general(value: float) -> str:
    """Return a number in the general format: at most ten significant digits, all of an integer."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    text = f"{value:.10g}"
    if "e" in text:
        digits, _, exponent = f"{value:.5e}".partition("e")
        digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
        text = f"{digits}E{exponent}"
    return text.replace(".", ",")


def _format_number(value: float, section: FormatSection) -> str:
    tokens = section.tokens
    places = [i for i, token in enumerate(tokens) if token.kind == "digits"]
    if not places:
        words = [_general(value) if t.kind == "general" else _literal(t) for t in tokens]
        sign = "-" if value < 0 and not section.has("general") else ""
        return sign + "".join(words)
    number = _exact(value)
    number = number.scaleb(2 * sum(token.kind == "percent" for token in tokens))
    first, last = places[0], places[-1]
    core, after = tokens[first : last + 1], tokens[last + 1 :]
    scale = 0
    while after and after[0].kind == "comma":
        scale, after = scale + 1, after[1:]
    number = number.scaleb(-3 * scale)
    if any(token.kind == "slash" for token in core) or (after[:1] and after[0].kind == "slash"):
        shown, after = _fraction(abs(number), tokens[first:])
    elif any(token.kind == "exponent" for token in core):
        shown = _scientific(abs(number), core)
    else:
        shown = _fixed(abs(number), core)
    sign = "-" if number < 0 and re.search("[1-9]", shown) else ""
    head = "".join(map(_literal, tokens[:first]))
    tail = "".join(map(_literal, after))
    if re.match(r"[^\W\d_]|[€$£%°]", tail):
        tail = " " + tail
    return f"{sign}{head}{shown}{tail}"


def _literal(token: FormatToken) -> str:
    if token.kind in ("literal", "percent", "slash"):
        return token.text
    return {"point": ",", "comma": ",", "general": "", "text": ""}.get(token.kind, token.text)


def _exact(value: float) -> Decimal:
    """Return a number in the fifteen digits that spreadsheets keep."""
    return Decimal(f"{value:.15g}")


def _rounded(number: Decimal, places: int) -> Decimal:
    try:
        return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    except InvalidOperation:  # more digits than the context holds
        return number


def _fixed(number: Decimal, core: tuple[FormatToken, ...]) -> str:
    """Write a number in its digit places, between which literals may stand ("0# ## ## ## ##")."""
    point = next((i for i, token in enumerate(core) if token.kind == "point"), len(core))
    whole_tokens, decimal_tokens = core[:point], core[point + 1 :]
    decimals = "".join(token.text for token in decimal_tokens if token.kind == "digits")
    whole, _, rest = f"{_rounded(number, len(decimals)):f}".partition(".")
    grouped = any(token.kind == "comma" for token in whole_tokens)
    text = _whole_part(whole.lstrip("0"), whole_tokens, grouped=grouped)
    shown = _decimal_part(rest, decimal_tokens)
    return f"{text},{shown}" if shown.strip() else text


def _whole_part(digits: str, tokens: tuple[FormatToken, ...], *, grouped: bool) -> str:
    """Place the digits of an integer from right to left."""
    written: list[str] = []
    left = list(digits)
    count = 0
    places = sum(len(token.text) for token in tokens if token.kind == "digits")
    for token in reversed(tokens):
        if token.kind == "comma":
            continue
        if token.kind != "digits":
            written.append(_literal(token)[::-1])
            continue
        for place in reversed(token.text):
            places -= 1
            taken = [left.pop()] if left else []
            while not places and left:
                taken.append(left.pop())
            for digit in taken or (["0"] if place == "0" else []):
                if grouped and count and count % 3 == 0:
                    written.append(" ")
                written.append(digit)
                count += 1
    return "".join(written)[::-1]


def _decimal_part(digits: str, tokens: tuple[FormatToken, ...]) -> str:
    places = "".join(token.text for token in tokens if token.kind == "digits")
    kept = len(places)
    while kept and places[kept - 1] != "0" and digits[kept - 1 : kept] in ("0", ""):
        kept -= 1
    written, at = [], 0
    for token in tokens:
        if token.kind == "digits":
            written.append(digits[at : min(at + len(token.text), kept)])
            at += len(token.text)
        elif token.kind != "comma":
            written.append(_literal(token))
    return "".join(written)


def _scientific(number: Decimal, core: tuple[FormatToken, ...]) -> str:
    at = next(i for i, token in enumerate(core) if token.kind == "exponent")
    mantissa, exponent_tokens = core[:at], core[at + 1 :]
    point = next((i for i, token in enumerate(mantissa) if token.kind == "point"), at)
    step = max(sum(len(t.text) for t in mantissa[:point] if t.kind == "digits"), 1)
    decimals = sum(len(t.text) for t in mantissa[point:] if t.kind == "digits")
    power = number.adjusted() if number else 0
    power -= power % step if step > 1 else 0
    if _rounded(number.scaleb(-power), decimals) >= 10**step:
        power += step
    shown = _fixed(number.scaleb(-power), mantissa)
    width = sum(len(token.text) for token in exponent_tokens if token.kind == "digits")
    sign = "-" if power < 0 else "+" if core[at].text.endswith("+") else ""
    return f"{shown}E{sign}{abs(power):0{min(width, 20)}d}"


def _fraction(
    number: Decimal, tokens: tuple[FormatToken, ...]
) -> tuple[str, tuple[FormatToken, ...]]:
    """Write a number as a fraction; return it, and the tokens that follow it."""
    slash = next(i for i, token in enumerate(tokens) if token.kind == "slash")
    before = [token for token in tokens[:slash] if token.kind == "digits"]
    denominator, end = "", slash + 1
    for end in range(slash + 1, len(tokens) + 1):
        if end == len(tokens):
            break
        text = tokens[end].text
        if tokens[end].kind == "digits" or (tokens[end].kind == "literal" and text.isdecimal()):
            denominator += text
        else:
            break
    exact = Fraction(number)
    whole = int(exact) if len(before) > 1 else 0
    rest = exact - whole
    if denominator.strip("0#?") and denominator.isdecimal() and int(denominator):
        below = int(denominator)
        above = int(rest * below + Fraction(1, 2))
    else:
        near = rest.limit_denominator(10 ** min(max(len(denominator), 1), 6) - 1)
        above, below = near.numerator, near.denominator
    if above == below and len(before) > 1:
        whole, above = whole + 1, 0
    if not above:
        return str(whole), tokens[end:]
    return (f"{whole} " if whole else "") + f"{above}/{below}", tokens[end:]


def _format_date(value: float, section: FormatSection, date1904: bool) -> str:
    if value < 0 and not section.has("elapsed"):
        return "#" * 8
    moment = _moment(value, section, date1904)
    if moment is None:
        return _general(value)
    if section.long_date:
        day = f"{moment.day}er" if moment.day == 1 else str(moment.day)
        return f"{DAYS[moment.weekday()]} {day} {FRENCH_MONTHS[moment.month - 1]} {moment.year}"
    tokens = section.tokens
    written = []
    for at, token in enumerate(tokens):
        if token.kind == "elapsed":
            written.append(_elapsed(value, token.text))
        elif token.kind == "date":
            minutes = token.text[0] in "mM" and _stands_for_minutes(tokens, at)
            written.append(_date_part(moment, token.text, minutes, section.has("half")))
        elif token.kind == "half":
            written.append("AM" if moment.hour < 12 else "PM")
        elif token.kind == "digits":
            written.append("")
        else:
            written.append("." if token.kind == "point" else _literal(token))
    return "".join(written)


def _moment(value: float, section: FormatSection, date1904: bool) -> dt.datetime | None:
    """Return the date of a serial number, rounded as the section shows it; None out of range."""
    days = abs(value) + (1462 if date1904 else 0)
    if days >= _LAST_SECOND:
        return None
    thousandths = any("." in token.text for token in section.tokens if token.kind == "date")
    seconds = round(days * 86_400, 3 if thousandths else 0)
    if days < 60 and not date1904:
        seconds += 86_400  # 1900 counts as a leap year
    return dt.datetime(1899, 12, 30) + dt.timedelta(seconds=seconds)


def _elapsed(value: float, unit: str) -> str:
    seconds = round(abs(value) * 86_400)
    whole = seconds // {"h": 3600, "m": 60, "s": 1}[unit[0].lower()]
    return ("-" if value < 0 else "") + str(whole).zfill(min(len(unit), 10))


def _stands_for_minutes(tokens: tuple[FormatToken, ...], at: int) -> bool:
    """Tell minutes from months: they follow hours or come before seconds."""
    if len(tokens[at].text) > 2:
        return False
    kinds = ("date", "elapsed")
    before = next((t.text[0].lower() for t in reversed(tokens[:at]) if t.kind in kinds), "")
    after = next((t.text[0].lower() for t in tokens[at + 1 :] if t.kind in kinds), "")
    return before == "h" or after == "s"


def _date_part(moment: dt.datetime, part: str, minutes: bool, half: bool) -> str:
    letter, length = part[0].lower(), len(part)
    if letter == "y":
        return f"{moment.year:04d}" if length > 2 else f"{moment.year % 100:02d}"
    if letter == "d":
        name = DAYS[moment.weekday()]
        return (str(moment.day), f"{moment.day:02d}", name[:3] + ".", name)[min(length, 4) - 1]
    if letter == "m" and not minutes:
        month = moment.month
        names = (
            SHORT_MONTHS[month - 1],
            FRENCH_MONTHS[month - 1],
            FRENCH_MONTHS[month - 1][0].upper(),
        )
        return (str(month), f"{month:02d}", *names)[min(length, 5) - 1]
    if letter == "s" and "." in part:
        places = len(part.partition(".")[2])
        return f"{moment.second:02d},{moment.microsecond:06d}"[: 3 + min(places, 6)]
    hour = (moment.hour - 1) % 12 + 1 if half else moment.hour
    number = {"h": hour, "m": moment.minute, "s": moment.second}[letter]
    return f"{number:02d}" if length > 1 else str(number)


def iso_date(text: str, form: str) -> str:
    """Return a date written as ISO 8601, as its format shows it; `text` if it is none."""
    match = _ISO_DATE.match(text)
    if match is None:
        return text
    try:
        moment = dt.datetime(*(int(part or 0) for part in match.groups()))  # type: ignore[arg-type]
    except ValueError:
        return text
    days = (moment - dt.datetime(1899, 12, 30)).total_seconds() / 86_400
    if not is_date_format(form):
        form = "dd/mm/yyyy hh:mm" if moment.time() != dt.time() else "dd/mm/yyyy"
    return format_value(days if days >= 61 else days - 1, form)


def _tidy(text: str) -> str:
    return " ".join(text.split())
