"""Error codes of jobs and forms, with the message shown to the reader for each.

Rows store the code and the details; the message is formatted in the reader's language when shown.
"""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

SENTENCES = {
    "empty_file": gettext_noop("This file is empty (0 bytes). Check it and upload it again."),
    "unknown_format": gettext_noop(
        "This file is none of the kinds that can be read, whatever its name says: PDF, Word "
        "(.docx), PowerPoint (.pptx), Excel (.xlsx), OpenDocument text (.odt), web page, Markdown, "
        "text or image. Export the document as PDF and upload that."
    ),
    "old_office": gettext_noop(
        "This is an Office file that is protected by a password, or of before 2007 (.doc, .xls, "
        ".ppt). Open it, save it as .docx, .xlsx or .pptx without a password, and upload that."
    ),
    "truncated": gettext_noop(
        "This file is cut short: its end is missing. Download it again from its origin."
    ),
    "encrypted": gettext_noop(
        "This file asks for a password. Save a copy without the password and upload that."
    ),
    "no_pages": gettext_noop("This file has no page."),
    "no_text": gettext_noop(
        "No page of this document holds text: it is probably a scan. Run a text recognition (OCR) "
        "on it and upload the result, or ask the administrator to set a key (OVH_API_KEY), with "
        "which a model reads such pages, or to install Tesseract."
    ),
    "nothing_seen": gettext_noop(
        "No page of this document holds text, and %(machine)s sees none on its pictures. If you "
        "see some, make a clearer copy or run another text recognition (OCR) on it, and upload "
        "the result."
    ),
    "unreadable": gettext_noop(
        "This file is damaged and cannot be read. Open it in its program, export it as PDF and "
        "upload that."
    ),
    "no_seer": gettext_noop(
        "Nothing here reads pictures of text. Ask the administrator to set a key (OVH_API_KEY), "
        "with which a model does, or to install Tesseract with French; or run a text recognition "
        "(OCR) on the file and upload the result."
    ),
    "too_many_pictures": gettext_noop(
        "The model reads %(limit)s pictures of a document at most (VISION_MAX_IMAGES), and this "
        "one came after them."
    ),
    "no_tokens_left": gettext_noop(
        "Today's limit of tokens (LLM_TOKENS_PER_DAY) was reached before this picture was read."
    ),
    "picture_refused": gettext_noop("The picture is too large for the model service."),
    "ocr_failed": gettext_noop("Tesseract could not read the page (%(reason)s)."),
    "not_drawn": gettext_noop("Files of this kind have no pages to show as they are printed."),
    "too_large": gettext_noop(
        "This file weighs %(size)s MB; the limit is %(limit)s MB. Split it, or ask the "
        "administrator to raise the limit."
    ),
    "too_many_pages": gettext_noop(
        "This document has more pages than the limit of %(limit)s. Split it into parts."
    ),
    "too_much_memory": gettext_noop(
        "Reading this file took more memory than allowed. Print it to a PDF and upload that."
    ),
    "too_slow": gettext_noop(
        "Reading this file took more than %(limit)s seconds and was stopped. Split it into parts."
    ),
    "too_much_text": gettext_noop("This file holds more text than allowed. Split it into parts."),
    "crashed": gettext_noop(
        "The reader crashed on this file; nothing else was touched. Print the file to a PDF and "
        "upload that."
    ),
    "file_unreadable": gettext_noop(
        "This file cannot be opened (%(reason)s). Let the program read it, then start again."
    ),
    "duplicate": gettext_noop("This file is already among the sources: “%(title)s”."),
    "not_a_picture": gettext_noop(
        "This is not a picture that can be read. JPEG, PNG, WebP, GIF, BMP and TIFF are taken; "
        "your text is unchanged."
    ),
    "picture_too_large": gettext_noop(
        "This picture is too large: at most %(limit)s MB and 60 million pixels are taken. Make it "
        "smaller; your text is unchanged."
    ),
    "pdf_needs_libraries": gettext_noop(
        "PDF files cannot be made here: Pango is missing. On Debian or Ubuntu the administrator "
        "installs it with: apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0. The "
        "page of the sheet can be printed to a PDF meanwhile."
    ),
    "unknown_type": gettext_noop("The kind of sheet “%(key)s” is not known here."),
    "nothing_suggested": gettext_noop(
        "You have changed nothing and said nothing yet. Write a remark, or change the words."
    ),
    "too_many_suggestions": gettext_noop(
        "You have sent %(limit)s suggestions within an hour. What you typed is still here: send it "
        "later."
    ),
    "not_an_archive": gettext_noop(
        "This is not an archive of a WikiCO2, or it is damaged. Nothing was changed; choose the "
        "zip file that “Export the wiki” gave."
    ),
    "file_missing": gettext_noop("The file is no longer in the storage. Upload it again to go on."),
    "address_invalid": gettext_noop(
        "This is not a web address that can be fetched. It begins with https:// or http:// and "
        "holds neither name nor password."
    ),
    "address_private": gettext_noop(
        "“%(host)s” is not on the open internet, and nothing is fetched from private networks. "
        "Download the file yourself and upload it."
    ),
    "address_unknown": gettext_noop("No site is called “%(host)s”. Check the address, then retry."),
    "address_unreachable": gettext_noop(
        "The site “%(host)s” does not answer. Retry later, or download the file yourself and "
        "upload it."
    ),
    "address_slow": gettext_noop(
        "The site “%(host)s” did not send the file within %(limit)s seconds. Retry later, or "
        "download the file yourself and upload it."
    ),
    "address_certificate": gettext_noop(
        "The site “%(host)s” cannot prove who it is: its certificate is not valid. Download the "
        "file yourself, if you trust it, and upload it."
    ),
    "address_forbidden": gettext_noop(
        "The site “%(host)s” gives this file only to whoever logs in. Download it yourself and "
        "upload it."
    ),
    "address_missing": gettext_noop(
        "There is nothing at this address on “%(host)s” any more. Look for the new address of the "
        "document."
    ),
    "address_status": gettext_noop(
        "The site “%(host)s” answered with an error (code %(status)s). Retry later, or download "
        "the file yourself and upload it."
    ),
    "address_redirects": gettext_noop(
        "This address leads from one to the next more than %(limit)s times. Give the last of them."
    ),
    "address_large": gettext_noop(
        "The file at this address weighs more than the limit of %(limit)s MB. Download it, split "
        "it, and upload the parts."
    ),
    "archive_damaged": gettext_noop(
        "This archive is damaged and cannot be opened. Make it anew, or send its documents one by "
        "one."
    ),
    "archive_version": gettext_noop(
        "An archive of documents cannot be the new version of one source. Send the one document "
        "that replaces it."
    ),
    "archive_empty": gettext_noop("There is no document in this archive."),
    "archive_too_many": gettext_noop(
        "This archive holds more files than the limit of %(limit)s. Split it."
    ),
    "archive_too_large": gettext_noop(
        "The documents of this archive weigh more than the limit of %(limit)s MB together. Split "
        "it."
    ),
    "member_path": gettext_noop(
        "The name of this file leads out of the archive, as those of harmful archives do. Send the "
        "file by itself."
    ),
    "member_link": gettext_noop("This is a link to another file. Send that file by itself."),
    "member_password": gettext_noop(
        "This file asks for a password. Make the archive without a password."
    ),
    "member_method": gettext_noop(
        "This file is compressed in an unusual way. Make the archive anew, as an ordinary ZIP."
    ),
    "member_large": gettext_noop(
        "This file weighs more than the limit of %(limit)s MB. Split it, or ask the administrator "
        "to raise the limit."
    ),
    "member_nested": gettext_noop(
        "This is an archive inside the archive. Open it, and send its documents."
    ),
    "member_damaged": gettext_noop(
        "This file is damaged in the archive. Make the archive anew, or send the file by itself."
    ),
    "service_unreachable": gettext_noop(
        "The model service at %(host)s does not answer. Nothing is lost: retry when it is back."
    ),
    "service_refused": gettext_noop(
        "The model service refused the request: %(reason)s. Check the key and the settings, then "
        "retry."
    ),
    "service_busy": gettext_noop(
        "The model service asks to slow down. Nothing is lost: retry in a few minutes."
    ),
    "service_paced": gettext_noop(
        "The model service grants %(limit)s requests a minute for everybody together. It is this "
        "document's turn soon."
    ),
    "model_unknown": gettext_noop(
        "The model service does not offer “%(model)s”. It offers: %(available)s."
    ),
    "bad_answer": gettext_noop(
        "The model service gave an answer that cannot be used (%(reason)s). Retry."
    ),
    "service_slow": gettext_noop(
        "The model service at %(host)s did not answer within %(seconds)s seconds. Nothing is lost: "
        "retry, or raise AI_TIMEOUT."
    ),
    "service_cut_off": gettext_noop(
        "The model service at %(host)s cut the connection off. Nothing is lost: retry."
    ),
    "empty_answer": gettext_noop(
        "The model service answered, but the model said nothing. Retry, or choose another model."
    ),
    "answer_cut": gettext_noop(
        "The model's answer was cut off after %(tokens)s tokens. Raise LLM_MAX_TOKENS, then retry."
    ),
    "not_json": gettext_noop(
        "The model's answer is not the JSON that was asked for (%(reason)s). Retry, or choose "
        "another model."
    ),
    "wrong_schema": gettext_noop(
        "The model's answer does not have the form that was asked for (%(reason)s). Retry, or "
        "choose another model."
    ),
    "sections_failed": gettext_noop(
        "Not written: %(sections)s. What is written is kept; a retry repeats only the rest. "
        "%(reason)s"
    ),
    "token_ceiling": gettext_noop(
        "Today's limit of %(limit)s tokens is reached (%(spent)s are used). Nothing is lost: retry "
        "tomorrow, or ask the administrator to raise LLM_TOKENS_PER_DAY."
    ),
    "index_unreachable": gettext_noop(
        "The index of passages does not answer. Nothing is lost: retry when it is back."
    ),
    "index_refused": gettext_noop(
        "The index of passages refused the request: %(reason)s. Check its settings, then retry."
    ),
    "no_worker": gettext_noop(
        "No worker is running, so nothing moves. Nothing is lost: start one, and it goes on."
    ),
    "stopped": gettext_noop("The work was stopped before its end."),
    "no_sources": gettext_noop(
        "No source was chosen that can be read. Choose at least one source, or upload one."
    ),
    "nothing_to_write": gettext_noop(
        "Every section that was asked for is locked by an expert. Unlock one, then regenerate."
    ),
    "sources_failed": gettext_noop(
        "None of the chosen sources could be read: %(titles)s. Retry or replace them, then retry."
    ),
    "internal": gettext_noop(
        "Something unexpected happened (%(reason)s). Nothing is lost: retry, and tell the "
        "administrator if it happens again."
    ),
}


RETRYING = {
    "address_slow": gettext_noop("The site “%(host)s” did not send the file in time."),
    "address_status": gettext_noop("The site “%(host)s” answered with an error (code %(status)s)."),
    "address_unknown": gettext_noop("No site is called “%(host)s” so far."),
    "address_unreachable": gettext_noop("The site “%(host)s” does not answer."),
    "bad_answer": gettext_noop(
        "The model service gave an answer that cannot be used (%(reason)s). Nothing is lost."
    ),
    "index_unreachable": gettext_noop("The index of passages does not answer. Nothing is lost."),
    "internal": gettext_noop("Something unexpected happened (%(reason)s). Nothing is lost."),
    "service_busy": gettext_noop("The model service asks to slow down. Nothing is lost."),
    "service_cut_off": gettext_noop(
        "The model service at %(host)s cut the connection off. Nothing is lost."
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
        "old_office",
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
    }
)
"""Errors that a retry meets again as long as neither the file nor the limits change."""


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
    try:
        return _(message) % details
    except KeyError:  # a row stored before the message had this detail
        return _(SENTENCES["internal"]) % {"reason": code}
