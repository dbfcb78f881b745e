"""Repair text extracted from files, mainly PDFs: characters, bullets, hyphens, words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from wikico2.text.normalize import LANGUAGE_WORDS

CUT = "\x02"
"""At the end of a line, stands for a hyphen that either splits a word or belongs to it."""

_LIGATURES = {
    "ﬀ": "ff",
    "ﬁ": "fi",
    "ﬂ": "fl",
    "ﬃ": "ffi",
    "ﬄ": "ffl",
    "ﬅ": "st",
    "ﬆ": "st",
}
_SPACES = "\t\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_LINE_ENDS = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_INVISIBLE = (
    "\xad\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\ufff9\ufffa\ufffb"  # soft hyphen, zero widths
    "\u200d\ufe0e\ufe0f"  # joiner and variants of pictographs
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # direction overrides
)


def _repair_table() -> dict[int, str | None]:
    table: dict[int, str | None] = dict.fromkeys((*range(32), *range(0x7F, 0xA0)))
    table.update({ord(char): None for char in _INVISIBLE})
    table.update({ord(char): " " for char in _SPACES})
    table.update({ord(char): "\n" for char in _LINE_ENDS})
    table.update(dict.fromkeys(range(0xFDD0, 0xFDF0)))  # noncharacters
    for plane in range(17):
        table[plane * 0x10000 + 0xFFFE] = table[plane * 0x10000 + 0xFFFF] = None
    table.update({ord(ligature): letters for ligature, letters in _LIGATURES.items()})
    mathematical = (*range(0x1D400, 0x1D800), *map(ord, "ℎℯℰℱℋℐℒℳℛℬ"))
    table.update({code: unicodedata.normalize("NFKC", chr(code)) for code in mathematical})
    table[ord("\n")] = "\n"
    table[ord("‐")] = "-"
    table[ord("‑")] = "-"
    return table


_REPAIRS = _repair_table()
_SURROGATES = re.compile("[\ud800-\udfff]")
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
_PRIVATE_BULLET = re.compile(
    "(?m)^([ ]*)[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd](?=[ ]|$)"
)
_MOJIBAKE = re.compile("[ÃÂâÅ][\x80-\xbfŒœŠšŸŽžƒˆ˜–—‘’‚“”„†‡•…‰‹›€™]")
_COMBINING = {
    "\xb4": "\u0301",
    "`": "\u0300",
    "\u02cb": "\u0300",
    "\u02ca": "\u0301",
    "\u02c6": "\u0302",
    "\xa8": "\u0308",
    "\u02dc": "\u0303",
    "\xb8": "\u0327",
}
_DOTTED = {"ı": "i", "ȷ": "j"}
_LOOSE_ACCENT = re.compile("[\xb4\u02ca\u02cb\u02c6\xa8\u02dc\xb8\u0300-\u036f]|(?<=[^\\W\\d_])`")
_ACCENT_BEFORE = re.compile(
    "(?:([\xb4\u02ca\u02cb\u02c6\xa8\u02dc\xb8])|(?<=[^\\W\\d_])(`)) ?([aeiouyncAEIOUYNCı])"
)
_ACCENT_APART = re.compile("([^\\W\\d_]) ([\u0300-\u0304\u0307\u0308\u030a\u030c\u0327])")
_MAC_LETTERS = re.compile(
    "(?<=[a-zA-Z’'Õ])[Ž\x8e\x8f\x90ˆ\x88™\x8d](?=[a-z ,.])|(?<![\\w])Ž(?=[a-z]{2})"
)
_MAC = str.maketrans(
    {
        "Ž": "é",
        "\x8e": "é",
        "\x8f": "è",
        "\x90": "ê",
        "ˆ": "à",
        "\x88": "à",
        "™": "ô",
        "\x8d": "ç",
        "\x9d": "ù",
        "ž": "û",
        "Õ": "’",
        "Ï": "œ",
        "Î": "Œ",
    }
)
_CORRECT_LETTERS = re.compile("[éèêàçùôîâ]")
_SYMBOLS = str.maketrans(
    {
        "\uf0b0": "°",
        "\uf0b1": "±",
        "\uf0b3": "≥",
        "\uf0a3": "≤",
        "\uf0b4": "×",
        "\uf0b8": "÷",
        "\uf0bb": "≈",
        "\uf0b9": "≠",
        "\uf06d": "µ",
        "\uf061": "α",
        "\uf062": "β",
        "\uf044": "Δ",
        "\uf057": "Ω",
        "\uf068": "η",
        "\uf065": "ε",
        "\uf06c": "λ",
        "\uf072": "ρ",
        "\uf0ae": "→",
        "\uf0e0": "→",
        "\uf0de": "⇒",
        "\uf0a5": "∞",
        "\uf053": "Σ",
    }
)
_RUN_OF_SPACES = re.compile(" {2,}")
_SPACE_AT_LINE_END = re.compile(r"(?<! ) ++(?=\n)|(?<=\n) +")
_LEADERS = re.compile(r"(?:\s?[.·_…]){5,}\s*")


def repair_text(text: str) -> str:
    """Return text safe for any database, model or browser: NFC, no control or private characters.

    Expands ligatures, combines accents drawn beside their letter, re-decodes UTF-8 read as another
    encoding, and replaces every kind of space with an ordinary one, a private-use character at the
    start of a line with a bullet, and characters of the Symbol font with their Unicode equivalent.
    Idempotent.
    """
    original, plain = text, text.isascii()
    if not plain:
        if _MOJIBAKE.search(text):
            text = _fix_encoding(text)
        text = _PRIVATE_BULLET.sub(r"\1•", text).translate(_SYMBOLS)
        text = _combine_accents(text)
    text = text.replace("\r\n", "\n").translate(_REPAIRS)
    if not plain:
        text = _PRIVATE.sub("", _SURROGATES.sub("", text))
        text = unicodedata.normalize("NFC", text)
    if "  " in text:
        text = _RUN_OF_SPACES.sub(" ", text)
    if "\n" in text:
        text = _SPACE_AT_LINE_END.sub("", text)
    text = text.strip(" ")
    if plain or text == original:
        return text
    # Removing characters may have joined others into a new wrongly decoded sequence.
    return repair_text(text) if _MOJIBAKE.search(text) or _LOOSE_ACCENT.search(text) else text


def _fix_encoding(text: str) -> str:
    """Re-decode UTF-8 that was read as Windows-1252 or similar, where that is certain."""
    from ftfy import fix_encoding  # imported late: few texts need it

    return fix_encoding(text)


def _combine_accents(text: str) -> str:
    """Combine accents drawn as separate characters with their letters."""
    if _LOOSE_ACCENT.search(text):
        text = _ACCENT_BEFORE.sub(
            lambda m: unicodedata.normalize(
                "NFC", _DOTTED.get(m[3], m[3]) + _COMBINING[m[1] or m[2]]
            ),
            text,
        )
        text = _ACCENT_APART.sub(r"\1\2", text)
    return text


def repair_mac_accents(text: str) -> str:
    """Re-decode a page in Mac Roman that was read as Windows-1252.

    « Žnergie » becomes « énergie ». The length does not change. A page is changed only if such
    letters occur inside its words, and more often than correct ones.
    """
    wrong = len(_MAC_LETTERS.findall(text))
    if wrong < 3 or wrong <= len(_CORRECT_LETTERS.findall(text)):
        return text
    return text.translate(_MAC)


def shorten_leaders(text: str) -> str:
    """Replace the dot leaders between a title and its page number with one ellipsis."""
    return _LEADERS.sub(" … ", text).strip() if "...." in text or ". . ." in text else text


def _word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


MAX_WORD = 80
"""Characters in which the last word of a line is looked for."""

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_CUT_END = re.compile(f"{CUT}$|(?<=\\w)-$")
_LAST_WORD = re.compile(r"(?<![^\W\d_])(?<![^\W\d_]-)[^\W\d_]+(?:-[^\W\d_]+)*$")

_HYPHEN_AFTER = _word_set(
    """
    après arrière avant celle celles celui ceux demi non quasi quatre rez saint sainte semi
    sous vice
    """
)
"""Words that a hyphen joins to nearly any word after them."""

_NO_HYPHEN_AFTER = {
    "avant": re.compile("ag"),
    "éco": re.compile("cid|le|li|log|nom|p|sph|sys|ton|tox|typ"),
    "non": re.compile("ante|obst|chal"),
    "quasi": re.compile("ment$"),
    "semi": re.compile("na"),
    "sous": re.compile("cri|sign|trair|trac|tray"),
}
"""Ends of words that only begin like a word with a hyphen: avantage, économie, souscrire."""

_HYPHEN_BEFORE_KNOWN = _word_set(
    """
    anti au auto bas basse contre court entre ex extra grand grande haut haute hautes hauts hors
    long longue macro maxi mi micro mini moins multi par peut plus post presque self socio soi sur
    """
)
"""Beginnings that a hyphen joins to a word of the document, and that are syllables otherwise."""

_HYPHEN_BEFORE = _word_set(
    """
    ce ci delà dessous dessus dire elle elles en il ils je la le les leur lui là même mêmes nous on
    t tu unes uns vis vous y être œuvre
    """
)


def count_words(lines: Iterable[str]) -> Counter[str]:
    """Count the words of a document, leaving out those split at the end of a line."""
    words: Counter[str] = Counter()
    damaged = False
    for line in lines:
        found = _WORD.findall(line.lower())
        if damaged and found:
            del found[0]
        damaged = line.endswith((CUT, "-"))
        if damaged and found:
            del found[-1]
        words.update(found)
    return words


def join_cut(left: str, right: str, words: Mapping[str, int]) -> str:
    """Join two lines, the first of which ended with a hyphen that has been removed.

    The word is joined (flexi|bilité) or keeps its hyphen (sous|station), whichever is more frequent
    in `words`, the word counts of the document; a rule decides when neither is.
    """
    head, tail = _LAST_WORD.search(left[-MAX_WORD:]), _WORD.match(right)
    if head is None or tail is None or not tail.group()[0].islower():
        return f"{left}-{right}"
    first, second = head.group().lower(), tail.group().lower()
    joined, hyphenated = words.get(first + second, 0), words.get(f"{first}-{second}", 0)
    keep = hyphenated > joined
    if hyphenated == joined:
        keep = _hyphen_by_rule(first, second, words)
    return f"{left}-{right}" if keep else left + right


def _hyphen_by_rule(first: str, second: str, words: Mapping[str, int]) -> bool:
    if "-" in first or second.split("-")[0] in _HYPHEN_BEFORE:
        return True
    if first in _HYPHEN_AFTER or first == "éco":
        only_begins = _NO_HYPHEN_AFTER.get(first)
        return only_begins is None or only_begins.match(second) is None
    known = any(word in words for word in (second, f"{second}s", second.removesuffix("s")))
    if first in _HYPHEN_BEFORE_KNOWN:
        return known and len(second) > 2
    return len(first) > 3 and len(second) > 4 and first in words and second in words


def join_lines(lines: Iterable[str], words: Mapping[str, int]) -> str:
    """Join the lines of a paragraph, deciding for each hyphen at a line end whether to keep it."""
    joined = ""
    for line in lines:
        if _CUT_END.search(joined[-2:]):
            joined = join_cut(joined[:-1], line, words)
        else:
            joined = f"{joined} {line}" if joined else line
    return joined[:-1] + "-" if joined.endswith(CUT) else joined


def detect_language(text: str) -> str:
    """Return `fr` or `en` if the stop words clearly indicate one, else `""`."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    counts = {
        language: sum(word in stops for word in words) for language, stops in LANGUAGE_WORDS.items()
    }
    language = max(counts, key=lambda name: counts[name])
    others = sum(counts.values()) - counts[language]
    clear = counts[language] >= max(3, 0.05 * len(words)) and counts[language] > 2 * others
    return language if clear else ""
