"""Detect text garbled by a broken font or by bad OCR."""

from __future__ import annotations

import re

MIN_PAIRS = 100
"""Pairs of letters below which a text is too short to be judged."""

MIN_COMMON_SHARE = 0.6
"""Share of common letter pairs below which a text is garbled: see docs/reading.md."""

MAX_UNKNOWN_SHARE = 0.25
"""Share of characters without meaning (private, control, U+FFFD) above which a text is garbled."""

# The pairs of letters that make up most of French and of English, accents taken off.
_COMMON_PAIRS = frozenset(
    "es le de en re nt on er te el an se it la ti et ou ne ra me in ai is co qu ur ie us ns nd un "
    "si em ce al pa ue ar ro ta st ri ss at as tr ut om eu il io ve po ec oi pr ma di ui to ir or "
    "so au do ch li sa su ca da lu vi ac id na pe mi no lo ge du av im ni ll pl mp rt rs rm th he "
    "ha nc ct ea ed hi ng of ot sh ow wa ho wh ic ev bi be bl ab fi fo fa gr ag gi ig ep op ap ef "
    "ff ul um ts lt ry ly ty ay ey em mm nn tt pp rr cc ne ga go gn vo va iv ex xi ux eq du br cr "
    "dr fr ju jo je tu ob od oc os ol og ov am ad if eg et us ld ls rc rd rg rv sc sp sm sq "
    "ys".split()
)
_LETTERS = re.compile(r"[a-z]{2,}")
_UNACCENTED = str.maketrans("àâäéèêëîïôöùûüçœæÿñ", "aaaeeeeiioouuucoayn")
_UNKNOWN = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f\x7f-\x9f]")


def is_garbled(text: str, lost: int = 0) -> bool:
    """Tell whether the characters of a page do not form words of French or English.

    `lost` is the number of characters that a repair has dropped. Their share counts for any text;
    letter pairs are not judged in text that is short, mostly digits or in another alphabet.
    """
    signs = len("".join(text.split())) + lost
    if signs >= MIN_PAIRS and len(_UNKNOWN.findall(text)) + lost > MAX_UNKNOWN_SHARE * signs:
        return True
    share = common_pair_share(text)
    return share is not None and share < MIN_COMMON_SHARE


def common_pair_share(text: str) -> float | None:
    """Return the share of letter pairs that are common; None if there are too few to judge."""
    words = _LETTERS.findall(text.lower().translate(_UNACCENTED))
    pairs = [word[i : i + 2] for word in words for i in range(len(word) - 1)]
    letters = sum(map(len, words))
    if len(pairs) < MIN_PAIRS or letters < 0.3 * len("".join(text.split())):
        return None
    return sum(pair in _COMMON_PAIRS for pair in pairs) / len(pairs)
