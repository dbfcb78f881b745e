"""Read Outlook's mails (.msg) with python-oxmsg; attachments one by one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from oxmsg import Message
from oxmsg.attachment import Attachment
from oxmsg.domain import constants as c
from oxmsg.properties import Properties

from ingestion.readers import (
    DocumentInfo,
    Limits,
    PageImage,
    PageText,
    Progress,
    ReadError,
)
from ingestion.readers.mail.message import MAX_ATTACHMENTS, Mail
from ingestion.readers.pictures import is_ornament
from ingestion.readers.text.encoding import decode_declared
from ingestion.readers.text.pagination import Item, paginate_blocks

_CONTENT_ID = 0x3712
_SHORT_NAME = 0x3704
_DISPLAY_NAME = 0x3001
_DISPLAY_TO, _DISPLAY_CC = 0x0E04, 0x0E03
_EMBEDDED = "3701000D"
"""End of the name of the storage of a mail that is attached to a mail."""

_EMBEDDED_OFFSET = 24
_DAMAGED = (ValueError, KeyError, OSError, struct.error, AssertionError, LookupError, IndexError)


def check(file: str, limits: Limits) -> DocumentInfo:
    """Return the metadata that the mail states."""
    return _parse_message(_load(file)).summary().info()


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the header and the body, then the mails attached, split into pages."""
    message = _load(file)
    mail = _parse_message(message)
    yield from mail.summary().document(paginate_blocks(_all_blocks(message, mail)))


def attachments(file: str, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each attached file; pictures that the body shows are none."""
    message = _load(file)
    shown = _parse_message(message)
    for name, attachment in _attached_files(message, shown.html):
        yield name, _data(attachment)


def draw(file: str, number: int, max_width: int) -> PageImage:
    raise ReadError("not_drawn")


def picture(file: str, reference: str, max_width: int) -> PageImage:
    """Return a picture that the mail carries and its body shows."""
    return _parse_message(_load(file)).picture(reference, max_width)


def _load(file: str) -> Message:
    with open(file, "rb") as content:  # noqa: PTH123  a descriptor of this process
        return Message.load(content)


def _parse_message(message: Message) -> Mail:
    properties = message.properties
    sent = _or_none(lambda: message.sent_date)
    mail = Mail(
        subject=_or_none(lambda: message.subject) or "",
        sender=_or_none(lambda: message.sender) or "",
        author=_string(properties, c.PID_SENDER_NAME),
        to=_string(properties, _DISPLAY_TO),
        cc=_string(properties, _DISPLAY_CC),
        date=sent.strftime("%d/%m/%Y %H:%M") if sent else "",
        created=sent.date().isoformat() if sent else "",
        plain=_string(properties, c.PID_BODY),
        html=_html(properties),
    )
    for attachment in list(message.attachments)[:MAX_ATTACHMENTS]:
        if key := _shown_as(attachment, mail.html):
            mail.pictures[key] = _data(attachment)
    mail.attached = [name for name, _ in _attached_files(message, mail.html)]
    return mail


def _all_blocks(message: Message, mail: Mail) -> Iterator[Item]:
    yield from mail.blocks()
    for attachment in message.attachments:
        inside: Any = attachment._storage
        for storage in inside.storages:
            if storage.name.endswith(_EMBEDDED):
                properties = Properties(storage, properties_header_offset=_EMBEDDED_OFFSET)
                inner = Mail(
                    subject=_string(properties, c.PID_SUBJECT),
                    sender=_string(properties, c.PID_SENDER_NAME),
                    to=_string(properties, _DISPLAY_TO),
                    plain=_string(properties, c.PID_BODY),
                    html=_html(properties),
                )
                yield from inner.blocks()


def _attached_files(message: Message, html: str) -> list[tuple[str, Attachment]]:
    """Return the attached files with their names; mails and pictures of the body are none."""
    found = [
        one
        for one in message.attachments
        if (data := _data(one)) and not _shown_as(one, html) and not is_ornament(data)
    ]
    return [
        (_name(attachment) or f"piece-{number}", attachment)
        for number, attachment in enumerate(found[:MAX_ATTACHMENTS], 1)
    ]


def _name(attachment: Attachment) -> str:
    properties = attachment.properties
    names = (c.PID_ATTACH_LONG_FILENAME, _SHORT_NAME, _DISPLAY_NAME)
    return next(filter(None, (_string(properties, name) for name in names)), "")


def _shown_as(attachment: Attachment, html: str) -> str:
    """Return the content id under which the body shows a picture, `""` if it does not."""
    key = _string(attachment.properties, _CONTENT_ID)
    return key if key and f"cid:{key}" in html else ""


def _data(attachment: Attachment) -> bytes:
    return _or_none(lambda: attachment.file_bytes) or b""


def _html(properties: Properties) -> str:
    data = _or_none(lambda: properties.binary_prop_value(c.PID_HTML))
    if data:
        encoding = _or_none(lambda: properties.body_encoding) or ""
        return decode_declared(data, encoding)
    return _string(properties, c.PID_BODY_HTML)


def _string(properties: Properties, pid: int) -> str:
    return _or_none(lambda: properties.str_prop_value(pid)) or ""


def _or_none(read_value: Any) -> Any:
    """Return the value of a property; None where it is missing or damaged."""
    try:
        return read_value()
    except _DAMAGED:
        return None
