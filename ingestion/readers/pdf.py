"""Read PDFs: what the rest of the program calls. The work is done in a child process."""

from __future__ import annotations

import base64
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ingestion.readers import (
    Block,
    Char,
    DocumentInfo,
    Limits,
    PageImage,
    PageText,
    Progress,
    ReadError,
    media,
    sandbox,
)
from ingestion.readers.media import sniff

__all__ = ["check_pdf", "read_pdf", "render_page", "sniff"]

QUICK_SECONDS = 5.0
_TAIL = 2_048

Made = TypeVar("Made")


def read_pdf(
    path: Path, limits: Limits, *, progress: Progress | None = None
) -> Iterator[DocumentInfo | PageText]:
    """Yield what the document is, then each of its pages; `ReadError` when it cannot be read.

    A document of which no page has text raises no_text at the end, after its blank pages.
    """
    with _answers("read", path, limits) as answers:
        for answer in answers:
            if answer["kind"] == "progress":
                if progress is not None:
                    progress(int(answer["done"]), int(answer["pages"]))
            elif answer["kind"] == "info":
                yield _converted(_info, answer)
            else:
                yield _converted(_page, answer)


def check_pdf(path: Path, limits: Limits) -> DocumentInfo:
    """Open a document, count its pages and say what it is, or raise `ReadError`: all in seconds."""
    quick = replace(limits, wall_seconds=min(limits.wall_seconds, QUICK_SECONDS))
    with _answers("check", path, quick) as answers:
        return _converted(_info, next(answers))


def render_page(path: Path, number: int, limits: Limits, *, max_width: int = 1400) -> PageImage:
    """Draw one page, numbered from 1, with the place of each of its characters."""
    options = {"number": number, "max_width": max_width}
    with _answers("render", path, limits, **options) as answers:
        return _converted(_image, next(answers))


@contextmanager
def _answers(
    verb: str, path: Path, limits: Limits, **options: int
) -> Iterator[Generator[sandbox.Answer, None, None]]:
    """Give the answers of a child that ends with this block; explain what it cannot open."""
    _refuse_other_formats(path)
    try:
        with closing(sandbox.run(verb, path, limits, **options)) as answers:
            yield answers
    except ReadError as error:
        if error.code == "unreadable" and _is_cut_short(path):
            raise ReadError("truncated", error.details) from error
        raise


def _refuse_other_formats(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(media.HEADER_WINDOW)
    if not head:
        raise ReadError("empty_file")
    found = sniff(head)
    if found != media.PDF:
        raise ReadError("not_a_pdf", {"media_type": found})


def _is_cut_short(path: Path) -> bool:
    """Tell whether a file lacks the mark with which every PDF ends."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return b"%%EOF" not in file.read()


def _converted(convert: Callable[[sandbox.Answer], Made], answer: sandbox.Answer) -> Made:
    """Build a value of ours from an answer, which a file may have led astray."""
    try:
        return convert(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReadError("crashed", {"answer": type(error).__name__}) from error


def _info(answer: sandbox.Answer) -> DocumentInfo:
    return DocumentInfo(
        page_count=int(answer["page_count"]),
        title=str(answer["title"]),
        author=str(answer["author"]),
        language=str(answer["language"]),
        created=str(answer["created"]),
    )


def _page(answer: sandbox.Answer) -> PageText:
    blocks = tuple(
        Block(kind=str(kind), level=int(level), text=str(text))
        for kind, level, text in answer["blocks"]
    )
    return PageText(
        number=int(answer["number"]),
        text="\n\n".join(block.text for block in blocks),
        width=float(answer["width"]),
        height=float(answer["height"]),
        blocks=blocks,
    )


def _image(answer: sandbox.Answer) -> PageImage:
    return PageImage(
        data=base64.b64decode(answer["data"], validate=True),
        media_type=str(answer["media_type"]),
        width=int(answer["width"]),
        height=int(answer["height"]),
        chars=tuple(
            Char(str(char), float(x0), float(y0), float(x1), float(y1))
            for char, x0, y0, x1, y1 in answer["chars"]
        ),
    )
