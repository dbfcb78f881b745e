"""Read mails as files (.eml, also .mht) with the standard library; attachments one by one."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.readers import DocumentInfo, Limits, PageImage, PageText, Progress, ReadError
from ingestion.readers.mail.message import MAX_ATTACHMENTS, Mail
from ingestion.readers.pictures import is_ornament
from ingestion.readers.text.encoding import decode_declared
from ingestion.readers.text.pagination import paginate_blocks

MAX_PARTS = 2_000
_ENCRYPTED = ("application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted")

if TYPE_CHECKING:
    Part = Message[str, str]
else:
    Part = Message  # no generic class in Python 3.11


def check(file: str, limits: Limits) -> DocumentInfo:
    """Return the metadata that the header states."""
    return _parse_mail(file).mail.summary().info()


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Read the header and the body, split into pages."""
    mail = _parse_mail(file).mail
    yield from mail.summary().document(paginate_blocks(mail.blocks()))


def attachments(file: str, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each attachment; pictures that the body shows are none."""
    for name, part in _parse_mail(file).attached:
        yield name, _content(part)


def draw(file: str, number: int, max_width: int) -> PageImage:
    raise ReadError("not_drawn")


def picture(file: str, reference: str, max_width: int) -> PageImage:
    """Return a picture that the mail carries and its body shows."""
    return _parse_mail(file).mail.picture(reference, max_width)


@dataclass(slots=True)
class _ParsedMail:
    mail: Mail
    attached: list[tuple[str, Part]] = field(default_factory=list)


def _parse_mail(file: str) -> _ParsedMail:
    with Path(file).open("rb") as content:
        message: Part = email.message_from_binary_file(content, policy=email.policy.compat32)
    if message.get_content_type() in _ENCRYPTED and "signed" not in str(message["Content-Type"]):
        raise ReadError("encrypted")
    date = _header(message, "Date")
    sent = _parse_date(date)
    parsed = _ParsedMail(
        Mail(
            subject=_header(message, "Subject"),
            sender=_header(message, "From"),
            author=_author(_header(message, "From")),
            to=_header(message, "To"),
            cc=_header(message, "Cc"),
            date=sent.strftime("%d/%m/%Y %H:%M") if sent else date,
            created=sent.date().isoformat() if sent else "",
        )
    )
    for part in _leaf_parts(message):
        _add_part(parsed, part)
    parsed.mail.attached = [name for name, _ in parsed.attached]
    return parsed


def _leaf_parts(message: Part) -> Iterator[Part]:
    """Yield the parts that hold content, in order; an attached mail is one."""
    pending = [message]
    for _ in range(MAX_PARTS):
        if not pending:
            return
        part = pending.pop()
        payload = part.get_payload()
        if isinstance(payload, list) and part.get_content_maintype() == "multipart":
            pending.extend(reversed([one for one in payload if isinstance(one, Message)]))
        else:
            yield part


def _add_part(parsed: _ParsedMail, part: Part) -> None:
    """Add a part to the body, to the pictures of the body, or to the attachments."""
    mail, kind = parsed.mail, part.get_content_type()
    name = _file_name(part)
    is_attached = part.get_content_disposition() == "attachment" or bool(name)
    if not is_attached and kind == "text/plain":
        mail.plain = "\n\n".join(filter(None, [mail.plain, _text(part)]))
    elif not is_attached and kind == "text/html":
        mail.html = mail.html or _text(part)
    elif kind != "message/rfc822" and is_ornament(_content(part)):
        return
    elif part.get_content_maintype() == "image" and _is_shown(mail, part):
        address = str(part.get("Content-Location") or "").strip()
        for key in (str(part.get("Content-ID") or "").strip("<> \t\r\n"), address):
            if key:
                mail.pictures[key] = _content(part)
    elif kind == "message/rfc822" and len(parsed.attached) < MAX_ATTACHMENTS:
        parsed.attached.append((name or f"{_subject_of(part)}.eml", part))
    elif (is_attached or part.get_content_maintype() not in ("text", "multipart", "message")) and (
        len(parsed.attached) < MAX_ATTACHMENTS
    ):
        parsed.attached.append((name or f"piece-{len(parsed.attached) + 1}", part))


def _is_shown(mail: Mail, part: Part) -> bool:
    """Tell whether the body shows a picture, or the mail asks to show it."""
    content_id = str(part.get("Content-ID") or "").strip("<> \t\r\n")
    if content_id and f"cid:{content_id}" in mail.html:
        return True
    return part.get_content_disposition() == "inline" or bool(part.get("Content-Location"))


def _content(part: Part) -> bytes:
    """Return the decoded content of a part; of an attached mail, the mail as a file."""
    payload = part.get_payload()
    if isinstance(payload, list):
        inner = payload[0] if payload else None
        return inner.as_bytes() if isinstance(inner, Message) else b""
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _text(part: Part) -> str:
    return decode_declared(_content(part), str(part.get_content_charset() or ""))


def _header(message: Part, name: str) -> str:
    """Return a decoded header; what cannot be decoded stays as it is."""
    raw = str(message.get(name) or "")
    try:
        pieces = decode_header(raw)
    except (ValueError, LookupError):
        return raw
    return "".join(
        decode_declared(piece, charset or "") if isinstance(piece, bytes) else piece
        for piece, charset in pieces
    )


def _file_name(part: Part) -> str:
    try:
        name = part.get_filename() or ""
        pieces = decode_header(name)
    except (ValueError, LookupError, TypeError):
        return ""
    return "".join(
        decode_declared(piece, charset or "") if isinstance(piece, bytes) else piece
        for piece, charset in pieces
    )


def _subject_of(part: Part) -> str:
    payload = part.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    return (_header(inner, "Subject") if isinstance(inner, Message) else "")[:100] or "message"


def _author(sender: str) -> str:
    name, address = parseaddr(sender)
    return name or address


def _parse_date(date: str) -> datetime | None:
    try:
        return parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
