"""The child process that opens files: `python -m ingestion.readers.sandbox.child VERB OPTIONS`.

The file is its standard input. It writes one JSON object per line to standard output: `progress`,
`info`, `page`, `image`, `attachment`, `piece`, then `end`, or `error` with the code of a
`ReadError`.
"""

from __future__ import annotations

import base64
import json
import resource
import sys
import time
from dataclasses import asdict
from importlib import import_module
from typing import Any, cast

from ingestion.readers import (
    AttachingReader,
    DocumentInfo,
    Limits,
    PageImage,
    PageText,
    Reader,
    ReadError,
)
from ingestion.readers.sandbox.memory import peak_mb

FILE = "/dev/fd/0"
SECONDS_BETWEEN_PROGRESS = 0.2
PIECE_BYTES = 1 << 20


def limit_resources(limits: Limits) -> None:
    """Set the resource limits of this process; they cannot be raised afterwards."""
    memory = limits.memory_mb * 1024 * 1024
    for what, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 2),  # SIGXCPU comes first
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, 64, 64),
    ):
        _, most = resource.getrlimit(what)
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        resource.setrlimit(what, (soft, hard))


def write_answer(kind: str, **fields: object) -> None:
    """Write one answer; `BrokenPipeError` if the parent has ended."""
    sys.stdout.write(json.dumps({"kind": kind, **fields}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def answer_check(reader: Reader, limits: Limits, _: dict[str, Any]) -> None:
    """Write the metadata of the document without reading its pages."""
    write_answer("info", **asdict(reader.check(FILE, limits)))


def answer_read(reader: Reader, limits: Limits, _: dict[str, Any]) -> None:
    """Write the metadata of the document, then its pages one by one."""
    characters_left = limits.characters
    for item in reader.read(FILE, limits, _Progress()):
        if isinstance(item, DocumentInfo):
            write_answer("info", **asdict(item))
            continue
        characters_left -= len(item.text)
        if item.number > limits.pages:
            raise ReadError("too_many_pages", {"limit": limits.pages})
        if characters_left < 0:
            raise ReadError("too_much_text", {"page": item.number})
        write_page_answer(item)


def write_page_answer(page: PageText) -> None:
    """Write a page."""
    write_answer(
        "page",
        number=page.number,
        width=page.width,
        height=page.height,
        doubt=page.doubt,
        blocks=[block.fields() for block in page.blocks],
        remarks=[asdict(remark) for remark in page.remarks],
    )


def answer_render(reader: Reader, _: Limits, options: dict[str, Any]) -> None:
    """Render one page."""
    write_image_answer(reader.draw(FILE, int(options["number"]), int(options["max_width"])))


def answer_picture(reader: Reader, _: Limits, options: dict[str, Any]) -> None:
    """Write one picture of the document."""
    write_image_answer(reader.picture(FILE, str(options["reference"]), int(options["max_width"])))


def answer_attachments(reader: Reader, limits: Limits, _: dict[str, Any]) -> None:
    """Write the files attached to the document: the name of each, then its content in pieces."""
    for name, data in cast(AttachingReader, reader).attachments(FILE, limits):
        write_answer("attachment", name=name)
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            write_answer("piece", data=base64.b64encode(piece).decode())


def write_image_answer(image: PageImage) -> None:
    """Write a picture."""
    write_answer(
        "image",
        data=base64.b64encode(image.data).decode(),
        media_type=image.media_type,
        width=image.width,
        height=image.height,
        chars=image.chars,
    )


class _Progress:
    """Writes progress, at most once per `SECONDS_BETWEEN_PROGRESS`."""

    def __init__(self) -> None:
        self.last_written = time.monotonic()

    def __call__(self, done: int, pages: int) -> None:
        if time.monotonic() - self.last_written > SECONDS_BETWEEN_PROGRESS:
            self.last_written = time.monotonic()
            write_answer("progress", done=done, pages=pages)


VERBS = {
    "check": answer_check,
    "read": answer_read,
    "render": answer_render,
    "picture": answer_picture,
    "attachments": answer_attachments,
}


def answer_request(verb: str, options: dict[str, Any]) -> int:
    """Answer one request; return the exit status, 0 if the answer is complete."""
    limits = Limits(**options.pop("limits"))
    limit_resources(limits)
    try:
        reader = cast(Reader, import_module(f"ingestion.readers.{options['module']}"))
        VERBS[verb](reader, limits, options)
    except ReadError as error:
        write_answer("error", code=error.code, details=error.details)
    except MemoryError:
        write_answer("error", code="too_much_memory", details={"limit_mb": limits.memory_mb})
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:  # noqa: BLE001  the libraries raise anything on a bad file
        code = "too_much_memory" if limits.is_out_of_memory(peak_mb()) else "unreadable"
        write_answer(
            "error", code=code, details={"reason": f"{type(error).__name__}: {error}"[:300]}
        )
    else:
        write_answer("end")
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    sys.exit(answer_request(sys.argv[1], json.loads(sys.argv[2])))
