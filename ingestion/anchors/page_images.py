"""Pages as pictures: drawn once, in a child process, then kept in the storage.

A picture and the places of its characters make one file, so that a page is there whole or not at
all, and every web process finds it, whichever of them drew it.
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
"""Pixels across a page that is read; twice what a column shows, for sharp letters."""

THUMBNAIL_WIDTH = 240
SECONDS = 15
"""A reader waits no longer for a picture; a page that takes more is shown as text alone."""

FAILURE_KEPT_SECONDS = 600


class StoredPageImage:
    """A page as a picture, read from the file in which it is kept.

    Raises ValueError when the file is not whole.
    """

    def __init__(self, kept: bytes) -> None:
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(kept))
            self._about: dict[str, Any] = json.loads(self._archive.read("about.json"))
            self.image = self._archive.read("image")
            self.media_type = str(self._about["media_type"])
            self.width = int(self._about["width"])
            self.height = int(self._about["height"])
        except (zipfile.BadZipFile, KeyError, ValueError) as error:
            raise ValueError("not a whole drawing") from error

    @property
    def chars(self) -> list[Char]:
        """Return the characters of the page with their boxes, in fractions of the page."""
        return [Char(*values) for values in json.loads(self._archive.read("chars.json"))]

    def highlight(self, quotes: Iterable[str], words: Iterable[Sequence[Any]] = ()) -> list[Rect]:
        """Return where the quotes stand on the picture, a rectangle a line.

        On a scan they are looked for among the `words` that were read there: word and box.
        """
        chars = [Char(*word) for word in words] or self.chars
        return [rect for quote in quotes for rect in find_quote_on_page(quote, chars)]


def pack_image(picture: PageImage) -> bytes:
    """Return the one file that keeps a picture and its characters."""
    about = {
        "media_type": picture.media_type,
        "width": picture.width,
        "height": picture.height,
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image", picture.data, zipfile.ZIP_STORED)
        archive.writestr("chars.json", json.dumps(picture.chars, separators=(",", ":")))
        archive.writestr("about.json", json.dumps(about))
    return file.getvalue()


def page_image_of(document: Document, number: int, width: int = WIDTH) -> StoredPageImage:
    """Return a page as a picture, drawn now if nobody has asked for it yet.

    Raises UserError when the file is gone or the page cannot be drawn; that is remembered for a
    while, so that a bad page is not tried again with each reader.
    """
    name = _image_name(document, number, width)
    kept = _stored_image(name)
    if kept is not None:
        return kept
    failure = cache.get(f"not-drawn:{name}")
    if failure:
        raise UserError(failure[0], **failure[1])
    content = pack_image(_draw_and_store(document, number, width, name))
    saved = default_storage.save(name, ContentFile(content))
    if saved != name:  # another process was first: one copy is enough
        default_storage.delete(saved)
    return StoredPageImage(content)


def figure_picture(document: Document, reference: str, digest: str) -> bytes:
    """Return a picture of a document as WebP, taken out of its file when it is first asked for.

    Raises UserError when the file is gone or has no such picture.
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
    """Delete the pictures of a document's pages; its row may be gone already."""
    folder = _folder(document)
    try:
        names = default_storage.listdir(folder)[1]
    except FileNotFoundError:
        return
    for name in names:
        default_storage.delete(f"{folder}/{name}")
    default_storage.delete(folder)


def _folder(document: Document) -> str:
    """Return where the pictures are; the hash parts documents that had the same number."""
    return f"pages/{document.pk}-{document.sha256[:12]}"


def _image_name(document: Document, number: int, width: int) -> str:
    return f"{_folder(document)}/{number}-{width}.zip"


def _stored_image(name: str) -> StoredPageImage | None:
    try:
        with default_storage.open(name) as file:
            return StoredPageImage(file.read())
    except FileNotFoundError:
        return None
    except ValueError:  # a process died while it wrote
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
    cache.set(f"not-drawn:{name}", (code, details), FAILURE_KEPT_SECONDS)
    raise UserError(code, **details)
