"""A mail, whatever the format of its file, as blocks: its header as text, then its body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml.html import HtmlElement

from ingestion.readers import Block, PageImage, ReadError
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.text.embedded import embed_pictures
from ingestion.readers.text.html import embedded_picture, html_blocks, parse_html
from ingestion.readers.text.pagination import DocumentSummary, Item
from ingestion.readers.text.plain import text_blocks

MAX_ATTACHMENTS = 200
LONGEST_LINE = 2_000
_MEANING = re.compile(
    r"<(?:table|su[bp]|del|s|strike)[\s>]|line-through|vertical-align\s*:\s*su|display\s*:\s*none",
    re.IGNORECASE,
)
"""What programs drop when they make plain text of HTML: "10<sup>6</sup>" becomes "106"."""

_LABELS = (("sender", "De"), ("to", "À"), ("cc", "Copie à"), ("date", "Date"))


@dataclass(slots=True)
class Mail:
    """The parts of a mail that are read; texts are decoded.

    `date` is what the header shows, `created` its ISO 8601 day. `pictures` maps the content ids of
    the pictures that `html` shows.
    """

    subject: str = ""
    sender: str = ""
    author: str = ""
    to: str = ""
    cc: str = ""
    date: str = ""
    created: str = ""
    plain: str = ""
    html: str = ""
    pictures: dict[str, bytes] = field(default_factory=dict)
    attached: list[str] = field(default_factory=list)

    def summary(self) -> DocumentSummary:
        return DocumentSummary(title=self.subject, author=self.author, created=self.created)

    def blocks(self) -> Iterator[Item]:
        """Yield the subject, the header and the body."""
        if subject := _mail_line(self.subject):
            yield Block("heading", subject, 1)
        lines = [(label, _mail_line(getattr(self, name))) for name, label in _LABELS]
        if self.attached:
            lines.append(("Pièces jointes", _mail_line(", ".join(self.attached))))
        header = "\n".join(f"{label} : {text}" for label, text in lines if text)
        if header:
            yield Block("paragraph", header)
        if self.shows_html():
            yield from html_blocks(self.page())
        else:
            yield from text_blocks(self.plain)

    def shows_html(self) -> bool:
        """Tell whether the body is read from the HTML: it has what plain text cannot show."""
        if not self.html.strip():
            return False
        return not self.plain.strip() or bool(_MEANING.search(self.html) or self.pictures)

    def page(self) -> HtmlElement:
        """Return the HTML with the pictures that the mail carries."""
        root = parse_html(self.html)
        embed_pictures(root, lambda address: self.pictures.get(address.removeprefix("cid:")))
        return root

    def picture(self, reference: str, max_width: int) -> PageImage:
        """Return a picture of the HTML by the reference of its block."""
        if not self.shows_html():
            raise ReadError("not_drawn", {"reference": reference})
        return embedded_picture(self.page(), reference, max_width)


def _mail_line(text: str) -> str:
    return repair_text(" ".join(text.split()))[:LONGEST_LINE]
