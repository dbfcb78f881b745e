"""Normalize text for comparison: no accents, case or typography; stop words; stems. Pure."""

import re
import unicodedata
from functools import lru_cache

WORD = re.compile(r"[a-z0-9]+")
LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "Œ": "oe", "Æ": "ae", "ß": "ss", "’": "'"})

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\ud800-\udfff]"
)
"""Characters that show nothing or turn the direction of text (Default_Ignorable_Code_Point), the
blank of Braille, annotation marks and lone surrogates."""
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# French ones, including their elided forms, then English ones.
STOP_WORDS = frozenset(
    "a afin ai ainsi alors apres au aucun aucune aussi autre autres aux avant avec avoir c "
    "ca car ce ceci cela celle celles celui ces cet cette ceux chaque ci comme comment d "
    "dans de des deux donc dont du elle elles en encore entre est et etaient etait etant ete "
    "etre eux il ils j je jusqu l la le les leur leurs lors lorsqu lorsque lui m mais me meme "
    "memes mes moins mon n ne ni nos notre nous on ont or ou par parce pas peu peut peuvent "
    "plus pour pourquoi presqu puis puisqu qu quand que quel quelle quelles quelqu quels qui "
    "quoi quoiqu s sa sans se selon ses si soit son sont sous sur t ta tel telle tes toi ton "
    "tous tout toute toutes tres tu un une vers via vos votre vous y "
    "the of and to in is for on with by as are be this that from at or an it its".split()
)
"""Folded words that are too frequent to search or compare texts by."""

LANGUAGE_WORDS = {
    "fr": frozenset("le la les des du une est et dans pour par sur que qui aux avec sont".split()),
    "en": frozenset("the of and to in is for that with are be this on by from as".split()),
}
"""The most frequent words of each language, unfolded: what `detect_language` counts."""

# French inflectional endings, longest first; enough to compare words, not to parse them.
ENDINGS = (
    "issements", "issement", "issantes", "issants", "issante", "issant", "atrices", "ateurs",
    "atrice", "ateur", "ations", "ation", "ements", "ement", "iques", "ique", "ables", "able",
    "ibles", "ible", "euses", "euse", "antes", "ants", "ante", "ant", "elles", "elle", "aient",
    "ives", "ive", "ees", "ies", "ent", "eux", "aux", "ait", "era", "ee", "ie", "er", "es", "ez",
    "ir", "if", "al", "el", "e", "s", "x",
)  # fmt: skip


def visible_line(text: str) -> str:
    """Return `text` on one line with single spaces, without invisible and bidirectional characters.

    Titles and names pass it: two that look alike would be two, and one could read as another.
    """
    return " ".join(INVISIBLE.sub("", CONTROLS.sub(" ", text)).split())


def plain_letters(text: str) -> str:
    """Return `text` with its ligatures as plain letters: œ as oe, æ as ae."""
    return text.translate(LETTERS)


def fold_text(text: str) -> str:
    """Return `text` in lower case, without accents, with plain letters and single spaces."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(LETTERS))
        for mark in filter(unicodedata.combining, set(text)):
            text = text.replace(mark, "")
    return " ".join(text.lower().split())


def folded_words(text: str) -> list[str]:
    """Return the folded words of `text`, in order."""
    return WORD.findall(fold_text(text))


@lru_cache(maxsize=65536)
def stem_word(word: str) -> str:
    """Return a folded word without its inflection, at least 3 letters of it."""
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def text_stems(text: str) -> list[str]:
    """Return the stems of the words of `text` without stop words, in order."""
    return [
        stem_word(w)
        for w in folded_words(text)
        if w not in STOP_WORDS and (len(w) > 1 or w.isdigit())
    ]


@lru_cache(maxsize=8192)
def stem_set(text: str) -> frozenset[str]:
    """Return the distinct stems of `text`; cached, since texts are compared repeatedly."""
    return frozenset(text_stems(text))
