"""Parse units as the field writes them: "kWhep/m².an", "€ HT/MWh", "kgéqCO2". Pure.

The spellings are in `units.toml`. A unit is a dimension with its factor, qualifiers that make
kinds of their own (HT, PCI, ep, CO2e), and what it is divided by.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

BLANK = "[ \u00a0\u2009\u202f]"
INDICES = str.maketrans({"²": "2", "³": "3", "₂": "2"})
"""Raised and lowered digits of units and formulas; other raised digits are exponents."""

Spelling = tuple[str, Fraction]  # the dimension and the factor to its base unit

GAS = re.compile(
    rf"{BLANK}?(?:[-‐]{BLANK}?)?(?:(?:d[e’']|of){BLANK}?)?"
    rf"(?P<before>[ée]q(?:uivalents?|uiv\.?|\.)?{BLANK}?[-‐]?(?:(?:en|de){BLANK})?)?(?P<co2>[Cc][Oo]2)"
    rf"(?P<after>{BLANK}?(?:-{BLANK}?)?(?:\(?[ée]q(?:uivalents?|uiv\.?|u|\.)?(?![^\W\d_])\)?|e(?![^\W\d_])))?"
)
"""What makes a mass one of CO₂, or of CO₂ equivalent."""

KINDS = {
    "Wh": {
        "ep": "ep", "EP": "ep", "ef": "ef", "EF": "ef", "PCI": "PCI", "pci": "PCI", "PCS": "PCS",
        "pcs": "PCS", "cumac": "cumac", "th": "th", "e": "e", "é": "e", "utiles": "u", "utile": "u",
        "thermiques": "th", "thermique": "th", "électriques": "e", "électrique": "e",
        "d'énergie primaire": "ep", "d’énergie primaire": "ep", "d'énergie finale": "ef",
        "d’énergie finale": "ef", "énergie primaire": "ep", "énergie finale": "ef",
    },
    "W": {
        "th": "th", "e": "e", "él": "e", "thermiques": "th", "thermique": "th",
        "électriques": "e", "électrique": "e", "f": "f",
    },
    "€": {
        "HT": "HT", "H.T.": "HT", "ht": "HT", "TTC": "TTC", "ttc": "TTC", "T.T.C.": "TTC",
        "hors taxes": "HT", "hors taxe": "HT", "toutes taxes comprises": "TTC",
    },
}  # fmt: skip
"""Qualifiers of each dimension: as written, and the kind that they make."""

CLASHES = tuple(
    frozenset(kinds.split()) for kinds in ("ep ef", "PCI PCS", "th e", "HT TTC", "CO2 CO2e")
)
"""Kinds that never equal each other."""

FLOWS = frozenset({"m3", "Nm3", "m", "g"})


@dataclass(frozen=True)
class Measure:
    """A parsed unit; `gas` is "CO2", "CO2e" or "", `per` the dimensions that divide it.

    A year, or any time that divides what is no flow, is left out of `per`: « par an » gives the
    period of a total and is often left unsaid. Where it is said, `period` has its kind and length.
    """

    dimension: str
    factor: Fraction
    gas: str = ""
    per: str = ""
    per_factor: Fraction = Fraction(1)
    kinds: frozenset[str] = frozenset()
    period: Spelling | None = None

    @property
    def all_kinds(self) -> frozenset[str]:
        """Return the qualifiers, the gas included."""
        return self.kinds | {self.gas} if self.gas else self.kinds

    def clashes(self, other: Measure) -> bool:
        """Tell whether both state kinds, or periods, that never equal each other: HT and TTC."""
        if self.period and other.period and self.period != other.period:
            return True
        return any(
            self.all_kinds & pair and other.all_kinds & pair
            and self.all_kinds & pair != other.all_kinds & pair
            for pair in CLASHES
        )  # fmt: skip


@dataclass(frozen=True)
class _Table:
    spellings: dict[str, Spelling]
    pattern: re.Pattern[str]


@lru_cache(maxsize=1)
def _load() -> _Table:
    """Return all spellings, and a pattern that matches the longest one at a place."""
    data = tomllib.loads((Path(__file__).parent / "units.toml").read_text("utf-8"))
    prefixes = data.pop("prefixes")
    symbols: dict[str, Spelling] = {}
    words: dict[str, Spelling] = {}
    for dimension, unit in data.items():
        for base, factor in unit.get("prefixed", {}).items():
            for prefix, power in prefixes.items():
                symbols[prefix + base] = dimension, _number(power) * _number(factor)
        for symbol, factor in unit.get("symbols", {}).items():
            symbols[symbol] = dimension, _number(factor)
        for word, factor in unit.get("words", {}).items():
            for form in _forms(word):
                words[form] = dimension, _number(factor)
    symbol = "|".join(re.escape(s) for s in sorted(symbols, key=len, reverse=True))
    noun = "|".join(re.escape(w).replace(r"\ ", BLANK) for w in sorted(words, key=len)[::-1])
    suffix = "|".join(sorted({k for kinds in ("Wh", "W") for k in KINDS[kinds]}, key=len)[::-1])
    gas = r"[ée]q|CO2|co2"
    pattern = re.compile(
        rf"(?P<noun>(?i:{noun})(?!\w))"
        rf"|(?P<symbol>{symbol})(?=(?:{suffix}|{gas})(?!\w)|{gas}|HT|TTC|[^\w²³’']|[’'](?!\w)|$)"
    )
    return _Table(symbols | words, pattern)


def _number(written: str) -> Fraction:
    top, _, bottom = written.partition("/")
    return Fraction(top) / Fraction(bottom or 1)


def _forms(word: str) -> set[str]:
    """Return a word in singular and plural: "mètre linéaire", "mètres linéaires"."""
    plural = word if word.endswith("s") else " ".join(f"{part}s" for part in word.split())
    plain = {"pour cent", "pour mille", "percent"}
    return {word} if word in plain else {word, plural, f"{word}s" if word[-1] != "s" else word}


def read_measure(text: str, at: int) -> tuple[Measure | None, int]:
    """Return the unit at offset `at` and its end; (None, at) if there is none.

    `text` has its indices as plain digits (`INDICES`).
    """
    found = _atom(text, _skip_blank(text, at))
    if found is None:
        return None, at
    (dimension, factor), end = found
    end, kinds, gas = _qualifiers(text, end, dimension)
    per: list[str] = []
    per_factor = Fraction(1)
    period: Spelling | None = None
    while (divisor := _divisor(text, end, dimension, first=not per)) is not None:
        name, its_factor, end = divisor
        if name == "mois" or (name == "s" and dimension not in FLOWS):
            per.append("")
            period = name, its_factor
            continue
        per.append(name)
        per_factor *= its_factor
        end, more, _ = _qualifiers(text, end, dimension)
        kinds |= more
    name = ".".join(sorted(filter(None, per)))
    return Measure(dimension, factor, gas, name, per_factor, frozenset(kinds), period), end


def _skip_blank(text: str, at: int) -> int:
    return at + 1 if text[at : at + 1] in {" ", "\u00a0", "\u2009", "\u202f"} else at


def _atom(text: str, at: int) -> tuple[Spelling, int] | None:
    table = _load()
    match = table.pattern.match(text, at)
    if match is None:
        return None
    written = re.sub(BLANK, " ", match[0])
    found = table.spellings.get(written) or table.spellings.get(written.lower())
    return (found, match.end()) if found else None


def _qualifiers(text: str, at: int, dimension: str) -> tuple[int, set[str], str]:
    """Read the kinds after a unit; return the end, the kinds and the gas."""
    kinds: set[str] = set()
    gas = ""
    if dimension == "g" and (match := GAS.match(text, at)):
        gas = "CO2e" if match["before"] or match["after"] else "CO2"
        at = match.end()
    known = KINDS.get(dimension, {})
    while known:
        start = _skip_blank(text, at)
        opened = text[start : start + 1] == "("
        start += opened
        written = next(
            (
                w
                for w in sorted(known, key=len, reverse=True)
                if text.startswith(w, start) and not _goes_on(text, start + len(w))
                and (len(w) > 2 or start == at or w.isupper())
            ),
            None,
        )  # fmt: skip
        if written is None:
            break
        at = start + len(written)
        if opened and text[at : at + 1] == ")":
            at += 1
        kinds.add(known[written])
    return at, kinds, gas


def _goes_on(text: str, at: int) -> bool:
    return text[at : at + 1].isalpha()


_SLASH = re.compile(rf"{BLANK}?/{BLANK}?|{BLANK}(?:par|per|au){BLANK}")
_TIMES = re.compile(r"[.·*×-]")
_NOUN = re.compile(r"[^\W\d_]{2,}")
_NO_DIVISORS = frozenset(
    "rapport exemple ailleurs contre suite défaut ce cet cette ces la le les un une des son sa ses "
    "leur leurs".split()
)
"""Words after « par » that divide nothing: « une hausse de 3 kW par rapport à 2019 »."""


def _divisor(text: str, at: int, divided: str, *, first: bool) -> tuple[str, Fraction, int] | None:
    """Read one divisor: its dimension or noun, its factor, its end."""
    match = _SLASH.match(text, at)
    if match is None and not first:
        match = _TIMES.match(text, at)  # "kWh/m².an"
    if match is None:
        return None
    start = match.end()
    if text[start : start + 1] == "(":
        start += 1
    if found := _atom(text, start):
        (dimension, factor), end = found
        gas = GAS.match(text, end) if dimension == "g" else None
        if gas:
            end = gas.end()
            dimension += "CO2e" if gas["before"] or gas["after"] else "CO2"
        return dimension, factor, end
    if divided == "%" or match[0].strip() == "au":  # « 35 % au minimum », « 5 % par commune »
        return None
    if (noun := _NOUN.match(text, start)) and match[0] not in {".", "-"}:
        word = noun[0].lower()
        if word in _NO_DIVISORS:
            return None
        return word.rstrip("s") or word, Fraction(1), noun.end()
    return None
