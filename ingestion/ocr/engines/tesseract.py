"""Tesseract, where it is installed: it reads French words, and describes nothing."""

import csv
import io
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from ingestion.ocr.engines.base import OcrResult
from ingestion.readers import Block, Char, PageImage
from ingestion.readers.repair.characters import count_words, join_lines, repair_text
from ingestion.readers.repair.garbled import is_garbled
from wikico2.errors import TransientError, UserError
from wikico2.llm.client import RetryPolicy

LANGUAGE = "fra"
SECONDS = 60
PAGE_LEVEL = "1"
LEAST_SHARE_OF_LETTERS = 0.5
"""Share of letters and digits below which a reading is noise of a picture."""


class TesseractEngine:
    """Runs the program once for each picture, on one core."""

    name = f"tesseract {LANGUAGE}"
    describes = False
    at_once = 1

    def read_page(self, image: PageImage, patience: RetryPolicy) -> OcrResult:
        """Return the text of a page, its paragraphs apart, and where each word stands."""
        program = shutil.which("tesseract")
        if program is None:
            raise UserError("no_seer")
        command = [program, "stdin", "stdout", "-l", LANGUAGE, "--psm", "1", "tsv"]
        try:
            done = subprocess.run(
                command,
                input=image.data,
                capture_output=True,
                timeout=SECONDS,
                check=True,
                env={"PATH": os.environ.get("PATH", ""), "OMP_THREAD_LIMIT": "1"},
            )
        except subprocess.TimeoutExpired as error:
            raise UserError("ocr_failed", reason=f"> {SECONDS} s") from error
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode("utf-8", "replace").strip()[-200:]
            raise UserError("ocr_failed", reason=reason) from error
        except OSError as error:
            raise TransientError("ocr_failed", reason=str(error)) from error
        words = list(_table_words(done.stdout.decode("utf-8", "replace")))
        text = _words_text(words)
        return OcrResult(text, words=tuple(word.box for word in words) if text else ())

    def describe(self, image: PageImage, context: str, patience: RetryPolicy) -> OcrResult:
        """Return the words on a figure."""
        return self.read_page(image, patience)

    def blocks(self, text: str) -> list[Block]:
        """Return a paragraph for each part of the text."""
        return [Block("paragraph", part) for part in text.split("\n\n") if part]


class _Word(NamedTuple):
    paragraph: tuple[str, ...]
    line: tuple[str, ...]
    box: Char


def _table_words(table: str) -> Iterator[_Word]:
    """Yield the words of Tesseract's table, in the order in which they are read."""
    wide = high = 1
    for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        left, top, width, height = (int(row[key]) for key in ("left", "top", "width", "height"))
        if row["level"] == PAGE_LEVEL:
            wide, high = max(width, 1), max(height, 1)
        elif text := (row["text"] or "").strip():
            place = row["page_num"], row["block_num"], row["par_num"], row["line_num"]
            edges = left / wide, top / high, (left + width) / wide, (top + height) / high
            yield _Word(place[:3], place, Char(text, *(round(edge, 4) for edge in edges)))


def _words_text(found: Iterable[_Word]) -> str:
    """Return paragraphs of joined lines; none where they make no words, as of an unclear scan."""
    parts = [
        [
            " ".join(word.box.char for word in line)
            for _, line in groupby(part, key=lambda word: word.line)
        ]
        for _, part in groupby(found, key=lambda word: word.paragraph)
    ]
    words = count_words(line for part in parts for line in part)
    paragraphs = (repair_text(join_lines(part, words)) for part in parts if part)
    text = "\n\n".join(text for text in paragraphs if _is_plausible_text(text))
    return "" if is_garbled(text) else text


def _is_plausible_text(text: str) -> bool:
    kept = [char for char in text if not char.isspace()]
    return bool(kept) and sum(map(str.isalnum, kept)) >= LEAST_SHARE_OF_LETTERS * len(kept)
