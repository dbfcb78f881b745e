"""The process in which files are opened: `python -m ingestion.readers.child VERB OPTIONS`.

The file is its standard input. It answers on standard output, one JSON object a line: `progress`,
`info`, `page`, `image`, then `end`, or `error` with the code of a `ReadError`.
"""

from __future__ import annotations

import base64
import json
import re
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from ingestion.readers import DocumentInfo, Limits, PageText, ReadError
from ingestion.readers.layout import structure
from ingestion.readers.lines import RawPage
from ingestion.readers.text import language_of

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

FILE = "/dev/fd/0"
SECONDS_BETWEEN_PROGRESS = 0.2
SAMPLE = 40_000
"""Characters on which the language is counted."""

_FILE_NAME = re.compile(
    r"^microsoft word\b|\.(?:docx?|odt|indd|qxd|pdf|pptx?)$|^untitled|^sans titre", re.I
)


def confine(limits: Limits) -> None:
    """Bound what this process may use; it can never be loosened afterwards."""
    memory = limits.memory_mb * 1024 * 1024
    for what, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 2),  # first a signal
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, 64, 64),
    ):
        _, most = resource.getrlimit(what)
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        resource.setrlimit(what, (soft, hard))


def say(kind: str, **fields: object) -> None:
    """Write one answer; a parent that has gone ends the process."""
    sys.stdout.write(json.dumps({"kind": kind, **fields}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def check(limits: Limits, _: dict[str, Any]) -> None:
    """Say what the document is without reading its pages."""
    from ingestion.readers import pdfium

    document = pdfium.open_document(FILE)
    count = _count_pages(document, limits)
    say("info", **asdict(DocumentInfo(count, **pdfium.metadata(document))))


def read(limits: Limits, _: dict[str, Any]) -> None:
    """Say what the document is, then its pages one by one."""
    from ingestion.readers import pdfium

    document = pdfium.open_document(FILE)
    count = _count_pages(document, limits)
    scanned = _scan(document, count, limits)
    broken = sum(page.width == 0 for page in scanned)
    pages = structure(scanned, pdfium.outline(document))
    sample = _until(pages, SAMPLE)
    about = pdfium.metadata(document)
    if not about["title"] or _FILE_NAME.search(about["title"]):
        about["title"] = _first_title(sample)
    language = language_of("\n".join(page.text for page in sample)[:SAMPLE])
    say("info", **asdict(DocumentInfo(count, language=language, **about)))
    blank = True
    for page in chain(sample, pages):
        blocks = [(block.kind, block.level, block.text) for block in page.blocks]
        say("page", number=page.number, width=page.width, height=page.height, blocks=blocks)
        blank = blank and not page.text
    if blank:
        raise ReadError("unreadable" if broken == count else "no_text", {"broken": broken})


def render(limits: Limits, options: dict[str, Any]) -> None:
    """Draw one page."""
    from ingestion.readers import pdfium

    document = pdfium.open_document(FILE)
    image = pdfium.draw_page(document, int(options["number"]), int(options["max_width"]))
    say(
        "image",
        data=base64.b64encode(image.data).decode(),
        media_type=image.media_type,
        width=image.width,
        height=image.height,
        chars=image.chars,
    )


def _count_pages(document: PdfDocument, limits: Limits) -> int:
    count = len(document)
    if count < 1:
        raise ReadError("no_pages")
    if count > limits.pages:
        raise ReadError("too_many_pages", {"pages": count, "limit": limits.pages})
    return count


def _scan(document: PdfDocument, count: int, limits: Limits) -> list[RawPage]:
    from ingestion.readers import pdfium

    pages: list[RawPage] = []
    room = limits.characters
    rows_in_one = pdfium.draws_rows_in_one(document)
    told = time.monotonic()
    for index in range(count):
        page = pdfium.read_page(document, index, room, rows_in_one=rows_in_one)
        room -= sum(len(line.text) for line in page.lines)
        pages.append(page)
        if time.monotonic() - told > SECONDS_BETWEEN_PROGRESS:
            told = time.monotonic()
            say("progress", done=index + 1, pages=count)
    return pages


def _first_title(pages: Sequence[PageText]) -> str:
    """Return the first heading of the first page, where the file does not give its title."""
    headings = [block for block in pages[0].blocks if block.kind == "heading"]
    return min(headings, key=lambda block: block.level).text if headings else ""


def _until(pages: Iterator[PageText], characters: int) -> list[PageText]:
    """Return the first pages that have so many characters together."""
    taken: list[PageText] = []
    for page in pages:
        taken.append(page)
        characters -= len(page.text)
        if characters < 0:
            break
    return taken


VERBS = {"check": check, "read": read, "render": render}


def main(verb: str, options: dict[str, Any]) -> int:
    """Answer one request; the exit status is 0 whenever the answer is whole."""
    limits = Limits(**options.pop("limits"))
    confine(limits)
    try:
        VERBS[verb](limits, options)
    except ReadError as error:
        say("error", code=error.code, details=error.details)
    except MemoryError:
        say("error", code="too_much_memory", details={"limit_mb": limits.memory_mb})
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    else:
        say("end")
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1], json.loads(sys.argv[2])))
