"""Names of the levels of a statement, and sentences for the reasons of a level."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

LEVEL_NAMES = {
    "verbatim": gettext_noop("quoted word for word"),
    "confirmed": gettext_noop("confirmed"),
    "judged": gettext_noop("read by a model"),
    "figures": gettext_noop("figures found, meaning to be checked"),
    "fragile": gettext_noop("fragile"),
    "not_found": gettext_noop("not found"),
    "unsourced": gettext_noop("without a source"),
}

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
    "date_not_found": gettext_noop("The date “%(detail)s” is not in the source."),
    "reference_not_found": gettext_noop("The reference “%(detail)s” is not in the source."),
    "doubtful_number": gettext_noop("A number could not be read with certainty."),
    "confirmed_by": gettext_noop("Confirmed by %(detail)s."),
    "rejected_by": gettext_noop("Rejected by %(detail)s."),
    "judged_by": gettext_noop("Read by %(detail)s."),
    "judged_by_writer": gettext_noop("Read by %(detail)s, the same model as the writer."),
    "sign_differs": gettext_noop("“%(detail)s” has another sign in the source."),
    "nothing_in_common": gettext_noop("The source says nothing of it."),
    "too_long": gettext_noop("This is too long to be checked: make it several statements."),
    "leans_on_context": gettext_noop(
        "Word for word, but it depends on what stands before it in the source."
    ),
    "other_words": gettext_noop("The source uses other words."),
    "left_out": gettext_noop("The source also says: “%(detail)s”."),
    "cut_in_front": gettext_noop("The source begins with: “%(detail)s”."),
    "cut_at_the_end": gettext_noop("The source goes on: “%(detail)s”."),
    "limit_differs": gettext_noop("A limit (at least, up to, about …) is not the same."),
    "modality_differs": gettext_noop("What may, must or should be is not the same."),
    "negation_differs": gettext_noop("A negation or an exception is not the same."),
    "row_or_column_not_named": gettext_noop(
        "The row or the column of the table is not named: %(detail)s."
    ),
    "not_a_row": gettext_noop("No table of the source has this row."),
    "no_passage_cited": gettext_noop("It cites none of the passages given."),
    "said_elsewhere": gettext_noop("It stands under “%(detail)s” already."),
    "repeats_title": gettext_noop("It only repeats the title of the source."),
    "repeats_prompt": gettext_noop("It repeats the request that the model was sent."),
    "document_missing": gettext_noop("The document “%(detail)s” was not found."),
    "document_unread": gettext_noop("The document could not be read (%(detail)s)."),
    "passage_missing": gettext_noop("No passage of the document contains “%(detail)s”."),
    # Reasons of version 0.1, in revisions that are not checked again.
    "range_not_found": gettext_noop("The source does not give these together: “%(detail)s”."),
    "number_elsewhere": gettext_noop("In the source, “%(detail)s” is about something else."),
    "few_words_in_common": gettext_noop(
        "The source contains only %(detail)s of the words of the statement."
    ),
    "says_the_opposite": gettext_noop("The source seems to say the opposite."),
}


def level_name(level: str) -> str:
    """Return the name of a level in the active language; the level itself when it is unknown."""
    known = LEVEL_NAMES.get(level)
    return _(known) if known else level


def reason_sentence(code: str, detail: str) -> str:
    """Return a reason of a level as a sentence in the active language; "" for an unknown code."""
    known = REASONS.get(code)
    return _(known) % {"detail": detail} if known else ""
