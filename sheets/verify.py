"""Check by code, not by faith, that a statement stands in the passages that it cites.

Two tests: every quantity of the statement is in a cited passage (French and English number forms,
units, ranges), and the statement's own words are there as well. Pure.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from wikico2.text import fold, stems

VERIFIED, WEAK, BROKEN = "verified", "weak", "broken"

# Of a statement's meaning-bearing words, the share that a cited passage must hold.
SUPPORT_VERIFIED = 0.6
SUPPORT_WEAK = 0.3

BLANK = "[ \u00a0\u2009\u202f]"
NUMBER = re.compile(
    rf"(?<![\w.,])[-−]?(?:\d{{1,3}}(?:{BLANK}\d{{3}})+|\d{{1,3}}(?:[.]\d{{3}})+(?=,\d)"
    rf"|\d{{1,3}}(?:,\d{{3}})+(?=[.]\d)|\d+)(?:[.,]\d+)*"
)
UNIT = re.compile(
    r"\s?(?P<unit>%|‰|°\s?C|€(?:\s?HT)?(?:/\s?\w+)?|"
    r"(?:[kMGT]?(?:Wh|W|J|Pa|VA)|[kMGT]?(?:t|g)(?:\s?(?:éq\.?|eq\.?))?\s?(?:CO2e?|CO₂e?)?"
    r"(?:\s?(?:éq\.?|eq\.?|e))?|bars?|[mck]?m[23²³]?|Nm[3³]|ans?|années?|mois|jours?|heures?|h|"
    r"minutes?|min|s|tonnes?|k€|M€|euros?|points?|TRL|ppm|dB)(?:/\s?(?:[\w²³]+))?)(?![\w])"
)
SYMBOLS = {
    "tonnes": "t", "tonne": "t", "euros": "€", "euro": "€", "années": "an", "année": "an",
    "ans": "an", "jours": "j", "jour": "j", "heures": "h", "heure": "h", "minutes": "min",
    "minute": "min", "bars": "bar", "points": "point",
}  # fmt: skip
# (dimension, factor to its base unit)
SCALES: dict[str, tuple[str, Decimal]] = {
    "Wh": ("Wh", Decimal(1)), "kWh": ("Wh", Decimal(1000)), "MWh": ("Wh", Decimal(10**6)),
    "GWh": ("Wh", Decimal(10**9)), "TWh": ("Wh", Decimal(10**12)),
    "W": ("W", Decimal(1)), "kW": ("W", Decimal(1000)), "MW": ("W", Decimal(10**6)),
    "GW": ("W", Decimal(10**9)),
    "g": ("g", Decimal(1)), "kg": ("g", Decimal(1000)), "t": ("g", Decimal(10**6)),
    "kt": ("g", Decimal(10**9)), "Mt": ("g", Decimal(10**12)),
    "€": ("€", Decimal(1)), "k€": ("€", Decimal(1000)), "M€": ("€", Decimal(10**6)),
    "an": ("mois", Decimal(12)), "mois": ("mois", Decimal(1)),
    "h": ("min", Decimal(60)), "min": ("min", Decimal(1)),
}  # fmt: skip


@dataclass(frozen=True)
class Quantity:
    """A number as written, its possible readings, and its unit in one spelling ("" if none)."""

    written: str
    readings: frozenset[Decimal]
    unit: str


@dataclass(frozen=True)
class Verdict:
    """The outcome for one statement: verified, weak or broken, and why (codes with details)."""

    verdict: str
    reasons: tuple[tuple[str, str], ...] = ()
    support: float = 1.0


def verify(statement: str, passages: Sequence[str]) -> Verdict:
    """Judge a statement by the texts of the passages it cites."""
    if not passages:
        return Verdict(BROKEN, (("no_source", ""),), 0.0)
    missing = missing_quantities(statement, passages)
    if missing:
        return Verdict(BROKEN, tuple(("number_not_found", q.written) for q in missing), 0.0)
    share = max(support(statement, p) for p in (*passages, "\n".join(passages)))
    if share >= SUPPORT_VERIFIED:
        return Verdict(VERIFIED, (), share)
    reason = (("few_words_in_common", f"{share:.0%}"),)
    return Verdict(WEAK if share >= SUPPORT_WEAK else BROKEN, reason, share)


def support(statement: str, passage: str) -> float:
    """Return the share of the statement's meaning-bearing stems that the passage holds."""
    wanted = set(stems(statement))
    if not wanted:
        return 1.0 if fold(statement) in fold(passage) else 0.0
    return len(wanted & set(stems(passage))) / len(wanted)


def missing_quantities(statement: str, passages: Iterable[str]) -> list[Quantity]:
    """Return the quantities of the statement that no passage holds."""
    held = [q for passage in passages for q in quantities(passage)]
    return [q for q in quantities(statement) if not any(same(q, other) for other in held)]


def quantities(text: str) -> list[Quantity]:
    """Return the numbers of `text` with their units; a range's first number takes its unit."""
    found: list[Quantity] = []
    matches = list(NUMBER.finditer(text))
    for index, match in enumerate(matches):
        unit = read_unit(text, match.end())
        following = matches[index + 1] if index + 1 < len(matches) else None
        if not unit and following and is_range(text[match.end() : following.start()]):
            unit = read_unit(text, following.end())
        readings = read_number(match[0])
        if readings:
            found.append(Quantity(match[0], readings, unit))
    return found


def is_range(between: str) -> bool:
    return fold(between).strip() in {"a", "-", "–", "—", "et", "ou", "to"}


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
        if re.search(r"[.,]\d{3}$", digits):
            forms.add(re.sub(r"[.,]", "", digits))
    values: set[Decimal] = set()
    for form in forms:
        try:
            values.add(Decimal(form).normalize())
        except InvalidOperation:
            continue
    return frozenset(values)


def read_unit(text: str, end: int) -> str:
    """Return the unit that follows position `end`, in one spelling; "" if there is none."""
    match = UNIT.match(text, end)
    if not match:
        return ""
    unit = re.sub(r"\s", "", match["unit"]).replace("²", "2").replace("³", "3")
    unit = unit.replace("₂", "2").replace("éq.", "e").replace("éq", "e").replace("eq", "e")
    unit = unit.replace("HT", "").replace("eCO2", "CO2e")
    head, slash, per = unit.partition("/")
    return SYMBOLS.get(head, head) + (slash + SYMBOLS.get(per, per) if slash else "")


def same(wanted: Quantity, held: Quantity) -> bool:
    """Tell whether the passage's quantity is the statement's, in its unit or a multiple of it."""
    if not wanted.unit or wanted.unit == held.unit:
        return bool(wanted.readings & held.readings)
    scaled_wanted, scaled_held = scaled(wanted), scaled(held)
    if scaled_wanted and scaled_held and scaled_wanted[0] == scaled_held[0]:
        return bool(scaled_wanted[1] & scaled_held[1])
    # A table names its unit once, in the head of the column, away from the number.
    return not held.unit and bool(wanted.readings & held.readings)


def scaled(quantity: Quantity) -> tuple[str, frozenset[Decimal]] | None:
    """Return (dimension, values in its base unit); None for a unit without multiples."""
    head, slash, rest = quantity.unit.partition("/")
    symbol, gas = (
        (head[: head.index("CO2")], head[head.index("CO2") :])
        if "CO2" in head
        else (
            head,
            "",
        )
    )
    if symbol not in SCALES:
        return None
    dimension, factor = SCALES[symbol]
    values = frozenset((r * factor).normalize() for r in quantity.readings)
    return dimension + gas + slash + rest, values
