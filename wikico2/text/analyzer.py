"""Analyze text into the lexemes that search matches, whatever the spelling. Pure.

Texts and queries are analyzed by the same function. « Récupérations » and « recuperation » give the
same lexeme, and so do « sous-station » and « sousstation », « CO₂ », « CO 2 » and « co2 »,
« t éq. CO2 » and « tCO2e », « kWh/m² » and « kWh par m2 », « 12 000 » and « 12000 », « 10⁶ » and
« 10^6 », « m² » and « m^2 »; « d’énergie » gives that of « énergie ».
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from wikico2.text.normalize import STOP_WORDS, fold_text, stem_word

MAX_POSITION = 16_383
MAX_POSITIONS = 255
MAX_LEXEME = 60
"""Limits of a tsvector: the last position, the positions of one lexeme; and our limit on the length
of a lexeme, longer than any real word."""

# Each sign is replaced by one character, so that positions in the text stay valid.
_SIGNS = dict(
    zip(
        "₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹’ʼ‘`´‐‑‒–−\u00a0\u202f\u2009\t\n\r",
        "01234567890123456789'''''-----      ",
        strict=True,
    )
)
_SIGN = re.compile(f"[{''.join(_SIGNS)}]")
# Endings of nouns and of the adjective or verb that they derive from: (ending, replacement, fewest
# letters before it). Not all of -age: « personnage » is not « personne ».
NOUNS = (
    ("abilite", "able", 3),
    ("ibilite", "ible", 3),
    ("ivite", "if", 3),
    ("icite", "ique", 3),
    ("ffage", "ffer", 2),
    ("yage", "yer", 2),
    ("ckage", "cker", 2),
    ("chage", "cher", 1),
    ("ptage", "pter", 1),
    ("fugeage", "fuger", 1),
    ("rrage", "rrer", 1),
    ("irage", "irer", 2),
    ("lotage", "loter", 1),
)

_START, _END = r"(?<![^\W_])", r"(?![^\W_])"
_EQ = r"[ée]q(?:uiv(?:alente?s?)?)?\.?"
_MASS = r"(?:(?:[kmg]?t|k?g|tonnes?|kilogrammes?|grammes?)(?: *d' ?| +de +|[ -]*))?"
_AMOUNT = r"(?:[kmgt]?wh|[kmg]?w|[mg]j|n?m\^?3|m\^?2|[km]?€|eur|k?g|t|l|tep)"
_PER = r"(?:m\^?2|m\^?3|[km]?wh|[km]?w|kg|tonne|t|an|h|l|km)"


def _contains(*parts: str) -> Callable[[str], bool]:
    return lambda text: any(part in text for part in parts)


# Forms of more than a word: (kind, quick test, pattern). They are searched in lower case, in this
# order; the text that one has matched is blanked for the next ones.
FORMS = tuple(
    (kind, may_occur, re.compile(f"{start}(?:{form}){_END}"))
    for kind, may_occur, start, form in (
        ("carbon", _contains("co2", "co 2"), _START, f"{_MASS}{_EQ}[ -]*(?:en +|de +)?co ?2"),
        ("carbon", _contains("co2", "co 2"), _START, f"{_MASS}co ?2(?:[ -]*{_EQ}|-?[ée])?"),
        (
            "fraction",
            _contains("/", " par "),
            r"(?<![^\W_€])",
            rf"{_AMOUNT}(?: ?/ ?| par )\(?{_PER}",
        ),
        ("power", _contains("^"), _START, r"(?:10|n?m|[ckdm]m) ?\^ ?\d{1,2}"),
        (
            "formula",
            _contains("h4", "h 4", "h3", "h 3", "f6", "f 6", "f3", "f 3", "n2", "n 2", "h2", "h 2"),
            _START,
            r"ch ?4|nh ?3|sf ?6|nf ?3|n ?2 ?o|h ?2 ?o",
        ),
        ("formula", re.compile(r"r \d").search, _START, r"r \d{2,4}[a-z]{0,2}"),
        ("money", _contains("€"), "", "[km]?€"),
        (
            "dotted",
            re.compile(r"\.[^\W\d_]\.").search,
            _START,
            r"(?:[^\W\d_]\.){2,}[^\W\d_]?",
        ),
        ("pair", _contains("&"), _START, r"[^\W_\d]{1,4}&[^\W_\d]{1,4}"),
        (
            "number",
            re.compile(r"\d[ .,]\d").search,
            _START,
            r"\d{1,3}(?: \d{3})+(?:[.,]\d+)?|\d+[.,]\d+",
        ),
    )
)
BEGINNING = 3
"""How many first letters a word and its lexeme have in common."""
WORD = re.compile(r"[^\W_]+(?:[-\xad]+[^\W_]+)*")


class Term(NamedTuple):
    """A span of a text and its lexemes, the most specific first."""

    start: int
    end: int
    lexemes: tuple[str, ...]


def compose_accents(text: str) -> str:
    """Return the text with composed accents (NFC), as `extract_terms` requires."""
    return text if text.isascii() else unicodedata.normalize("NFC", text).replace("İ", "I")


def extract_terms(text: str, among: Collection[str] | None = None) -> Iterator[Term]:
    """Yield the terms of a composed text in order, without stop words.

    The parts of a compound follow it as terms of their own. With `among`, words that cannot have
    one of these lexemes are skipped, by their first letters, which no inflection changes.
    """
    beginnings = None if among is None else {lexeme[:BEGINNING] for lexeme in among}
    plain = _SIGN.sub(lambda match: _SIGNS[match[0]], text).lower()
    forms: list[tuple[int, str, str]] = []
    for kind, may_occur, form in FORMS:
        if may_occur(plain):
            found = [(match.start(), kind, match[0]) for match in form.finditer(plain)]
            for start, _kind, token in found:
                plain = plain[:start] + " " * len(token) + plain[start + len(token) :]
            forms += found
    words = WORD if beginnings is None else _pattern_of_words({b[:1] for b in beginnings})
    tokens = [
        (match.start(), "word", match[0])
        for match in words.finditer(plain)
        if beginnings is None
        or _word_beginning(match[0][: 2 * BEGINNING]) in beginnings
        or "-" in match[0]
    ]
    if forms:
        tokens = sorted(tokens + forms)
    for at, kind, token in tokens:
        for start, end, lexemes in _read_token(kind, token):
            yield Term(at + start, at + end, lexemes)


def _pattern_of_words(letters: Collection[str]) -> re.Pattern[str]:
    """Return a pattern of compounds, and of words that may begin with one of the letters."""
    return _word_pattern("".join(sorted(letter for letter in letters if letter.isascii())))


@functools.lru_cache(maxsize=256)
def _word_pattern(letters: str) -> re.Pattern[str]:
    more = r"(?:[-\xad]+[^\W_]+)"
    return re.compile(
        rf"(?<![^\W_])(?:(?=[{letters}\x80-\U0010ffff])[^\W_]+{more}*|[^\W_]+{more}+)"
    )


@functools.lru_cache(maxsize=10_000)
def _word_beginning(token: str) -> str:
    return fold_text(token.replace("\xad", ""))[:BEGINNING]


@functools.lru_cache(maxsize=50_000)
def _read_token(kind: str, token: str) -> tuple[tuple[int, int, tuple[str, ...]], ...]:
    """Return (start, end, lexemes) within one token of the text."""
    if kind == "word":
        if "-" in token:
            return _compound(token, "-")
        lexeme = lexeme_of(token)
        return ((0, len(token), (lexeme,)),) if lexeme else ()
    if kind == "pair":
        return _compound(token, "&")
    if kind == "fraction":
        return _fraction(token)
    flat = fold_text(token).replace(" ", "")
    if kind == "carbon":
        return ((0, len(token), _carbon(flat)),)
    signs = {"number": (",", "."), "money": ("€", "eur"), "power": ("^", "")}.get(kind, (".", ""))
    return ((0, len(token), (flat.replace(*signs),)),)


def lexeme_of(word: str) -> str:
    """Return the lexeme of a single word; "" for a stop word."""
    folded = fold_text(word.replace("\xad", ""))
    if folded in STOP_WORDS or (len(folded) == 1 and not folded.isdigit()):
        return ""
    return root_of(folded)[:MAX_LEXEME]


@functools.lru_cache(maxsize=50_000)
def root_of(folded: str) -> str:
    """Return a folded word without its plural and then without its ending."""
    if not folded.isalpha():
        return folded
    if folded in ("euro", "euros"):
        return "eur"
    singular = _singular(folded)
    for ending, shorter, kept in NOUNS:
        if singular.endswith(ending) and len(singular) - len(ending) >= kept:
            return stem_word(singular[: -len(ending)] + shorter)
    return stem_word(singular)


def _singular(word: str) -> str:
    if word.endswith("eaux"):
        return word[:-1]
    if len(word) > 5 and word.endswith("aux"):
        return word[:-3] + "al"
    if len(word) > 4 and word.endswith("au") and word[-3] not in "e":
        return word[:-2] + "al"
    if len(word) > 3 and word[-1] in "sx" and word[-2] not in "su":
        return word[:-1]
    return word


def _carbon(flat: str) -> tuple[str, ...]:
    """Return the lexemes of an amount of CO₂ or of CO₂ equivalent."""
    head, _, tail = flat.partition("co2")
    mass = re.match(r"(?:[kmg]?t(?!onn)|kg|kilogr|gr|g|tonn)?", head)
    unit = {"tonn": "t", "kilogr": "kg", "gr": "g"}.get(mass[0], mass[0]) if mass else ""
    if tail or "eq" in head:
        return (f"{unit}co2e", "co2e", "co2") if unit else ("co2e", "co2")
    return (f"{unit}co2", "co2") if unit else ("co2",)


def _fraction(token: str) -> tuple[tuple[int, int, tuple[str, ...]], ...]:
    """Return the lexemes of a ratio of units: the ratio and its parts."""
    match = re.match(r"(\S+?)(?: ?/ ?| par )\(?([\w^]+)$", token)
    assert match  # guaranteed by the pattern of the token
    parts = (part.replace("^", "").replace("€", "eur") for part in match.groups())
    above, below = map(fold_text, parts)
    below = "t" if below == "tonne" else below
    return (
        (match.start(1), match.end(1), (f"{above}/{below}", above)),
        (match.start(2), match.end(2), (below,)),
    )


def _compound(token: str, sign: str) -> tuple[tuple[int, int, tuple[str, ...]], ...]:
    """Return the lexemes of « sous-station »: joined, and its parts except stop words."""
    found: list[tuple[int, int, tuple[str, ...]]] = []
    parts = [(m.start(), m.end(), lexeme_of(m[0])) for m in re.finditer(f"[^{sign}]+", token)]
    meaningful = [part for part in parts if part[2]]
    if not meaningful and sign == "-":
        return ()
    joined = fold_text(token.replace(sign, ""))
    if not joined.isdigit():
        first = meaningful[0][2] if meaningful and meaningful[0][0] == 0 else ""
        found.append((0, len(token), (root_of(joined)[:MAX_LEXEME], *filter(None, [first]))))
    for start, end, lexeme in meaningful:
        if start or not found:
            found.append((start, end, (lexeme,)))
    return tuple(found)


def main_lexemes(text: str) -> tuple[str, ...]:
    """Return the most specific lexeme of each term; of a compound only the joined one."""
    found: list[str] = []
    end = -1
    for term in extract_terms(compose_accents(text)):
        if term.start >= end:
            found.append(term.lexemes[0])
            end = term.end
    return tuple(found)


# --- For PostgreSQL -----------------------------------------------------------------------------


def build_tsvector(parts: Iterable[tuple[str, str]]) -> str:
    """Return the tsvector literal of (text, label) pairs; labels are A, B, C or D.

    A gap of positions between two texts keeps phrases from spanning them.
    """
    positions: dict[str, list[str]] = {}
    position = 0
    for text, label in parts:
        mark = "" if label == "D" else label
        last = -1
        for start, _end, lexemes in extract_terms(compose_accents(text)):
            if start != last:
                position = min(position + 1, MAX_POSITION)
            last = start
            for lexeme in lexemes:
                places = positions.setdefault(lexeme, [])
                if len(places) < MAX_POSITIONS:
                    places.append(f"{position}{mark}")
        position = min(position + 10, MAX_POSITION)
    return " ".join(f"{quote_lexeme(lexeme)}:{','.join(at)}" for lexeme, at in positions.items())


def quote_lexeme(lexeme: str) -> str:
    """Return a lexeme quoted for a tsvector or a tsquery."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def phrase_query(text: str) -> str:
    """Return the tsquery that matches the words of `text` as a phrase."""
    found: list[tuple[int, str]] = []
    position, last = 0, -1
    for term in extract_terms(compose_accents(text)):
        position += term.start != last
        last = term.start
        if not found or found[-1][0] != position:
            found.append((position, term.lexemes[0]))
    return " <-> ".join(quote_lexeme(lexeme) for _position, lexeme in found)
