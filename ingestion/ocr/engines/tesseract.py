"""Tesseract, if installed: it recognises French text and does not describe figures."""

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
MIN_ALPHANUMERIC_SHARE = 0.5
"""Minimum share of letters and digits in recognised text; less is noise."""


class TesseractEngine:
    """Runs the tesseract program once per picture, on one core."""

    name = f"tesseract {LANGUAGE}"
    describes = False
    at_once = 1

    def read_page(self, image: PageImage, retry_policy: RetryPolicy) -> OcrResult:
        """Return the text of a page, with an empty line between paragraphs, and the word boxes.

        Raises UserError "no_seer" if tesseract is not installed and "ocr_failed" if it fails;
        TransientError if it cannot be started.
        """
        program = shutil.which("tesseract")
        if program is None:
            raise UserError("no_seer")
        command = [program, "stdin", "stdout", "-l", LANGUAGE, "--psm", "1", "tsv"]
        try:
            completed = subprocess.run(
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
        words = list(_table_words(completed.stdout.decode("utf-8", "replace")))
        text = _words_text(words)
        return OcrResult(text, words=tuple(word.box for word in words) if text else ())

    def describe(self, image: PageImage, context: str, retry_policy: RetryPolicy) -> OcrResult:
        """Return the words in a figure."""
        return self.read_page(image, retry_policy)

    def blocks(self, text: str) -> list[Block]:
        """Return one paragraph for each part of the text between empty lines."""
        return [Block("paragraph", part) for part in text.split("\n\n") if part]


class _Word(NamedTuple):
    paragraph: tuple[str, ...]
    line: tuple[str, ...]
    box: Char


def _table_words(table: str) -> Iterator[_Word]:
    """Yield the words of Tesseract's TSV output, in reading order."""
    wide = high = 1
    for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        left, top, width, height = (int(row[key]) for key in ("left", "top", "width", "height"))
        if row["level"] == PAGE_LEVEL:
            wide, high = max(width, 1), max(height, 1)
        elif text := (row["text"] or "").strip():
            line_key = row["page_num"], row["block_num"], row["par_num"], row["line_num"]
            edges = left / wide, top / high, (left + width) / wide, (top + height) / high
            yield _Word(line_key[:3], line_key, Char(text, *(round(edge, 4) for edge in edges)))


def _words_text(found: Iterable[_Word]) -> str:
    """Return the text, one paragraph per block; empty if it is garbled, as from a bad scan."""
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
    visible = [char for char in text if not char.isspace()]
    return bool(visible) and sum(map(str.isalnum, visible)) >= MIN_ALPHANUMERIC_SHARE * len(visible)
