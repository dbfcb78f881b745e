"""Sizes in bytes: units, and their display in the active language."""

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

KILOBYTE = 1024
MEGABYTE = 1024 * KILOBYTE


def format_size(size: int) -> str:
    """Return a size in bytes in the active language, as « 1,5 Mo »."""
    if size < KILOBYTE:
        return _byte_words(size) % size
    if size < MEGABYTE:
        return _("%s KB") % number_format(round(size / KILOBYTE, 1))
    return _("%s MB") % number_format(round(size / MEGABYTE, 1))


def size_words() -> dict[str, str]:
    """Return the format of each unit, with `%s` for the amount, for scripts."""
    return {
        "byte": _byte_words(1),
        "bytes": _byte_words(2),
        "kb": _("%s KB"),
        "mb": _("%s MB"),
    }


def _byte_words(size: int) -> str:
    return ngettext("%s byte", "%s bytes", size)
