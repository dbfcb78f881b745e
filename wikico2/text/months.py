"""The names of the months in French and English. Pure."""

import re

from wikico2.text.normalize import fold_text

_NAMES = (
    # Full names, abbreviations.
    ("janvier january", "janv jan"),
    ("février february", "févr feb"),
    ("mars march", "mar"),
    ("avril april", "avr apr"),
    ("mai may", ""),
    ("juin june", "jun"),
    ("juillet july", "juil jul"),
    ("août august", "aug"),
    ("septembre september", "sept sep"),
    ("octobre october", "oct"),
    ("novembre november", "nov"),
    ("décembre december", "déc dec"),
)

FRENCH_MONTHS = tuple(full.split()[0] for full, _short in _NAMES)
"""The French names, in the order of the year."""

MONTHS = {
    fold_text(name): number
    for number, names in enumerate(_NAMES, start=1)
    for name in " ".join(names).split()
}
"""The number of each month by its folded name, full or abbreviated."""

FOLDED_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
"""A pattern of any of these names, in a folded text."""

FULL_MONTH = re.sub(
    "[éû]",
    lambda accented: f"[{accented[0]}{fold_text(accented[0])}]",
    "|".join(name for full, _short in _NAMES for name in full.split()),
)
"""A pattern of the full names, in an unfolded text, with or without accents."""
