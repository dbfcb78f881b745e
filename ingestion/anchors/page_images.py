"""Page images: rendered once, in a child process, then cached in the storage.

An image and its character positions are stored in one file, so that a page is cached completely or
not at all. All web processes share the cache.
"""

import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from ingestion.anchors.page_highlight import find_quote_on_page
from ingestion.intake.files import local_copy
from ingestion.intake.upload import read_limits
from ingestion.models import Document
from ingestion.readers import Char, Limits, PageImage, ReadError, Rect
from ingestion.readers.api import read_picture, render_page
from wikico2.errors import UserError

WIDTH = 1200
"""Width of a page image in pixels: twice the width of its column, for sharp text."""

THUMBNAIL_WIDTH = 240
SECONDS = 15
"""Time limit to render a picture; a page that takes longer is displayed as text only."""

FAILURE_CACHE_SECONDS = 600


class StoredPageImage:
    """A page image, read from its cached file.

    Raises ValueError if the file is incomplete.
    """

    def __init__(self, stored: bytes) -> None:
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(stored))
            self._metadata: dict[str, Any] = json.loads(self._archive.read("about.json"))
            self.image = self._archive.read("image")
            self.media_type = str(self._metadata["media_type"])
            self.width = int(self._metadata["width"])
            self.height = int(self._metadata["height"])
        except (zipfile.BadZipFile, KeyError, ValueError) as error:
            raise ValueError("incomplete page image") from error

    @property
    def chars(self) -> list[Char]:
        """Return the characters of the page with their boxes, in fractions of the page size."""
        return [Char(*values) for values in json.loads(self._archive.read("chars.json"))]

    def highlight(
        self, quotes: Iterable[str], words: Iterable[Sequence[Any]] = (), *, in_parts: bool = False
    ) -> list[Rect]:
        """Return the rectangles that cover the quotes on the image, one per line (`find_quote`).

        On a scan the quotes are searched for among the `words` found by OCR: word and box.
        """
        chars = [Char(*word) for word in words] or self.chars
        return [
            rect for quote in quotes for rect in find_quote_on_page(quote, chars, in_parts=in_parts)
        ]


def pack_image(picture: PageImage) -> bytes:
    """Return the content of the file that stores an image and its characters."""
    metadata = {
        "media_type": picture.media_type,
        "width": picture.width,
        "height": picture.height,
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image", picture.data, zipfile.ZIP_STORED)
        archive.writestr("chars.json", json.dumps(picture.chars, separators=(",", ":")))
        archive.writestr("about.json", json.dumps(metadata))
    return file.getvalue()


def page_image_of(document: Document, number: int, width: int = WIDTH) -> StoredPageImage:
    """Return the image of a page, rendering it if it is not cached yet.

    Raises UserError if the file is missing or the page cannot be rendered. The failure is cached
    for `FAILURE_CACHE_SECONDS`, so that a bad page is not rendered again at each request.
    """
    name = _image_name(document, number, width)
    stored = _stored_image(name)
    if stored is not None:
        return stored
    failure = cache.get(f"not-drawn:{name}")
    if failure:
        raise UserError(failure[0], **failure[1])
    content = pack_image(_draw_and_store(document, number, width, name))
    saved = default_storage.save(name, ContentFile(content))
    if saved != name:  # another process has stored it meanwhile: one copy is enough
        default_storage.delete(saved)
    return StoredPageImage(content)


def figure_picture(document: Document, reference: str, digest: str) -> bytes:
    """Return a picture of a document as WebP, extracting it if it is not cached yet.

    Raises UserError if the file is missing or has no such picture.
    """
    name = f"{_folder(document)}/figure-{digest[:32]}.webp"
    try:
        with default_storage.open(name) as file:
            return bytes(file.read())
    except FileNotFoundError:
        pass
    if failure := cache.get(f"not-drawn:{name}"):
        raise UserError(failure[0], **failure[1])
    try:
        with local_copy(document) as path:
            kind = document.media_type
            picture = read_picture(path, kind, reference, _draw_limits(), max_width=WIDTH)
    except FileNotFoundError:
        _raise_draw_error(name, "file_missing", {})
    except ReadError as error:
        _raise_draw_error(name, error.code, {"limit": SECONDS, **error.details})
    saved = default_storage.save(name, ContentFile(picture.data))
    if saved != name:
        default_storage.delete(saved)
    return picture.data


def delete_page_images(document: Document) -> None:
    """Delete the cached pictures of a document; its row may be deleted already."""
    folder = _folder(document)
    try:
        names = default_storage.listdir(folder)[1]
    except FileNotFoundError:
        return
    for name in names:
        default_storage.delete(f"{folder}/{name}")
    default_storage.delete(folder)


def _folder(document: Document) -> str:
    """Return the folder of the cached pictures; the hash tells apart documents that reuse an id."""
    return f"pages/{document.pk}-{document.sha256[:12]}"


def _image_name(document: Document, number: int, width: int) -> str:
    return f"{_folder(document)}/{number}-{width}.zip"


def _stored_image(name: str) -> StoredPageImage | None:
    try:
        with default_storage.open(name) as file:
            return StoredPageImage(file.read())
    except FileNotFoundError:
        return None
    except ValueError:  # a process ended while writing it
        default_storage.delete(name)
        return None


def _draw_and_store(document: Document, number: int, width: int, name: str) -> PageImage:
    try:
        with local_copy(document) as path:
            return render_page(path, document.media_type, number, _draw_limits(), max_width=width)
    except FileNotFoundError:
        _raise_draw_error(name, "file_missing", {})
    except ReadError as error:
        _raise_draw_error(name, error.code, {"limit": SECONDS, **error.details})


def _draw_limits() -> Limits:
    return replace(read_limits(), cpu_seconds=SECONDS, wall_seconds=SECONDS)


def _raise_draw_error(name: str, code: str, details: dict[str, Any]) -> NoReturn:
    cache.set(f"not-drawn:{name}", (code, details), FAILURE_CACHE_SECONDS)
    raise UserError(code, **details)
