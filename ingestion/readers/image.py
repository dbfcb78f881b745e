"""Read images: an image is one page without text; a TIFF may have several pages."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image, UnidentifiedImageError

from ingestion.readers import DocumentInfo, Limits, PageImage, PageText, Progress, ReadError
from ingestion.readers.pictures import MOST_PIXELS, encode_image

DEFAULT_DPI = 96.0


def check(file: str, limits: Limits) -> DocumentInfo:
    """Open an image and count its pages."""
    with _open_image(file) as image:
        count = _count_frames(image)
        if count > limits.pages:
            raise ReadError("too_many_pages", {"pages": count, "limit": limits.pages})
        return DocumentInfo(page_count=count)


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Yield pages without text, with their print size in points."""
    info = check(file, limits)
    yield info
    with _open_image(file) as image:
        for index in range(info.page_count):
            image.seek(index)
            scale = 72 / _dpi(image)
            width, height = image.width * scale, image.height * scale
            yield PageText(index + 1, "", width, height, doubt="no_text")


def draw(file: str, number: int, max_width: int) -> PageImage:
    """Return the image, or one page of a TIFF."""
    with _open_image(file) as image:
        if not 1 <= number <= _count_frames(image):
            raise ReadError("no_pages", {"page": number})
        image.seek(number - 1)
        return encode_image(image, max_width)


def picture(file: str, reference: str, max_width: int) -> PageImage:
    raise ReadError("not_drawn")


def _open_image(file: str) -> Image.Image:
    try:
        image = Image.open(file)
    except Image.DecompressionBombError as error:
        raise ReadError("too_much_memory", {"reason": str(error)}) from error
    except (UnidentifiedImageError, OSError) as error:
        raise ReadError("unreadable", {"reason": str(error)[:200]}) from error
    if image.width * image.height > MOST_PIXELS:
        raise ReadError("too_much_memory", {"pixels": image.width * image.height})
    return image


def _count_frames(image: Image.Image) -> int:
    """Return the number of pages; an animation counts as one page."""
    return int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1


def _dpi(image: Image.Image) -> float:
    stated = image.info.get("dpi", (DEFAULT_DPI, DEFAULT_DPI))
    try:
        dpi = float(stated[0])
    except (TypeError, ValueError, IndexError):
        return DEFAULT_DPI
    return dpi if 20 <= dpi <= 2400 else DEFAULT_DPI
