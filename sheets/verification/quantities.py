"""Parse the numbers, units, ranges and dates of a text in French or English. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from wikico2.text.exponents import DOUBTFUL, POWER, RAISED_RUN, read_exponent
from wikico2.text.months import FULL_MONTH, MONTHS
from wikico2.text.normalize import fold_text

BLANK = "[ \u00a0\u2009\u202f]"
NUMBER = re.compile(
    rf"(?<![\w.,])[-−]?(?:\d{{1,3}}(?:{BLANK}\d{{3}})+(?!\d)|\d{{1,3}}(?:[.]\d{{3}})+(?=,\d)"
    rf"|\d{{1,3}}(?:,\d{{3}})+(?=[.]\d)|\d+)(?:[.,]\d+)*(?!\d|(?:er|e|ème|eme|re|nd|th|st)\b)"
)
SPELLED = {
    "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7, "huit": 8, "neuf": 9,
    "dix": 10, "onze": 11, "douze": 12, "quinze": 15, "vingt": 20, "trente": 30, "quarante": 40,
    "cinquante": 50, "soixante": 60, "cent": 100, "two": 2, "three": 3, "four": 4, "five": 5,
    "ten": 10,
}  # fmt: skip
ONE = {"un": 1, "une": 1, "one": 1}
WORD_NUMBER = re.compile(rf"\b(?:{'|'.join([*SPELLED, *ONE])})\b", re.IGNORECASE)
SCALE_WORD = re.compile(
    rf"{BLANK}?(?P<scale>milliers?|millions?|milliards?|thousand|billion)\b"
    rf"(?:\s+(?:de|d['’])\s*|\s*)",
    re.IGNORECASE,
)
SCALE_WORDS = {
    "millier": 10**3, "thousand": 10**3, "million": 10**6, "milliard": 10**9, "billion": 10**9,
}  # fmt: skip

# Spelling of a unit: (dimension, factor to the dimension's base unit).
UNITS: dict[str, tuple[str, Fraction]] = {
    "%": ("%", Fraction(1)), "pour cent": ("%", Fraction(1)), "percent": ("%", Fraction(1)),
    "pourcentage": ("%", Fraction(1)),
    "‰": ("%", Fraction("0.1")), "°C": ("°C", Fraction(1)), "K": ("K", Fraction(1)),
    "kelvin": ("K", Fraction(1)), "degré": ("°C", Fraction(1)),
    "€": ("€", Fraction(1)), "euro": ("€", Fraction(1)), "EUR": ("€", Fraction(1)),
    "k€": ("€", Fraction(10**3)), "M€": ("€", Fraction(10**6)), "Md€": ("€", Fraction(10**9)),
    "$": ("$", Fraction(1)),
    "an": ("mois", Fraction(12)), "année": ("mois", Fraction(12)), "year": ("mois", Fraction(12)),
    "mois": ("mois", Fraction(1)), "month": ("mois", Fraction(1)),
    "semaine": ("s", Fraction(604800)), "week": ("s", Fraction(604800)),
    "jour": ("s", Fraction(86400)), "j": ("s", Fraction(86400)), "day": ("s", Fraction(86400)),
    "heure": ("s", Fraction(3600)), "h": ("s", Fraction(3600)), "hour": ("s", Fraction(3600)),
    "minute": ("s", Fraction(60)), "min": ("s", Fraction(60)),
    "seconde": ("s", Fraction(1)), "s": ("s", Fraction(1)),
    "bar": ("Pa", Fraction(10**5)), "mbar": ("Pa", Fraction(100)),
    "litre": ("m3", Fraction("0.001")), "L": ("m3", Fraction("0.001")),
    "l": ("m3", Fraction("0.001")), "hL": ("m3", Fraction("0.1")), "m3": ("m3", Fraction(1)),
    "Nm3": ("Nm3", Fraction(1)), "hectolitre": ("m3", Fraction("0.1")),
    "m2": ("m2", Fraction(1)), "km2": ("m2", Fraction(10**6)), "ha": ("m2", Fraction(10**4)),
    "hectare": ("m2", Fraction(10**4)),
    "mm": ("m", Fraction("0.001")), "cm": ("m", Fraction("0.01")), "m": ("m", Fraction(1)),
    "km": ("m", Fraction(1000)), "kilomètre": ("m", Fraction(1000)), "mètre": ("m", Fraction(1)),
    "tonne": ("g", Fraction(10**6)), "kilo": ("g", Fraction(1000)),
    "kilogramme": ("g", Fraction(1000)), "tep": ("tep", Fraction(1)),
    "ktep": ("tep", Fraction(1000)), "Mtep": ("tep", Fraction(10**6)),
    "ppm": ("ppm", Fraction(1)), "dB": ("dB", Fraction(1)),
    "point": ("point", Fraction(1)), "TRL": ("TRL", Fraction(1)),
    **{
        prefix + base: (base, Fraction(10) ** power)
        for base in ("Wh", "W", "J", "Pa", "VA", "g", "t", "Wc")
        for prefix, power in (("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12))
    },
}  # fmt: skip
for _prefix, _power in (("", 6), ("k", 9), ("M", 12)):
    UNITS[f"{_prefix}t"] = ("g", Fraction(10) ** _power)
UNITS["mg"] = ("g", Fraction("0.001"))
SYMBOLS = sorted(
    (u for u in UNITS if len(u) < 4 or not u.islower() or u in ("mbar", "ktep")), key=len
)[::-1]
NOUNS = sorted((u for u in UNITS if u not in SYMBOLS), key=len)[::-1]
_SYMBOL = "|".join(re.escape(u) for u in SYMBOLS)
_NOUN = "|".join(re.escape(u) for u in NOUNS)
_GAS = (
    rf"(?:{BLANK}?(?:d[e’']{BLANK}?)?(?:(?:[ée]q(?:uivalents?|\.)?{BLANK}?)?CO[2₂]"
    rf"(?:{BLANK}?(?:[ée]q(?:uivalents?|\b\.?)|e\b))?))"
)
_ONE_UNIT = rf"(?:(?:{_NOUN}|an)s?(?![\w])|(?:{_SYMBOL})(?={_GAS}|[^\w²³]|$))"
UNIT = re.compile(
    rf"{BLANK}?(?P<unit>{_ONE_UNIT})(?P<gas>{_GAS})?"
    rf"(?:{BLANK}(?:HT|TTC|PCI|PCS|thermiques?|électriques?|finale?s?))?"
    rf"(?:(?:{BLANK}?/{BLANK}?|{BLANK}(?:par|per|au){BLANK})"
    rf"(?P<per>{_ONE_UNIT}|[^\W\d_]{{2,}}))?"
)
UNIT_EXPONENTS = {"²", "³"}
SUPERSCRIPTS = str.maketrans({"²": "2", "³": "3", "₂": "2"})
# « par an » gives the period of a total and is often left out, so that it is ignored; « par » a
# shorter time is ignored as well, except for flows such as m3/h.
FLOWS = {"m3", "Nm3", "m", "g"}
DATE = re.compile(
    rf"\b(?:(?P<day>\d{{1,2}})(?:er)?{BLANK})?(?P<month>{FULL_MONTH}){BLANK}"
    rf"(?:(?P<us_day>\d{{1,2}}),{BLANK})?(?P<year>(?:19|20)\d\d)\b"
    r"|\b(?P<d>\d{1,2})[/.](?P<m>\d{1,2})[/.](?P<y>(?:19|20)\d\d)\b"
    r"|\b(?P<iy>(?:19|20)\d\d)-(?P<im>\d\d)-(?P<id>\d\d)\b",
    re.IGNORECASE,
)
MANTISSA = re.compile(rf"(?P<number>\d(?:[\d.,]|{BLANK}(?=\d{{3}}))*?){BLANK}?[×x*·.]{BLANK}?\Z")
"""What stands before a power of ten that it multiplies: "1,5 × "; matched in few characters."""

NUMBER_END = re.compile(rf"\d(?:[\d.,]|{BLANK}(?=\d{{3}}))*{BLANK}?\Z")
LONGEST_NUMBER = 32
NOTE_CALL = re.compile(r"(?:(?<=\s)|(?<=^))\[\d{1,3}\](?!\w)")
"""The call of a note, as readers write it: "2015 [1]"."""

RANGE_WORDS = {"a", "-", "–", "—", "et", "ou", "to", "and", "puis"}
CODE = re.compile(r"[A-Za-z]\w*(?:[-/]\w+)*")
CODE_START = re.compile(r"\b[A-Za-z]")
RUN = re.compile(r"[\w-]+")
DIGIT = re.compile(r"\d")
NO_CODE = re.compile(r"(?i)^(?:[kmgt]?t?g?co2(?:e|eq)?|n?[ckm]?m[23]|h2o?|o2)$")


@dataclass(frozen=True)
class Measure:
    """A parsed unit: `gas` distinguishes tCO2e from t, `per` €/kWh from €; "" where absent."""

    dimension: str
    factor: Fraction
    gas: str = ""
    per: str = ""
    per_factor: Fraction = Fraction(1)


@dataclass(frozen=True)
class Quantity:
    """A number as written, the values that its digits may mean, and its measure if it has one."""

    written: str
    readings: frozenset[Decimal]
    measure: Measure | None = None
    start: int = 0
    end: int = 0
    # Position in the text of the range's other end, -1 for a number alone.
    partner: int = -1
    spelled: bool = False

    @property
    def unit(self) -> str:
        """Return the dimension of the unit, "" for a bare number."""
        return self.measure.dimension if self.measure else ""

    def same(self, other: "Quantity") -> bool:
        """Tell whether `other` is this quantity, in the same unit or a multiple of it.

        A number without a unit matches any unit; `per` and `gas` may be missing on either side.
        """
        mine, its = self.measure, other.measure
        if mine is None:
            return bool(self.readings & other.readings)
        if its is None or mine.dimension != its.dimension:
            return False
        if mine.gas and its.gas and mine.gas != its.gas:
            return False
        factor, its_factor = mine.factor, its.factor
        if mine.per and its.per:
            if mine.per != its.per:
                return False
            factor, its_factor = factor / mine.per_factor, its_factor / its.per_factor
        values = {Fraction(r) * factor for r in self.readings}
        return any(Fraction(r) * its_factor in values for r in other.readings)


@dataclass(frozen=True)
class Date:
    """A date, or a month of a year; `day` is 0 where it is not given."""

    written: str
    year: int
    month: int
    day: int = 0

    def within(self, other: "Date") -> bool:
        """Tell whether `other` is the same date, or a day in this month."""
        same_month = (self.year, self.month) == (other.year, other.month)
        return same_month and self.day in (0, other.day)


@lru_cache(maxsize=8192)
def find_quantities(text: str) -> tuple[Quantity, ...]:
    """Return the numbers of `text` outside dates; a range's first number takes its unit.

    A power of ten counts with what it multiplies: "1,5 × 10⁶ kWh". A number with a raised one that
    may be the call of a note ("62⁽³⁾"), or with another exponent ("62³"), has no value, so that it
    equals no other.
    """
    dated = blank_matches(NOTE_CALL, blank_matches(DATE, text))
    spans = [_doubtful_span(match) for match in DOUBTFUL.finditer(dated)]
    dated = blank_spans(dated, spans)
    powers = list(_powers(dated))
    dated = blank_spans(dated, ((power.start, power.end) for power in powers))
    exponents = list(_exponent_spans(dated))
    plain = blank_spans(dated, exponents).translate(SUPERSCRIPTS)
    unread = [
        Quantity(text[start:end], frozenset(), None, start, end)
        for start, end in (*spans, *exponents)
        if text[start].isdigit()
    ]
    signs = list(plain)
    for start, code in _codes(plain):
        signs[start : start + len(code)] = " " * len(code)
    plain = "".join(signs)
    numbers = (*powers, *unread, *_digits(plain), *_spelled(plain))
    found = sorted(numbers, key=lambda q: q.start)
    return tuple(_with_ranges(plain, found))


def _powers(text: str) -> Iterator[Quantity]:
    """Yield the powers of ten, each with the number that it multiplies and its unit."""
    measured = text.translate(SUPERSCRIPTS)
    for match in POWER.finditer(text):
        begin = max(match.start() - LONGEST_NUMBER, 0)
        times = MANTISSA.search(text[begin : match.start()])
        start = begin + times.start() if times else match.start()
        factors = read_number(times["number"]) if times else frozenset({Decimal(1)})
        scale = Decimal(10) ** read_exponent(match["exponent"])
        readings = frozenset((factor * scale).normalize() for factor in factors)
        if readings:
            written = text[start : match.end()]
            found = _measured(measured, written, start, match.end(), readings)
            yield replace(found, written=text[start : found.end].strip())


def _doubtful_span(match: re.Match[str]) -> tuple[int, int]:
    """Return where a doubtful raised number stands, with the number before it."""
    return _number_start(match.string, match.start()), match.end()


def _exponent_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where raised digits stand that are no unit's, with the number before them."""
    for match in RAISED_RUN.finditer(text):
        before = text[match.start() - 1 : match.start()]
        if not before.isalpha() or match[0] not in UNIT_EXPONENTS:
            start = match.start()
            yield _number_start(text, start) if before.isdigit() else start, match.end()


def _number_start(text: str, end: int) -> int:
    """Return where the number begins that ends at `end`; `end` if there is none."""
    begin = max(end - LONGEST_NUMBER, 0)
    number = NUMBER_END.search(text[begin:end])
    return begin + number.start() if number else end


@lru_cache(maxsize=8192)
def find_dates(text: str) -> tuple[Date, ...]:
    """Return the dates of `text`: days and months of a year. A year alone is a number."""
    found = []
    for m in DATE.finditer(text):
        if m["month"]:
            day = int(m["day"] or m["us_day"] or 0)
            found.append(Date(m[0], int(m["year"]), MONTHS[fold_text(m["month"])], day))
        elif m["y"]:
            found.append(Date(m[0], int(m["y"]), int(m["m"]), int(m["d"])))
        else:
            found.append(Date(m[0], int(m["iy"]), int(m["im"]), int(m["id"])))
    return tuple(found)


def find_codes(text: str) -> list[str]:
    """Return the references of `text` that mix letters and digits: IND-UT-103, R600, ISO50001."""
    return [code for _start, code in _codes(text.translate(SUPERSCRIPTS))]


def _codes(text: str) -> Iterator[tuple[int, str]]:
    """Yield where each reference begins, and what it is: a letter, and a digit in the same run."""
    at = 0
    for run in RUN.finditer(text):
        digits = [match.end() for match in DIGIT.finditer(text, run.start(), run.end())]
        at = max(at, run.start())
        while digits and (start := CODE_START.search(text, at, digits[-1])):
            code = CODE.match(text, start.start())
            assert code  # it begins with that letter
            at = code.end()
            if is_code(code[0]):
                yield start.start(), code[0]


def is_code(word: str) -> bool:
    """Tell whether a word that mixes letters and digits is a reference, not a unit or a formula."""
    return not NO_CODE.match(word) and read_measure(word, 0)[1] < len(word)


def blank_matches(pattern: re.Pattern[str], text: str) -> str:
    """Return the text with matches replaced by as many spaces, so that offsets stay the same."""
    return pattern.sub(lambda m: " " * len(m[0]), text)


def blank_spans(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return the text with spaces in the spans, so that offsets stay the same."""
    signs = list(text)
    for start, end in spans:
        signs[start:end] = " " * (end - start)
    return "".join(signs)


def loose_measures(text: str) -> list[Measure]:
    """Return the units in `text` that follow no number: « (kW) », « en tonnes »."""
    return [
        measure
        for opening in re.finditer(r"(?:[(,]\s*|\ben )(?=\D)|^(?=\D)", text)
        if (measure := read_measure(text, opening.end())[0])
    ]


def _digits(text: str) -> Iterator[Quantity]:
    for match in NUMBER.finditer(text):
        readings = read_number(match[0])
        if readings:
            yield _measured(text, match[0], match.start(), match.end(), readings)


def _spelled(text: str) -> Iterator[Quantity]:
    """Yield number words, but only before a unit: « deux semaines », not « deux tiers »."""
    for match in WORD_NUMBER.finditer(text):
        word = match[0].lower()
        value = SPELLED.get(word) or ONE[word]
        readings = frozenset({Decimal(value).normalize()})
        found = _measured(text, match[0], match.start(), match.end(), readings)
        yield Quantity(
            found.written, found.readings, found.measure, found.start, found.end, spelled=True
        )


def _measured(
    text: str, written: str, start: int, end: int, readings: frozenset[Decimal]
) -> Quantity:
    scale = SCALE_WORD.match(text, end)
    if scale:
        factor = SCALE_WORDS[scale["scale"].lower().removesuffix("s")]
        readings = frozenset((r * factor).normalize() for r in readings)
        end = scale.end()
    measure, after = read_measure(text, end)
    return Quantity(text[start:after].strip(), readings, measure, start, after)


def _with_ranges(text: str, found: Sequence[Quantity]) -> Iterator[Quantity]:
    """Link the two ends of a range and give both its unit; drop number words without a unit."""
    linked = {q.start: q for q in found}
    for first, second in pairwise(found):
        if fold_text(text[first.end : second.start]).strip() not in RANGE_WORDS:
            continue
        measure = first.measure or second.measure
        if measure and second.measure and measure.dimension == second.measure.dimension:
            linked[first.start] = replace(first, measure=measure, partner=second.start)
            linked[second.start] = replace(second, partner=first.start)
        elif measure is None:
            linked[first.start] = replace(first, partner=second.start)
            linked[second.start] = replace(second, partner=first.start)
    return (q for q in linked.values() if q.measure or not q.spelled)


def read_number(written: str) -> frozenset[Decimal]:
    """Return the values that the digits may mean: `1.234` is 1234 or 1.234."""
    digits = re.sub(r"\s", "", written).replace("−", "-")
    forms: set[str] = set()
    separators = [c for c in digits if c in ".,"]
    if not separators:
        forms.add(digits)
    elif len(set(separators)) == 2:
        decimal_mark = separators[-1]
        thousands = "." if decimal_mark == "," else ","
        forms.add(digits.replace(thousands, "").replace(decimal_mark, "."))
    elif len(separators) > 1:
        forms.add(digits.replace(separators[0], ""))
    else:
        forms.add(digits.replace(",", "."))
        if re.search(r"(?<!\d)[1-9]\d{0,2}[.,]\d{3}$", digits):
            forms.add(re.sub(r"[.,]", "", digits))
    values: set[Decimal] = set()
    for form in forms:
        try:
            values.add(Decimal(form).normalize())
        except InvalidOperation:
            continue
    return frozenset(values)


def read_measure(text: str, at: int) -> tuple[Measure | None, int]:
    """Return the unit at offset `at` and its end; (None, at) if there is none."""
    match = UNIT.match(text, at)
    if not match:
        return None, at
    dimension, factor = UNITS[_unit_key(match["unit"])]
    gas = "CO2" if match["gas"] else ""
    end = match.end()
    per, per_factor = "", Fraction(1)
    if match["per"]:
        key = _unit_key(match["per"])
        if key in UNITS:
            per, per_factor = UNITS[key]
            if per == "mois" or (per == "s" and dimension not in FLOWS):
                per = ""
    return Measure(dimension, factor, gas, per, per_factor if per else Fraction(1)), end


def _unit_key(written: str) -> str:
    """Return the entry of UNITS for a unit as it is written."""
    flat = written.translate(SUPERSCRIPTS).replace("\u00a0", " ")
    flat = re.sub(r"°\s?C", "°C", flat)
    if flat in UNITS:
        return flat
    singular = flat[:-1] if flat.endswith("s") else flat
    return singular if singular in UNITS else flat.lower().removesuffix("s")
