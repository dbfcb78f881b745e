"""Sentences for what a reader left out of a page, could not read, or read with doubt."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext_lazy

MOST_DETAILS = 8
"""Objects named in one sentence."""

_REMARKS = {
    "hidden_text": ngettext_lazy(
        "Invisible text left out: %(count)d passage.",
        "Invisible text left out: %(count)d passages.",
        "count",
    ),
    "deleted_text": ngettext_lazy(
        "Deleted text left out: %(count)d passage.",
        "Deleted text left out: %(count)d passages.",
        "count",
    ),
    "watermark": ngettext_lazy(
        "Watermark left out: %(count)d text.",
        "Watermark left out: %(count)d texts.",
        "count",
    ),
    "side_text": ngettext_lazy(
        "Vertical text in the margin left out: %(count)d passage.",
        "Vertical text in the margin left out: %(count)d passages.",
        "count",
    ),
    "object_unread": ngettext_lazy(
        "%(count)d object was not read.", "%(count)d objects were not read.", "count"
    ),
    "formula_without_value": ngettext_lazy(
        "%(count)d formula has no stored value: it is shown as a formula.",
        "%(count)d formulas have no stored value: they are shown as formulas.",
        "count",
    ),
    "attachment_unread": ngettext_lazy(
        "%(count)d attached file was not taken in.",
        "%(count)d attached files were not taken in.",
        "count",
    ),
}
_DOUBTS = {
    "layout": gettext_noop(
        "The cells of this table cannot be told apart with certainty: it is shown, not quoted."
    ),
    "characters": gettext_noop(
        "The characters of this passage cannot be read with certainty: it is shown, not quoted."
    ),
}
_UNUSABLE = {
    "no_text": gettext_noop("This page has no text, only a picture."),
    "nonsense": gettext_noop("The characters of this page do not form words."),
}


def remark_sentence(code: str, count: int = 1, detail: str = "") -> str:
    """Return one remark as a sentence in the active language, its details after it."""
    known = _REMARKS.get(code)
    sentence = str(known % {"count": count}) if known else f"{code}: {count}"
    if not detail:
        return sentence
    return _("%(sentence)s: %(detail)s") % {"sentence": sentence.rstrip("."), "detail": detail}


def remark_sentences(remarks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the sentences of the remarks of one or more pages, one for each code."""
    counts: dict[str, int] = {}
    details: dict[str, dict[str, None]] = {}
    for remark in remarks:
        code = str(remark["code"])
        counts[code] = counts.get(code, 0) + int(remark.get("count", 1))
        if detail := str(remark.get("detail", "")):
            details.setdefault(code, {})[detail] = None
    return [
        remark_sentence(code, count, _join_details(list(details.get(code, ()))))
        for code, count in counts.items()
    ]


def doubt_sentence(doubt: str) -> str:
    """Return why a block is not quoted, or a page is unusable, as a sentence, or `""`."""
    known = _DOUBTS.get(doubt) or _UNUSABLE.get(doubt)
    return _(known) if known else ""


def _join_details(details: list[str]) -> str:
    more = ["…"] if len(details) > MOST_DETAILS else []
    return ", ".join([*details[:MOST_DETAILS], *more])
