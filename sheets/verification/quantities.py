"""Parse the numbers, units, ranges and dates of a text in French or English. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from sheets.verification.units import BLANK, INDICES, Measure, read_measure
from wikico2.text.exponents import DOUBTFUL, POWER, RAISED_RUN, read_exponent
from wikico2.text.months import FRENCH_MONTHS, FULL_MONTH, MONTHS
from wikico2.text.normalize import fold_text

NUMBER = re.compile(
    rf"(?:(?<![\w.,])|(?<=(?<!\w)[x×X]))(?:[-−]|(?<!\d )–)?(?:\d{{1,3}}(?:{BLANK}\d{{3}})+(?!\d)"
    r"|\d{1,3}(?:[.]\d{3})+(?=,\d)"
    rf"|\d{{1,3}}(?:,\d{{3}})+(?=[.]\d)|\d+)(?:[.,]\d+)*(?!\d|(?:er|e|ème|eme|re|nd|th|st)\b)"
)
SPELLED = {
    "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7, "huit": 8, "neuf": 9,
    "dix": 10, "onze": 11, "douze": 12, "treize": 13, "quatorze": 14, "quinze": 15, "seize": 16,
    "vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "cent": 100,
    "mille": 1000, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10,
}  # fmt: skip
ONE = {"un": 1, "une": 1, "one": 1}
COMPOUND = SPELLED | ONE | {"vingts": 20, "cents": 100}
"""Words of numbers of several words: « quatre-vingt-dix », « cent cinquante mille »."""

_COMPOUND = "|".join(sorted(COMPOUND, key=len, reverse=True))
_SINGLE = "|".join(sorted([*SPELLED, *ONE], key=len, reverse=True))
WORD_NUMBER = re.compile(
    rf"\b(?:(?:{_COMPOUND})(?:(?:[-‑]|{BLANK})(?:{_COMPOUND})|[- ]et[- ](?:une?|onze))+"
    rf"|{_SINGLE})\b",
    re.IGNORECASE,
)
REPEATED = re.compile(rf"{BLANK}?\((?P<words>[^\W\d_](?:[^\W\d_]|[- ]){{1,40}}|\d{{1,6}})\)")
"""A number said again behind it: « 15 (quinze) jours », « sept (7) phases »."""

SCALE_WORD = re.compile(
    rf"{BLANK}?(?P<scale>milliers?|millions?|milliards?|thousand|billion)\b"
    rf"(?:\s+(?:de|d['’])\s*|\s*)",
    re.IGNORECASE,
)
SCALE_WORDS = {
    "millier": 10**3, "thousand": 10**3, "million": 10**6, "milliard": 10**9, "billion": 10**9,
}  # fmt: skip
PARTS = {"quart": 4, "cinquième": 5, "dixième": 10, "vingtième": 20, "centième": 100}
FRACTION = re.compile(
    rf"\b(?:(?P<count>\d|deux|trois|quatre|cinq|six|sept|huit|neuf|(?P<one>une?)){BLANK}"
    rf"(?P<part>{'|'.join(PARTS)})(?(one)|s)|la{BLANK}moitié)\b(?!{BLANK}d[’']heure)"
    rf"(?(one)(?={BLANK}(?:d[eu]s?\b|d[’']|aux?\b)|{BLANK}?[.,;)]|\Z))",
    re.IGNORECASE,
)
"""A fraction in words that is a whole number of per cent: « trois quarts des logements »."""

AND_A_HALF = re.compile(rf"{BLANK}et{BLANK}demie?\b")
INDEX = re.compile(r"(?<=[^\W\d_])[²³₂]")
DATE = re.compile(
    rf"\b(?:(?P<day>\d{{1,2}})(?:er)?{BLANK})?(?P<month>{FULL_MONTH}){BLANK}"
    rf"(?:(?P<us_day>\d{{1,2}}),{BLANK})?(?P<year>(?:19|20)\d\d)\b"
    r"|\b(?P<d>\d{1,2})[/.](?P<m>\d{1,2})[/.](?P<y>(?:19|20)\d\d)\b"
    r"|\b(?P<iy>(?:19|20)\d\d)-(?P<im>\d\d)-(?P<id>\d\d)\b"
    r"|(?<![\w/.,-])(?P<nm>0[1-9]|1[0-2])/(?P<ny>(?:19|20)\d\d)(?![\w/])",
    re.IGNORECASE,
)
UNIT_EXPONENTS = {"²", "³"}
MANTISSA = re.compile(rf"(?P<number>\d(?:[\d.,]|{BLANK}(?=\d{{3}}))*?){BLANK}?[×x*·.]{BLANK}?\Z")
"""What stands before a power of ten that it multiplies: "1,5 × "; matched in few characters."""

NUMBER_END = re.compile(rf"\d(?:[\d.,]|{BLANK}(?=\d{{3}}))*{BLANK}?\Z")
LONGEST_NUMBER = 32
NOTE_CALL = re.compile(r"(?:(?<=\s)|(?<=^))\[\d{1,3}\](?!\w)")
"""The call of a note, as readers write it: "2015 [1]"."""

YEAR = re.compile(r"(?:1[89]|20|21)\d\d")
RANGE_WORDS = {"a", "-", "–", "—", "et", "ou", "to", "and", "puis"}
CODE = re.compile(r"[A-Za-z]\w*(?:[-/]\w+)*")
REFERENCE = re.compile(
    r"\b(?:ISO|NF EN|NF|EN|DIN|RT|RE|[Aa]rticles?|[Dd]écret n°|[Ll]oi n°|[Dd]irective|[Aa]nnexe|"
    r"[Tt]ableau|[Cc]hapitre|[Ff]iche|[Cc]atégorie|[Cc]lasse|[Nn]iveau|[Tt]ype|[Ss]cope)"
    r"[ \u00a0](?:[LRD]\. ?)?\d[\d./-]*"
)
CODE_START = re.compile(r"\b[A-Za-z]")
RUN = re.compile(r"[\w-]+")
WORD = re.compile(r"[^\W\d_]+")
DIGIT = re.compile(r"\d")
NO_CODE = re.compile(r"(?i)^(?:x\d+|[kmgt]?t?g?co2(?:e|eq)?|n?[ckm]?m[23]|h2o?|o2)$")


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
    # Position behind the number, where its unit begins if it has one.
    unit_start: int = -1

    @property
    def unit(self) -> str:
        """Return the dimension of the unit, "" for a bare number."""
        return self.measure.dimension if self.measure else ""

    def same(self, other: "Quantity") -> bool:
        """Tell whether `other` is this quantity, in the same unit or a multiple of it.

        A number without a unit matches any unit; kinds and divisors may be missing on either side.
        """
        if self.measure is None:
            return bool(self.readings & other.readings)
        return self._has_value_of(other) and not self.measure.clashes(other.measure)  # type: ignore[arg-type]

    def exactly(self, other: "Quantity") -> bool:
        """Tell whether `other` is this quantity with the same kinds and the same divisor.

        Per cent equal a fraction: 5,5 % is 0,055.
        """
        mine, its = self.measure, other.measure
        if self._is_fraction_of(other):
            return True
        if mine is None or its is None:
            return mine is its and bool(self.readings & other.readings)
        same_kinds = mine.all_kinds == its.all_kinds and mine.per == its.per
        return same_kinds and self._has_value_of(other) and not mine.clashes(its)

    def _is_fraction_of(self, other: "Quantity") -> bool:
        """Tell whether one is the other in per cent: a bare number below 1, or « 1,5 fois »."""
        bare, share = (other, self) if self.unit == "%" else (self, other)
        if share.measure is None or share.unit != "%" or bare.unit not in {"", "fois"}:
            return False
        values = {Fraction(r) * share.measure.factor / 100 for r in share.readings}
        return any((abs(r) <= 1 or bare.unit) and Fraction(r) in values for r in bare.readings)

    def _has_value_of(self, other: "Quantity") -> bool:
        mine, its = self.measure, other.measure
        if mine is None or its is None or mine.dimension != its.dimension:
            return False
        factor, its_factor = mine.factor, its.factor
        if mine.per and its.per:
            if mine.per != its.per and mine.per.removesuffix("e") != its.per.removesuffix("e"):
                return False
            factor, its_factor = factor / mine.per_factor, its_factor / its.per_factor
        values = {abs(Fraction(r) * factor) for r in self.readings}
        return any(abs(Fraction(r) * its_factor) in values for r in other.readings)


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
    fractions = list(_fractions(dated))
    dated = blank_spans(dated, ((part.start, part.end) for part in fractions))
    exponents = list(_exponent_spans(dated))
    plain = _plain(blank_spans(dated, exponents))
    unread = [
        Quantity(text[start:end], frozenset(), None, start, end)
        for start, end in (*spans, *exponents)
        if text[start].isdigit()
    ]
    signs = list(plain)
    for start, code in _codes(plain):
        signs[start : start + len(code)] = " " * len(code)
    plain = "".join(signs)
    numbers = (*powers, *fractions, *unread, *_digits(plain), *_spelled(plain))
    found = _apart(sorted(numbers, key=lambda q: q.start))
    return tuple(_with_ranges(plain, [_as_written(q, text) for q in found]))


def _apart(found: Iterable[Quantity]) -> Iterator[Quantity]:
    """Yield quantities that lie in no other: of « un (1) mois » one."""
    end = 0
    for quantity in found:
        if quantity.start >= end:
            end = quantity.end
            yield quantity


def _as_written(quantity: Quantity, text: str) -> Quantity:
    """Return a quantity with its text as it stands in `text`, indices and all."""
    written = text[quantity.start : quantity.end].strip()
    return quantity if quantity.written == written else replace(quantity, written=written)


def _powers(text: str) -> Iterator[Quantity]:
    """Yield the powers of ten, each with the number that it multiplies and its unit."""
    measured = _plain(text)
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


def _fractions(text: str) -> Iterator[Quantity]:
    """Yield the fractions in words, as per cent."""
    for match in FRACTION.finditer(text):
        share = Decimal(50)
        if match["part"]:
            count = match["count"].lower()
            times = int(count) if count.isdigit() else COMPOUND[count]
            share = Decimal(100) * times / PARTS[match["part"].lower()]
        measure, _end = read_measure("%", 0)
        yield Quantity(
            match[0],
            frozenset({share.normalize()}),
            measure,
            match.start(),
            match.end(),
            unit_start=match.end(),
        )


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
    return tuple(map(_read_date, DATE.finditer(text)))


def _read_date(m: re.Match[str]) -> Date:
    if m["month"]:
        day = int(m["day"] or m["us_day"] or 0)
        name = fold_text(m["month"]).replace("ı", "i")  # a pattern without case matches it
        return Date(m[0], int(m["year"]), MONTHS[name], day)
    if m["y"]:
        return Date(m[0], int(m["y"]), int(m["m"]), int(m["d"]))
    if m["ny"]:
        return Date(m[0], int(m["ny"]), int(m["nm"]))
    return Date(m[0], int(m["iy"]), int(m["im"]), int(m["id"]))


def spell_dates(text: str) -> str:
    """Return a text with its dates written alike: « 16/07/1980 » as « 16 juillet 1980 »."""
    return DATE.sub(_spelled_date, text)


def _spelled_date(m: re.Match[str]) -> str:
    date = _read_date(m)
    if not 1 <= date.month <= 12:
        return m[0]
    return f"{date.day or ''} {FRENCH_MONTHS[date.month - 1]} {date.year}".strip()


def find_codes(text: str) -> list[str]:
    """Return the references of `text`: those that mix letters and digits (IND-UT-103, R600), and
    numbers of norms, articles and tables (ISO 50001, article 25)."""
    named = (match[0].rstrip(".-") for match in REFERENCE.finditer(text))
    return [*(code for _start, code in _codes(_plain(text))), *named]


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
    """Return the units in `text` that follow no number: « (kW) », « en millions de tonnes »."""
    plain = _plain(text)
    return [
        measure
        for opening in re.finditer(r"(?i:[(,]\s*|\ben )(?=\D)|^(?=\D)", plain)
        if (measure := _scaled_measure(plain, opening.end()))
    ]


def _scaled_measure(text: str, at: int) -> Measure | None:
    """Return the unit at an offset, multiplied by the word before it: "millions de tonnes"."""
    scale = SCALE_WORD.match(text, at)
    measure, _end = read_measure(text, scale.end() if scale else at)
    if measure is None or scale is None:
        return measure
    factor = SCALE_WORDS[scale["scale"].lower().removesuffix("s")]
    return replace(measure, factor=measure.factor * factor)


def _plain(text: str) -> str:
    """Return the text with plain digits in units and formulas: "m²", "CO₂"; exponents stay."""
    return INDEX.sub(lambda match: match[0].translate(INDICES), text)


def _digits(text: str) -> Iterator[Quantity]:
    for match in NUMBER.finditer(text):
        readings = read_number(match[0])
        if readings:
            yield _measured(text, match[0], match.start(), match.end(), readings)


def _spelled(text: str) -> Iterator[Quantity]:
    """Yield number words, but only before a unit: « deux semaines », not « deux tiers »."""
    for match in WORD_NUMBER.finditer(text):
        single = read_words(match[0]) is None
        for word in WORD.finditer(text, match.start(), match.end()) if single else (match,):
            value = read_words(word[0])
            if value is not None:
                readings = frozenset({Decimal(value).normalize()})
                found = _measured(text, word[0], word.start(), word.end(), readings)
                alone = len(WORD.findall(word[0])) == 1 and ")" not in found.written
                yield replace(found, spelled=alone)


def read_words(written: str) -> int | None:
    """Return the value of a number in words: 90 for « quatre-vingt-dix »; None if it has none."""
    total = group = last = 0
    for word in WORD.findall(written.lower()):
        if word == "et":
            continue
        value = COMPOUND.get(word)
        rest = group % 100
        if value is None or (value == 1000 and total) or (value == 100 and group > 9):
            return None
        if value == 1000:
            total, group = (group or 1) * 1000, 0
        elif value == 100:
            group = (group or 1) * 100
        elif value == 20 and rest == 4:
            group += 76
        elif rest and not (
            (rest in {60, 80} and value < 20)  # « quatre-vingt-onze »
            or (value < 10 and (last > 16 or (last == 10 and value > 6)))  # « dix-sept »
        ):
            return None
        else:
            group += value
        last = value
    return total + group


def _measured(
    text: str, written: str, start: int, end: int, readings: frozenset[Decimal]
) -> Quantity:
    scale = SCALE_WORD.match(text, end)
    if scale:
        factor = SCALE_WORDS[scale["scale"].lower().removesuffix("s")]
        readings = frozenset((r * factor).normalize() for r in readings)
        end = scale.end()
    elif (again := REPEATED.match(text, end)) and _value(again["words"]) in readings:
        end = again.end()
    measure, after = read_measure(text, end)
    if measure and (half := AND_A_HALF.match(text, after)):
        readings = frozenset((r + Decimal("0.5")).normalize() for r in readings)
        after = half.end()
    written = text[start:after].strip()
    return Quantity(written, readings, measure, start, after, unit_start=end)


def _value(written: str) -> int | None:
    """Return the value of digits, or of a number in words."""
    if written.isdigit():
        return int(written)
    return read_words(written) if WORD_NUMBER.fullmatch(written) else None


def is_year(quantity: Quantity) -> bool:
    """Tell whether a quantity is written like a year: 2019, without a unit."""
    return quantity.measure is None and YEAR.fullmatch(quantity.written) is not None


def _with_ranges(text: str, found: Sequence[Quantity]) -> Iterator[Quantity]:
    """Link the two ends of a range and give both its unit; drop number words without a unit."""
    linked = {q.start: q for q in found}
    for first, second in pairwise(found):
        if fold_text(text[first.end : second.start]).strip() not in RANGE_WORDS:
            continue
        if is_year(first) != is_year(second):
            continue  # « de 2,7 en 2019 à 3,6 en 2050 »
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
