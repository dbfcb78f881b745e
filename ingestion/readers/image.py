"""Read images: each is a page to be looked at; a TIFF may have several."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image, UnidentifiedImageError

from ingestion.readers import DocumentInfo, Limits, PageImage, PageText, Progress, ReadError
from ingestion.readers.pictures import MOST_PIXELS, encode_image

DEFAULT_DPI = 96.0


def check(file: str, limits: Limits) -> DocumentInfo:
    """Count the pages of an image that can be opened."""
    with _opened(file) as image:
        count = _count_frames(image)
        if count > limits.pages:
            raise ReadError("too_many_pages", {"pages": count, "limit": limits.pages})
        return DocumentInfo(page_count=count)


def read(file: str, limits: Limits, progress: Progress) -> Iterator[DocumentInfo | PageText]:
    """Yield pages without text, of the size at which they would be printed."""
    info = check(file, limits)
    yield info
    with _opened(file) as image:
        for index in range(info.page_count):
            image.seek(index)
            scale = 72 / _dpi(image)
            width, height = image.width * scale, image.height * scale
            yield PageText(index + 1, "", width, height, doubt="no_text")


def draw(file: str, number: int, max_width: int) -> PageImage:
    """Give the image, or one page of it."""
    with _opened(file) as image:
        if not 1 <= number <= _count_frames(image):
            raise ReadError("no_pages", {"page": number})
        image.seek(number - 1)
        return encode_image(image, max_width)


def picture(file: str, reference: str, max_width: int) -> PageImage:
    raise ReadError("not_drawn")


def _opened(file: str) -> Image.Image:
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
    """Return how many pages there are; the frames of an animation are one."""
    return int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1


def _dpi(image: Image.Image) -> float:
    stated = image.info.get("dpi", (DEFAULT_DPI, DEFAULT_DPI))
    try:
        dpi = float(stated[0])
    except (TypeError, ValueError, IndexError):
        return DEFAULT_DPI
    return dpi if 20 <= dpi <= 2400 else DEFAULT_DPI
