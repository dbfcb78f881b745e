"""Sentences for the reason codes of a verdict."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

REASONS = {
    "no_source": gettext_noop("No source is cited."),
    "unknown_label": gettext_noop("It cites “%(detail)s”, which is not one of the passages given."),
    "source_missing": gettext_noop("The source has been removed."),
    "quote_not_found": gettext_noop("The quote is not on the page cited."),
    "quote_moved": gettext_noop(
        "The source was read again: the quote now stands on page %(detail)s."
    ),
    "doubtful_passage": gettext_noop(
        "The source could not be read with certainty there: check it against the page."
    ),
    "number_not_found": gettext_noop("“%(detail)s” is not in the source."),
    "unit_differs": gettext_noop("The source gives “%(detail)s” in another unit."),
    "range_not_found": gettext_noop("The source does not give these together: “%(detail)s”."),
    "date_not_found": gettext_noop("The date “%(detail)s” is not in the source."),
    "reference_not_found": gettext_noop("The reference “%(detail)s” is not in the source."),
    "number_elsewhere": gettext_noop("In the source, “%(detail)s” is about something else."),
    "few_words_in_common": gettext_noop(
        "The source contains only %(detail)s of the words of the statement."
    ),
    "too_long": gettext_noop("This is too long to be checked: make it several statements."),
    "says_the_opposite": gettext_noop("The source seems to say the opposite."),
}


def verdict_sentence(code: str, detail: str) -> str:
    """Return a reason of a verdict as a sentence in the active language; "" for an unknown code."""
    known = REASONS.get(code)
    return _(known) % {"detail": detail} if known else ""
