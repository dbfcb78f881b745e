"""Error codes of jobs and forms, with the message shown to the reader for each.

Rows store the code and the details; the message is formatted in the reader's language when shown.
"""

import logging
from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

logger = logging.getLogger(__name__)

SENTENCES = {
    "empty_file": gettext_noop("This file is empty (0 bytes). Check it and upload it again."),
    "unknown_format": gettext_noop(
        "The format of this file is not supported, whatever its name. Supported "
        "formats: PDF, Word, PowerPoint, Excel, OpenDocument, RTF, CSV, e-mail (.eml, .msg), "
        "EPUB, web page, Markdown, text or image. Export the document as PDF and upload that."
    ),
    "data_file": gettext_noop(
        "This file contains data for programs (XML or JSON), not a document to read. Open it in "
        "its program and export it as PDF, Word, Excel or CSV, then upload that."
    ),
    "mail_box": gettext_noop(
        "This file is a whole mailbox. Save the messages that you need one by one (.eml) and "
        "upload them."
    ),
    "old_office": gettext_noop(
        "This file is in an older Office format (.doc, .xls, .ppt, .rtf), which needs LibreOffice "
        "to be installed on the server. Open it, save it as .docx, .xlsx or .pptx, and upload "
        "that; or ask the administrator to install LibreOffice."
    ),
    "truncated": gettext_noop(
        "This file is incomplete: its end is missing. Download it again from its origin."
    ),
    "encrypted": gettext_noop(
        "This file is protected by a password. Save a copy without the password and upload that."
    ),
    "no_pages": gettext_noop("This file has no pages."),
    "no_text": gettext_noop(
        "No page of this document contains text: it is probably a scan. Run text "
        "recognition (OCR) on it and upload the result, or ask the administrator to "
        "enable the reading of images."
    ),
    "no_words": gettext_noop(
        "This document contains no text: nothing in it can be searched or cited. Check that it is "
        "the right file."
    ),
    "nothing_seen": gettext_noop(
        "No page of this document contains text, and %(machine)s found none on its "
        "images. If text is visible, upload a clearer copy or the result of another "
        "text recognition (OCR)."
    ),
    "unreadable": gettext_noop(
        "This file is damaged and cannot be read. Open it in its program, export it as PDF and "
        "upload that."
    ),
    "no_seer": gettext_noop(
        "The reading of images is not enabled. Ask the administrator to enable it, or "
        "run text recognition (OCR) on the file and upload the result."
    ),
    "too_many_pictures": gettext_noop(
        "The model reads at most %(limit)s pictures per document; this one was not read."
    ),
    "no_tokens_left": gettext_noop(
        "The daily token limit was reached before this picture was read."
    ),
    "picture_refused": gettext_noop("The picture is too large for the model service."),
    "ocr_failed": gettext_noop("Tesseract could not read the page (%(reason)s)."),
    "not_drawn": gettext_noop("This file format has no pages to show."),
    "too_large": gettext_noop(
        "This file is %(size)s MB; the limit is %(limit)s MB. Split it, or ask the "
        "administrator to raise the limit."
    ),
    "too_many_pages": gettext_noop(
        "This document exceeds the limit of %(limit)s pages. Split it into parts."
    ),
    "too_much_memory": gettext_noop(
        "Reading this file exceeded the memory limit. Print it to a PDF and upload that."
    ),
    "too_slow": gettext_noop(
        "Reading this file took more than %(limit)s seconds and was stopped. Split it into parts."
    ),
    "too_much_text": gettext_noop("This file contains too much text. Split it into parts."),
    "crashed": gettext_noop(
        "Reading this file crashed; nothing else is affected. Print the file to a PDF "
        "and upload that."
    ),
    "file_unreadable": gettext_noop(
        "This file cannot be opened (%(reason)s). Give the application read access, "
        "then start again."
    ),
    "duplicate": gettext_noop("This file is already among the sources: “%(title)s”."),
    "not_a_picture": gettext_noop(
        "This picture cannot be read. Supported formats: JPEG, PNG, WebP, GIF, BMP and "
        "TIFF. Your text is unchanged."
    ),
    "picture_too_large": gettext_noop(
        "This picture is too large (limit: %(limit)s MB and 60 million pixels). Make "
        "it smaller; your text is unchanged."
    ),
    "pdf_needs_libraries": gettext_noop(
        "PDF files cannot be created: the Pango library is not installed. On Debian or "
        "Ubuntu the administrator installs it with: apt install libpango-1.0-0 "
        "libpangoft2-1.0-0 libharfbuzz-subset0. Meanwhile, print the page of the sheet "
        "to a PDF."
    ),
    "title_taken": gettext_noop(
        "A sheet already has this title: “%(title)s”. Choose another title, or edit that sheet."
    ),
    "wrong_state": gettext_noop(
        "The present state of the sheet does not allow this. Nothing was changed."
    ),
    "stale_version": gettext_noop(
        "Version %(number)s is no longer the current one: the sheet has version %(current)s. Read "
        "what changed, then validate that version."
    ),
    "sheet_deleted": gettext_noop(
        "The sheet “%(title)s” was deleted here. Bring it back, or wait until it is gone for good."
    ),
    "source_not_readable": gettext_noop("This source is not open to you. Nothing was changed."),
    "comment_needed": gettext_noop("Say which changes you ask for."),
    "nothing_to_publish": gettext_noop("This sheet has no text yet."),
    "unknown_type": gettext_noop("The sheet type “%(key)s” does not exist."),
    "nothing_suggested": gettext_noop("Nothing to send yet: write a remark or edit the text."),
    "too_many_suggestions": gettext_noop(
        "You have reached the limit of %(limit)s suggestions an hour. Your text is "
        "kept here: send it later."
    ),
    "webhook_address": gettext_noop(
        "Nothing can be sent to “%(host)s”: it is not on the public internet, or its certificate "
        "is not valid. Change the address of the webhook."
    ),
    "webhook_silent": gettext_noop(
        "“%(host)s” did not answer in time. Check the address and your program, then send again."
    ),
    "webhook_refused": gettext_noop(
        "“%(host)s” answered with an error (code %(status)s). Check your program, then send again."
    ),
    "too_many_webhooks": gettext_noop("At most %(limit)s webhooks for one account."),
    "not_an_archive": gettext_noop(
        "This file is not a WikiCO2 archive, or it is damaged. Nothing was changed; "
        "choose the zip file created by “Export the wiki”."
    ),
    "file_missing": gettext_noop(
        "The file is no longer in the storage. Upload it again to continue."
    ),
    "address_invalid": gettext_noop(
        "This web address cannot be fetched. It must begin with https:// or http:// "
        "and contain neither name nor password."
    ),
    "address_private": gettext_noop(
        "“%(host)s” is not on the public internet; access to private networks is "
        "refused. Download the file yourself and upload it."
    ),
    "address_unknown": gettext_noop(
        "The site “%(host)s” was not found. Check the address, then retry."
    ),
    "address_unreachable": gettext_noop(
        "The site “%(host)s” does not answer. Retry later, or download the file yourself and "
        "upload it."
    ),
    "address_slow": gettext_noop(
        "The site “%(host)s” did not send the file within %(limit)s seconds. Retry later, or "
        "download the file yourself and upload it."
    ),
    "address_certificate": gettext_noop(
        "The certificate of the site “%(host)s” is not valid. If you trust the site, "
        "download the file yourself and upload it."
    ),
    "address_forbidden": gettext_noop(
        "The site “%(host)s” gives this file only to logged-in users. Download it "
        "yourself and upload it."
    ),
    "address_missing": gettext_noop(
        "This address no longer exists on “%(host)s”. Look for the new address of the document."
    ),
    "address_status": gettext_noop(
        "The site “%(host)s” answered with an error (code %(status)s). Retry later, or download "
        "the file yourself and upload it."
    ),
    "address_redirects": gettext_noop(
        "This address redirects more than %(limit)s times. Enter the final address."
    ),
    "address_large": gettext_noop(
        "The file at this address exceeds the limit of %(limit)s MB. Download it, "
        "split it, and upload the parts."
    ),
    "archive_damaged": gettext_noop(
        "This archive is damaged and cannot be opened. Create it again, or send its "
        "documents one by one."
    ),
    "archive_version": gettext_noop(
        "An archive cannot replace a source. Send the single document that replaces it."
    ),
    "archive_empty": gettext_noop("This archive contains no documents."),
    "archive_too_many": gettext_noop(
        "This archive exceeds the limit of %(limit)s files. Split it."
    ),
    "archive_too_large": gettext_noop(
        "The documents of this archive exceed the total limit of %(limit)s MB. Split it."
    ),
    "member_path": gettext_noop(
        "The path of this file leads outside the archive, as in malicious archives. "
        "Send the file separately."
    ),
    "member_link": gettext_noop("This is a link to another file. Send that file separately."),
    "member_password": gettext_noop(
        "This file is protected by a password. Create the archive without a password."
    ),
    "member_method": gettext_noop(
        "The compression method of this file is not supported. Create the archive "
        "again as an ordinary ZIP."
    ),
    "member_large": gettext_noop(
        "This file exceeds the limit of %(limit)s MB. Split it, or ask the "
        "administrator to raise the limit."
    ),
    "member_nested": gettext_noop(
        "This is an archive inside an archive. Open it and send its documents."
    ),
    "member_damaged": gettext_noop(
        "This file is damaged in the archive. Create the archive again, or send the "
        "file separately."
    ),
    "backup_failed": gettext_noop("No backup was made: %(reason)s"),
    "service_unreachable": gettext_noop(
        "The model service at %(host)s does not answer. Nothing is lost: retry later."
    ),
    "service_refused": gettext_noop(
        "The model service refused the request: %(reason)s. Check the key and the settings, then "
        "retry."
    ),
    "service_busy": gettext_noop(
        "The model service is limiting requests. Nothing is lost: retry in a few minutes."
    ),
    "service_paced": gettext_noop(
        "The model service accepts %(limit)s requests a minute in total. Processing of "
        "this document continues soon."
    ),
    "model_unknown": gettext_noop(
        "The model service does not offer “%(model)s”. It offers: %(available)s."
    ),
    "bad_answer": gettext_noop(
        "The model service returned an unusable answer (%(reason)s). Retry."
    ),
    "service_slow": gettext_noop(
        "The model service at %(host)s did not answer within %(seconds)s seconds. "
        "Nothing is lost: retry, or ask the administrator to raise this limit."
    ),
    "service_cut_off": gettext_noop(
        "The model service at %(host)s closed the connection. Nothing is lost: retry."
    ),
    "empty_answer": gettext_noop(
        "The model returned an empty answer. Retry, or choose another model."
    ),
    "answer_cut": gettext_noop(
        "The model's answer was cut off after %(tokens)s tokens. Ask the administrator "
        "to raise this limit, then retry."
    ),
    "not_json": gettext_noop(
        "The model's answer is not the requested JSON (%(reason)s). Retry, or choose another model."
    ),
    "wrong_schema": gettext_noop(
        "The model's answer does not have the requested form (%(reason)s). Retry, or "
        "choose another model."
    ),
    "sections_failed": gettext_noop(
        "Sections not written: %(sections)s. Written sections are kept; a retry "
        "repeats only the others. %(reason)s"
    ),
    "token_ceiling": gettext_noop(
        "The daily limit of %(limit)s tokens is reached (%(spent)s used). Nothing is "
        "lost: retry tomorrow, or ask the administrator to raise the limit."
    ),
    "index_unreachable": gettext_noop(
        "The index of passages does not answer. Nothing is lost: retry later."
    ),
    "index_refused": gettext_noop(
        "The index of passages refused the request: %(reason)s. Check its settings, then retry."
    ),
    "database_lost": gettext_noop(
        "The database did not answer, or refused a change for a moment. Nothing is lost: "
        "retry later."
    ),
    "passage_unknown": gettext_noop(
        "These words are not in the text of the sheet. Select them in the text, or leave the "
        "passage empty to speak of the whole sheet."
    ),
    "mail_refused": gettext_noop(
        "The mail server did not take the e-mail (%(reason)s). Check the settings of the mail "
        "server, then retry."
    ),
    "sources_pending": gettext_noop("The sources of this sheet are not read yet."),
    "no_worker": gettext_noop(
        "The background worker is not running. Nothing is lost: work resumes once it is restarted."
    ),
    "stopped": gettext_noop("Processing was stopped before the end."),
    "no_sources": gettext_noop(
        "No readable source was chosen. Choose at least one source, or upload one."
    ),
    "nothing_to_write": gettext_noop(
        "All requested sections are locked by an expert. Unlock one, then regenerate."
    ),
    "sources_failed": gettext_noop(
        "None of the chosen sources could be read: %(titles)s. Retry or replace them, then retry."
    ),
    "nothing_chosen": gettext_noop("Nothing is selected. Tick the rows, then choose what to do."),
    "too_many_chosen": gettext_noop(
        "%(n)s rows are selected, and at most %(limit)s can be treated at once. Narrow the list."
    ),
    "already_so": gettext_noop("It was so already."),
    "row_gone": gettext_noop("It was removed in the meantime."),
    "not_allowed": gettext_noop("Your role does not allow it."),
    "not_stale": gettext_noop("No section of it is out of date, or those that are are locked."),
    "not_written_yet": gettext_noop("It has no text yet."),
    "being_written": gettext_noop("It is being written at the moment."),
    "not_ready": gettext_noop("It has not been read yet."),
    "nothing_to_retry": gettext_noop("Its reading has not failed, or a retry cannot help."),
    "term_empty": gettext_noop("A name needs at least one visible character."),
    "term_taken": gettext_noop(
        "“%(name)s” is there already, under this name or a former one. Merge the two instead."
    ),
    "term_other_kind": gettext_noop("Only terms of one kind can be merged: all categories, say."),
    "internal": gettext_noop(
        "An unexpected error occurred (%(reason)s). Nothing is lost: retry, and tell "
        "the administrator if it happens again."
    ),
}


RETRYING = {
    "database_lost": gettext_noop(
        "The database did not answer, or refused a change for a moment. Nothing is lost."
    ),
    "webhook_silent": gettext_noop("“%(host)s” did not answer in time."),
    "webhook_refused": gettext_noop("“%(host)s” answered with an error (code %(status)s)."),
    "address_slow": gettext_noop("The site “%(host)s” did not send the file in time."),
    "address_status": gettext_noop("The site “%(host)s” answered with an error (code %(status)s)."),
    "address_unknown": gettext_noop("The site “%(host)s” has not been found so far."),
    "address_unreachable": gettext_noop("The site “%(host)s” does not answer."),
    "bad_answer": gettext_noop(
        "The model service returned an unusable answer (%(reason)s). Nothing is lost."
    ),
    "index_unreachable": gettext_noop("The index of passages does not answer. Nothing is lost."),
    "internal": gettext_noop("An unexpected error occurred (%(reason)s). Nothing is lost."),
    "service_busy": gettext_noop("The model service is limiting requests. Nothing is lost."),
    "service_cut_off": gettext_noop(
        "The model service at %(host)s closed the connection. Nothing is lost."
    ),
    "service_slow": gettext_noop(
        "The model service at %(host)s did not answer within %(seconds)s seconds. Nothing is lost."
    ),
    "service_unreachable": gettext_noop(
        "The model service at %(host)s does not answer. Nothing is lost."
    ),
}
"""Messages shown while the job retries by itself, so that the reader need not do anything."""


PERMANENT = frozenset(
    {
        "empty_file",
        "unknown_format",
        "data_file",
        "mail_box",
        "truncated",
        "encrypted",
        "no_pages",
        "no_text",
        "nothing_seen",
        "unreadable",
        "too_large",
        "too_many_pages",
        "too_much_memory",
        "too_much_text",
        "too_slow",
        "crashed",
        "duplicate",
        "no_words",
        "address_invalid",
        "address_private",
        "address_forbidden",
        "address_missing",
        "address_redirects",
        "address_large",
        "archive_damaged",
        "archive_version",
        "archive_empty",
        "archive_too_many",
        "archive_too_large",
    }
)
"""Errors that a retry meets again as long as neither the file nor the limits change."""

CHANGEABLE = frozenset(
    {
        "no_text",
        "nothing_seen",
        "too_many_pages",
        "too_much_memory",
        "too_much_text",
        "too_slow",
        "crashed",
    }
)
"""Those of them that an administrator can change the limits of, or enable OCR for."""


class UserError(Exception):
    """An error with a message for the reader: a code of `SENTENCES` and its details."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(f"{code} {details}" if details else code)
        self.code = code
        self.details = details
        # Tokens that the model used before the failure.
        self.tokens_in = 0
        self.tokens_out = 0

    @property
    def sentence(self) -> str:
        """Return the message in the active language."""
        return error_sentence(self.code, self.details)


class TransientError(UserError):
    """A temporary error: a later try may succeed."""


def as_user_error(error: Exception) -> UserError:
    """Return an error of any kind as one with a message; what nobody expected is logged.

    A lost connection to the database, or a deadlock, is temporary.
    """
    if isinstance(error, UserError):
        return error
    if isinstance(error, OperationalError | InterfaceError):
        return TransientError("database_lost", reason=type(error).__name__)
    logger.error("Unexpected:", exc_info=error)
    return UserError("internal", reason=type(error).__name__)


def error_sentence(code: str, details: dict[str, Any], *, waits: bool = False) -> str:
    """Return the message of an error code in the active language; "" for no code.

    With `waits`, the message is the one for a job that retries by itself.
    """
    if not code:
        return ""
    if code not in SENTENCES:
        code, details = "internal", {"reason": code}
    if isinstance(cause := details.get("cause"), dict):  # the error that caused this one
        details = details | {"reason": error_sentence(cause["code"], cause["details"])}
    message = RETRYING.get(code, SENTENCES[code]) if waits else SENTENCES[code]
    details = {key: localize(v) if isinstance(v, float) else v for key, v in details.items()}
    try:
        return _(message) % details
    except KeyError:  # a row stored before the message had this detail
        return _(SENTENCES["internal"]) % {"reason": code}
