"""Pictures inside documents: size check, digest, and conversion to WebP."""

from __future__ import annotations

import hashlib
import io
import zipfile

from PIL import Image, UnidentifiedImageError

from ingestion.readers import Block, PageImage, ReadError

LEAST_WIDTH, LEAST_HEIGHT = 200, 120
"""Pixels; a smaller picture is taken for a logo or ornament and ignored."""

MOST_PIXELS = 80_000_000
MOST_BYTES = 60_000_000


def figure_block(data: bytes, reference: str, text: str = "") -> Block | None:
    """Return the block of a figure; None for a picture without text that is too small."""
    is_shown = is_large_enough(data)
    if not text and not is_shown:
        return None
    picture = reference if is_shown else ""
    return Block("figure", text, picture=picture, digest=picture_digest(data) if picture else "")


def is_large_enough(data: bytes) -> bool:
    """Tell whether a picture can be opened and is larger than a logo or ornament."""
    if (size := _size(data)) is None:
        return False
    width, height = size
    return (
        width >= LEAST_WIDTH
        and height >= LEAST_HEIGHT
        and width * height <= MOST_PIXELS
        and max(width, height) < 12 * min(width, height)
    )


def is_ornament(data: bytes) -> bool:
    """Tell whether data is a picture too small to show anything, as logos in mails are."""
    size = _size(data)
    return size is not None and (size[0] < LEAST_WIDTH or size[1] < LEAST_HEIGHT)


def _size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height of a picture in pixels; None if it cannot be opened."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None


def picture_digest(data: bytes) -> str:
    """Return the SHA-256 of a picture, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def displayable_picture(data: bytes, max_width: int) -> PageImage:
    """Return a picture in a format that browsers and models accept."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return encode_image(image, max_width)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ReadError("unreadable", {"reason": str(error)[:200]}) from error


def encode_image(image: Image.Image, max_width: int) -> PageImage:
    """Return a picture as WebP, at most `max_width` pixels wide and four times that high."""
    if image.width * image.height > MOST_PIXELS:
        raise ReadError("too_much_memory", {"pixels": image.width * image.height})
    image.draft("RGB", (max_width, 4 * max_width))
    if image.mode in {"RGBA", "LA", "P", "PA"}:
        rgba = image.convert("RGBA")
        image = Image.new("RGB", rgba.size, "white")
        image.paste(rgba, mask=rgba.getchannel("A"))
    if image.mode == "RGB":  # resized before it is copied, to save memory
        image.thumbnail((max_width, 4 * max_width))
    image = image.convert("RGB")
    image.thumbnail((max_width, 4 * max_width))
    output = io.BytesIO()
    image.save(output, "WEBP", quality=82, method=2)
    return PageImage(output.getvalue(), "image/webp", image.width, image.height)


def read_member(file: str, name: str) -> bytes:
    """Return one member of a ZIP archive; raise `ReadError` if it is missing or too large."""
    try:
        with zipfile.ZipFile(file) as archive:
            if archive.getinfo(name).file_size > MOST_BYTES:
                raise ReadError("too_much_memory", {"member": name})
            return archive.read(name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ReadError("not_drawn", {"reference": name}) from error
