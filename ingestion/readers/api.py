"""Read files of any format in a child process: the public functions of this package."""

from __future__ import annotations

import base64
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TypeVar

from ingestion.readers import (
    Block,
    Char,
    DocumentInfo,
    Limits,
    PageImage,
    PageText,
    Progress,
    ReadError,
    Remark,
)
from ingestion.readers.media_type import PDF
from ingestion.readers.registry import FORMATS, refusal_code
from ingestion.readers.sandbox.convert import converted_file, find_office
from ingestion.readers.sandbox.parent import Answer, run_reader

__all__ = ["check_document", "read_attachments", "read_document", "read_picture", "render_page"]

QUICK_SECONDS = 5.0
_TAIL_BYTES = 2_048

Converted = TypeVar("Converted")


def read_document(
    path: Path, media_type: str, limits: Limits, *, progress: Progress | None = None
) -> Iterator[DocumentInfo | PageText]:
    """Yield the metadata of a document, then each page; raise `ReadError` if it cannot be read.

    Pages without text are included; the caller decides what to do with a document without any text.
    """
    with _answers("read", path, media_type, limits) as answers:
        for answer in answers:
            if answer["kind"] == "progress":
                if progress is not None:
                    progress(int(answer["done"]), int(answer["pages"]))
            elif answer["kind"] == "info":
                yield _converted(_info_from_answer, answer)
            else:
                yield _converted(_page_from_answer, answer)


def check_document(path: Path, media_type: str, limits: Limits) -> DocumentInfo:
    """Return the metadata of a document within `QUICK_SECONDS`, or raise `ReadError`.

    `page_count` is 0 when only a full read can count the pages.
    """
    quick = replace(limits, wall_seconds=min(limits.wall_seconds, QUICK_SECONDS))
    with _answers("check", path, media_type, quick) as answers:
        return _converted(_info_from_answer, next(answers))


def render_page(
    path: Path, media_type: str, number: int, limits: Limits, *, max_width: int = 1400
) -> PageImage:
    """Render one page, numbered from 1, with the position of each character."""
    options: dict[str, int | str] = {"number": number, "max_width": max_width}
    with _answers("render", path, media_type, limits, **options) as answers:
        return _converted(_image_from_answer, next(answers))


def read_picture(
    path: Path, media_type: str, reference: str, limits: Limits, *, max_width: int = 1400
) -> PageImage:
    """Return the picture that a block of the document refers to, as WebP."""
    options: dict[str, int | str] = {"reference": reference, "max_width": max_width}
    with _answers("picture", path, media_type, limits, **options) as answers:
        return _converted(_image_from_answer, next(answers))


def read_attachments(
    path: Path, media_type: str, limits: Limits
) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and the content of each file attached to a document, such as a mail.

    A file is closed when the next one is asked for. Formats without attachments yield none.
    """
    if not FORMATS[media_type].attaches:
        return
    with _answers("attachments", path, media_type, limits) as answers:
        pending = next(answers, None)
        while pending is not None:
            name = str(pending.get("name", ""))
            with TemporaryFile() as content:
                while (pending := next(answers, None)) and pending["kind"] == "piece":
                    content.write(_converted(_piece_from_answer, pending))
                content.seek(0)
                yield name, content


@contextmanager
def _answers(
    verb: str, path: Path, media_type: str, limits: Limits, **options: int | str
) -> Iterator[Generator[Answer, None, None]]:
    """Give the answers of a child process, killed at the end of the `with` block.

    Raise `ReadError` for an empty file, an unknown format or a PDF cut short. A file of an old
    format is converted first, save for a check.
    """
    if not path.stat().st_size:
        raise ReadError("empty_file")
    if media_type not in FORMATS:
        raise ReadError(refusal_code(media_type), {"media_type": media_type})
    form = FORMATS[media_type]
    if form.converted_to and verb == "check" and not find_office():
        raise ReadError("old_office", {"media_type": media_type})
    if form.converted_to and verb != "check":
        target = FORMATS[form.converted_to]
        with converted_file(path, form.extension, target.extension, limits) as converted:
            with _answers(verb, converted, target.media_type, limits, **options) as answers:
                yield answers
            return
    options["module"] = form.module
    try:
        with closing(run_reader(verb, path, limits, **options)) as answers:
            yield answers
    except ReadError as error:
        if error.code == "unreadable" and media_type == PDF and _is_cut_short(path):
            raise ReadError("truncated", error.details) from error
        raise


def _is_cut_short(path: Path) -> bool:
    """Tell whether the end of a PDF lacks the `%%EOF` marker."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return b"%%EOF" not in file.read()


def _converted(convert: Callable[[Answer], Converted], answer: Answer) -> Converted:
    """Convert an answer to one of our types; the untrusted child may send a malformed one."""
    try:
        return convert(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReadError("crashed", {"answer": type(error).__name__}) from error


def _info_from_answer(answer: Answer) -> DocumentInfo:
    return DocumentInfo(
        page_count=int(answer["page_count"]),
        title=str(answer["title"]),
        author=str(answer["author"]),
        language=str(answer["language"]),
        created=str(answer["created"]),
        publisher=str(answer["publisher"]),
        licence=str(answer["licence"]),
    )


def _page_from_answer(answer: Answer) -> PageText:
    blocks = tuple(_block_from_answer(**block) for block in answer["blocks"])
    return PageText(
        number=int(answer["number"]),
        text="\n\n".join(block.text for block in blocks),
        width=float(answer["width"]),
        height=float(answer["height"]),
        blocks=blocks,
        doubt=str(answer["doubt"]),
        remarks=tuple(_remark_from_answer(**remark) for remark in answer["remarks"]),
    )


def _block_from_answer(*, kind: str, text: str, level: int = 0, **others: str) -> Block:
    texts = {name: str(value) for name, value in others.items()}
    return Block(str(kind), str(text), int(level), **texts)


def _remark_from_answer(*, code: str, count: int, detail: str) -> Remark:
    return Remark(str(code), int(count), str(detail))


def _piece_from_answer(answer: Answer) -> bytes:
    return base64.b64decode(answer["data"], validate=True)


def _image_from_answer(answer: Answer) -> PageImage:
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
