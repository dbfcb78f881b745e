"""Read documents in other formats that Word inserts when it opens a file."""

from __future__ import annotations

import email
import email.policy

from ingestion.readers.text.encoding import decode_text
from ingestion.readers.text.html import find_content, html_blocks, parse_html
from ingestion.readers.text.pagination import Item
from ingestion.readers.text.plain import text_blocks


def inserted_text(data: bytes, name: str) -> list[Item]:
    """Return the blocks and remarks of an inserted web page, web archive or text."""
    if name.lower().endswith((".mht", ".mhtml")):
        message = email.message_from_bytes(data, policy=email.policy.default)
        body = message.get_body(("html", "plain"))
        if body is None:
            raise ValueError("no text")
        data, name = body.get_content().encode(), "a.html"
    if data.lstrip()[:5] == b"{\\rtf":
        raise ValueError("rich text")
    text = decode_text(data, states_encoding=True)
    if name.lower().endswith(".txt") and "<html" not in text[:1000].lower():
        return list(text_blocks(text))
    return list(html_blocks(find_content(parse_html(text))))
