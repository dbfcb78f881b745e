"""The pictures of office documents."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from PIL import Image, UnidentifiedImageError

from ingestion.readers import Block, PageImage, ReadError
from ingestion.readers.office.guard import unread
from ingestion.readers.pictures import (
    displayable_picture,
    is_large_enough,
    picture_digest,
    read_member,
)
from ingestion.readers.text.pagination import Item

_UNDRAWN = frozenset({"WMF", "EMF"})
"""Formats of drawings that Pillow recognises without being able to draw them."""


@dataclass(slots=True)
class FigureReader:
    """Reads the pictures of a file, each once however often it is shown."""

    load: Callable[[str], bytes]  # returns the data of a picture by its name in the archive
    found: dict[str, tuple[bool, str]] = field(
        default_factory=dict
    )  # known format, digest if shown

    def items(self, reference: str, alt: str, name: str) -> Iterator[Item]:
        """Yield the block of a picture; a remark by its `name` where its format is not known.

        A short alternative text ("un") is taken for none.
        """
        if reference not in self.found:
            self.found[reference] = _inspect(self.load(reference))
        is_known, digest = self.found[reference]
        alt = alt if len(alt) > 2 else ""
        if alt or digest:
            yield Block("figure", alt, picture=reference if digest else "", digest=digest)
        if not is_known:
            yield unread(name)


def _inspect(data: bytes) -> tuple[bool, str]:
    """Tell whether the format of a picture is known, and return its digest if it is shown."""
    known = _is_known(data)
    return known, picture_digest(data) if known and is_large_enough(data) else ""


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
