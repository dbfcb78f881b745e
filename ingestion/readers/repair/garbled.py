"""Tell text from what a broken font, or a bad recognition, makes of it. Text in, judgement out."""

from __future__ import annotations

import re

FEWEST_PAIRS = 100
"""Pairs of letters below which nothing is judged."""

LEAST_USUAL = 0.6
"""Share of usual pairs of letters below which a text is nonsense: see docs/reading.md."""

MOST_UNKNOWN = 0.25
"""Share of characters that stand for nothing above which a text is nonsense."""

# The pairs of letters that make up most of French and of English, accents taken off.
_USUAL = frozenset(
    "es le de en re nt on er te el an se it la ti et ou ne ra me in ai is co qu ur ie us ns nd un "
    "si em ce al pa ue ar ro ta st ri ss at as tr ut om eu il io ve po ec oi pr ma di ui to ir or "
    "so au do ch li sa su ca da lu vi ac id na pe mi no lo ge du av im ni ll pl mp rt rs rm th he "
    "ha nc ct ea ed hi ng of ot sh ow wa ho wh ic ev bi be bl ab fi fo fa gr ag gi ig ep op ap ef "
    "ff ul um ts lt ry ly ty ay ey em mm nn tt pp rr cc ne ga go gn vo va iv ex xi ux eq du br cr "
    "dr fr ju jo je tu ob od oc os ol og ov am ad if eg et us ld ls rc rd rg rv sc sp sm sq "
    "ys".split()
)
_LETTERS = re.compile(r"[a-z]{2,}")
_FLAT = str.maketrans("àâäéèêëîïôöùûüçœæÿñ", "aaaeeeeiioouuucoayn")
_UNKNOWN = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f\x7f-\x9f]")


def is_garbled(text: str, lost: int = 0) -> bool:
    """Tell whether the characters of a page make no words of French or English.

    `lost` counts those that a repair has thrown away. Text in other alphabets, or mostly of
    figures, is never judged.
    """
    signs = len("".join(text.split())) + lost
    if signs >= FEWEST_PAIRS and len(_UNKNOWN.findall(text)) + lost > MOST_UNKNOWN * signs:
        return True
    share = usual_share(text)
    return share is not None and share < LEAST_USUAL


def usual_share(text: str) -> float | None:
    """Return the share of pairs of letters that are usual ones; None where there are too few."""
    words = _LETTERS.findall(text.lower().translate(_FLAT))
    pairs = [word[i : i + 2] for word in words for i in range(len(word) - 1)]
    letters = sum(map(len, words))
    if len(pairs) < FEWEST_PAIRS or letters < 0.3 * len("".join(text.split())):
        return None
    return sum(pair in _USUAL for pair in pairs) / len(pairs)
