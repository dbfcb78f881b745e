"""The pictures of office documents."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image, UnidentifiedImageError

from ingestion.readers import PageImage, ReadError
from ingestion.readers.office.guard import unread
from ingestion.readers.pictures import displayable_picture, figure_block, read_member
from ingestion.readers.text.pagination import Item

_UNDRAWN = frozenset({"WMF", "EMF"})
"""Formats of drawings that Pillow recognises without being able to draw them."""


def figure_items(data: bytes, reference: str, alt: str, name: str) -> Iterator[Item]:
    """Yield the block of a picture; a remark by its `name` where its format is not known.

    A short alternative text ("un") is taken for none.
    """
    alt = alt if len(alt) > 2 else ""
    known = _is_known(data)
    block = figure_block(data if known else b"", reference, alt)
    if block is not None:
        yield block
    if not known:
        yield unread(name)


def _is_known(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.format not in _UNDRAWN
    except Image.DecompressionBombError:
        return True  # a picture too large to show
    except (UnidentifiedImageError, OSError, ValueError):
        return False


def draw(file: str, number: int, max_width: int) -> PageImage:
    """Raise "not_drawn": only the program that wrote the document can lay out its pages."""
    raise ReadError("not_drawn")


def picture(file: str, reference: str, max_width: int) -> PageImage:
    """Return a picture by its name in the archive."""
    return displayable_picture(read_member(file, reference), max_width)
