"""Put the pictures that come with a page, in an archive or a mail, into the page itself."""

from __future__ import annotations

import base64
from collections.abc import Callable

from lxml.html import HtmlElement

MAX_PICTURE_BYTES = 20_000_000
"""Bytes of a picture above which it is left out."""


def embed_pictures(root: HtmlElement, load: Callable[[str], bytes | None]) -> None:
    """Replace the addresses of pictures for which `load` has the data by `data:` addresses."""
    for image in root.iter("img"):
        data = load(str(image.get("src") or ""))
        if data and len(data) <= MAX_PICTURE_BYTES:
            encoded = base64.b64encode(data).decode()
            image.set("src", f"data:image/any;base64,{encoded}")
