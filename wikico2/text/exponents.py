"""Exponents and doubtful raised digits in plain text: "10⁶", "m²", "62⁽³⁾". Pure."""

import re

DOUBTFUL = re.compile(r"⁽[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,40}⁾")
"""A raised number that may be an exponent or the call of a note."""

_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_PLAIN = str.maketrans(_RAISED + "⁺⁻", "0123456789+-")
POWER = re.compile(rf"(?<![\d{_RAISED}])10(?P<exponent>[⁺⁻]?[{_RAISED}]{{1,2}})(?![{_RAISED}⁾])")
"""A power of ten."""

RAISED_RUN = re.compile(rf"[⁺⁻]?[{_RAISED}]+")


def read_exponent(raised: str) -> int:
    """Return the number that raised digits write."""
    return int(raised.translate(_PLAIN))
