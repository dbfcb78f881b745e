"""Store uploaded pictures, re-encoded to remove metadata and embedded data."""

import hashlib
import io
import re
import warnings
from pathlib import PurePosixPath
from typing import IO, Any

from django.core.files.base import ContentFile, File
from django.db import IntegrityError, transaction
from PIL import Image, ImageOps, UnidentifiedImageError

from sheets.models import Picture
from wikico2.errors import UserError
from wikico2.sizes import MEGABYTE

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MOST_BYTES = 20 * MEGABYTE
MOST_PIXELS = 60_000_000
WIDEST, HIGHEST = 1600, 2400
QUALITY = 82
ADDRESS = re.compile(r"/images/([0-9a-f]{16}-\d{1,5}x\d{1,5}\.webp)")


def save_picture(upload: File[Any], user: Any, title: str = "") -> Picture:
    """Store an upload as WebP of at most 1600 × 2400 pixels, without metadata.

    An equal picture is stored once. Raise UserError: not_a_picture, picture_too_large.
    """
    if (upload.size or 0) > MOST_BYTES:
        raise UserError("picture_too_large", limit=MOST_BYTES // MEGABYTE)
    content, size = reencode_picture(upload)
    name = f"{hashlib.sha256(content).hexdigest()[:16]}-{size[0]}x{size[1]}.webp"
    return store_picture(name, content, user, title or filename_title(upload.name or ""))


def store_picture(name: str, content: bytes, user: Any, title: str) -> Picture:
    """Store a picture under its name; return the stored one if there is one."""
    known = Picture.objects.filter(name=name).first()
    if known and known.file.storage.exists(known.file.name or ""):
        return known
    picture = known or Picture(name=name, title=title[:200], uploaded_by=user)
    picture.file.save(name, ContentFile(content), save=False)
    try:
        with transaction.atomic():
            picture.save()
    except IntegrityError:  # another request stored the same picture at the same time
        picture.file.delete(save=False)
        return Picture.objects.get(name=name)
    return picture


def picture_of(address: str) -> Picture | None:
    """Return the picture that an address in a text of this wiki leads to; None for any other."""
    match = ADDRESS.search(address)
    return Picture.objects.filter(name=match[1]).first() if match else None


def reencode_picture(upload: IO[bytes] | File[Any]) -> tuple[bytes, tuple[int, int]]:
    """Return a picture as WebP, with (width, height) in pixels; raise UserError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(upload, formats=FORMATS) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise UserError("picture_too_large", limit=MOST_BYTES // MEGABYTE)
                opened.draft("RGB", (2 * WIDEST, 2 * HIGHEST))
                turned = ImageOps.exif_transpose(opened)
                image = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError("picture_too_large", limit=MOST_BYTES // MEGABYTE) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise UserError("not_a_picture") from error
    image.thumbnail((WIDEST, HIGHEST))
    image.info.clear()
    output = io.BytesIO()
    image.save(output, "WEBP", quality=QUALITY, method=4)
    return output.getvalue(), image.size


def filename_title(name: str) -> str:
    """Return a title made from a file name."""
    stem = PurePosixPath(name.replace("\\", "/")).stem
    words = "".join(c for c in stem.replace("_", " ").replace("-", " ") if c.isprintable())
    return " ".join(words.split())[:200]


def markdown_of(picture: Picture) -> str:
    """Return the Markdown that shows a picture."""
    alt = re.sub(r"[\[\]\\]", "", picture.title)
    return f"![{alt}]({picture.get_absolute_url()})"
