"""Measure what readers make of real documents: `python -m bench.reading FOLDER`.

Runs the cases of each `cases.json` in the folder over the readers directly: what must and must not
come out of a file. Then scores the tables of the PDFs below the folder that `bench/tables.json`
knows by their hash. Their true cells, checked by hand against the images of the pages, stand there
as hashes of row, heading and value; `python -m bench.reading TRUTH PDFS --write` makes them from
Markdown files named like the PDFs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingestion.readers import Limits, PageText, ReadError
from ingestion.readers.api import read_document
from ingestion.readers.media_type import identify_path

TRUTH = Path(__file__).parent / "tables.json"
FALSE_SHARE = 0.3
"""A table is none if fewer of its values than this share stand in a true table of its page."""

_PAGE = re.compile(r"^== page (\d+)\n", re.MULTILINE)
_CELL = re.compile(r"(?<!\\)\|")
_DELIMITER = re.compile(r"\|(?: --- \|)+")
_CALL = re.compile(r"\s?\[\d{1,3}\]")
_JOINED = re.compile(r"(?<=[^\W\d])[-_](?=[^\W\d])|[\s_]")

Row = list[str]
Table = list[Row]
"""Rows of texts; the first holds the headings."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("pdfs", type=Path, nargs="?", help="with --write: the folder of the PDFs")
    parser.add_argument("--write", action="store_true", help="make the hashes of the true cells")
    parser.add_argument("--list", action="store_true", help="name the tables with wrong cells")
    options = parser.parse_args()
    if options.write:
        write_truth(options.folder, options.pdfs or options.folder)
        return 0
    failed = sum(run_cases(path) for path in sorted(options.folder.rglob("cases.json")))
    score_folder(options.folder, names_faults=options.list)
    return min(failed, 1)


def out(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run_cases(path: Path) -> int:
    """Run the cases of a file and print those that fail; return how many do."""
    cases = json.loads(path.read_text())
    read: dict[str, str | ReadError] = {}
    failed = 0
    for case in cases:
        name = case["file"]
        if name not in read:
            read[name] = read_text(path.parent / name)
        faults = list(faults_of(case, read[name]))
        failed += bool(faults)
        for fault in faults:
            out(f"{name} ({case['what']}): {fault}")
    out(f"{len(cases) - failed} of {len(cases)} cases of {path} pass.")
    return failed


def read_text(path: Path) -> str | ReadError:
    """Return the text that the reader makes of a file, its pages apart, or the refusal."""
    try:
        items = list(read_document(path, identify_path(path), Limits()))
    except ReadError as error:
        return error
    return "\n\n".join(item.text for item in items if isinstance(item, PageText))


def faults_of(case: Mapping[str, object], text: str | ReadError) -> Iterator[str]:
    """Yield what is wrong with the text of a case."""
    if isinstance(text, ReadError):
        if not case.get("refused"):
            yield f"refused: {text}"
        return
    if case.get("refused"):
        yield "is read, but should be refused"
    text = plain_spaces(text)
    for wanted in _strings(case, "must"):
        if wanted.startswith("ORDER:"):
            first, last = wanted.removeprefix("ORDER:").split("<", 1)
            if not -1 < text.find(first) < text.find(last):
                yield f"{first!r} does not stand before {last!r}"
        elif wanted not in text:
            yield f"{wanted!r} is missing"
    for unwanted in _strings(case, "must_not"):
        if unwanted in text:
            yield f"{unwanted!r} should not be there"


def _strings(case: Mapping[str, object], key: str) -> list[str]:
    values = case.get(key)
    return [plain_spaces(str(value)) for value in values] if isinstance(values, list) else []


def plain_spaces(text: str) -> str:
    """Return the text with ordinary spaces in place of those that do not break."""
    return re.sub(r"[\xa0\u202f\u2009]", " ", text)


@dataclass(slots=True)
class TableScore:
    """Counts over the tables of a document."""

    tables: int = 0  # true ones
    cells: int = 0
    offered: int = 0  # cells of tables that may be quoted
    right: int = 0  # of these, in the right row under the right heading
    shown: int = 0  # tables that may be quoted
    false: int = 0  # of these, those that are none
    rows: int = 0  # true ones
    whole_rows: int = 0  # with all their cells right
    line_rows: int = 0  # of `pdftotext -layout`, on one line each

    def add(self, other: TableScore) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def line(self, name: str) -> str:
        return (
            f"{self.tables:6} {self.cells:6} {_percent(self.right, self.offered):>7}"
            f" {_percent(self.right, self.cells):>8} {self.shown:6} {self.false:6}"
            f" {_percent(self.whole_rows, self.rows):>7} {_percent(self.line_rows, self.rows):>10}"
            f"  {name}"
        )


HEADER = (
    f"{'tables':>6} {'cells':>6} {'right':>7} {'offered':>8} {'shown':>6} {'false':>6}"
    f" {'rows':>7} {'pdftotext':>10}  document"
)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def score_folder(folder: Path, *, names_faults: bool = False) -> None:
    """Score the tables of the PDFs below a folder and print a line for each, and for each half."""
    truth = json.loads(TRUTH.read_text())
    if shutil.which("pdftotext") is None:
        out("pdftotext (poppler) is not installed: its column is empty.")
    halves = {"tuned": TableScore(), "held out": TableScore()}
    out(HEADER)
    for path in sorted(folder.rglob("*.pdf")):
        pages = truth.get(file_digest(path))
        if pages is None:
            continue
        whole = TableScore()
        lines = layout_lines(path)
        for page in read_document(path, identify_path(path), Limits()):
            if not isinstance(page, PageText) or str(page.number) not in pages:
                continue
            known = pages[str(page.number)]
            score = score_page(page, known["tables"], lines.get(page.number, []))
            if names_faults and (score.right < score.offered or score.false):
                out(f"  page {page.number}: {score}")
            whole.add(score)
            halves["held out" if known["held_out"] else "tuned"].add(score)
        out(whole.line(path.name))
    for name, score in halves.items():
        out(score.line(name))


def score_page(page: PageText, truth: Sequence[Sequence[str]], lines: list[set[str]]) -> TableScore:
    """Compare the tables of a page with the true ones: for each, rows of hashes of cells.

    A row is a string of pairs of hashes: of the cell in its place, and of its value.
    """
    rows = [row for table in truth for row in table]
    placed = Counter(place for row in rows for place, _ in _pairs(row))
    values = {value for row in rows for _, value in _pairs(row)}
    score = TableScore(len(truth), placed.total(), rows=len(rows))
    found: Counter[str] = Counter()
    for block in page.blocks:
        if block.kind != "table" or block.doubt:
            continue
        pairs = [pair for row in hash_table(parse_table(block.text)) for pair in _pairs(row)]
        if not pairs:
            continue
        score.shown += 1
        score.offered += len(pairs)
        score.false += sum(value in values for _, value in pairs) < FALSE_SHARE * len(pairs)
        found.update(place for place, _ in pairs)
    score.right = (found & placed).total()
    score.whole_rows = sum(all(place in found for place, _ in _pairs(row)) for row in rows)
    score.line_rows = sum(
        any({value for _, value in _pairs(row)} <= line for line in lines) for row in rows
    )
    return score


def parse_table(markdown: str) -> Table:
    """Return the cells of a Markdown table; its delimiter row is left out."""
    lines = [line for line in markdown.split("\n") if not _DELIMITER.fullmatch(line)]
    return [
        [cell.strip().replace(r"\|", "|") for cell in _CELL.split(line.strip())[1:-1]]
        for line in lines
    ]


SIZE = 10
"""Hexadecimal digits of a hash."""


def hash_table(table: Table) -> list[str]:
    """Return, for each row below the headings, the hashes of its cells in place and of the values.

    A row is known by its first cell, or by as many as tell the rows of the table apart, up to
    three.
    """
    if not table:
        return []
    headings, *rows = [[normalize(cell) for cell in row] for row in table]
    names = next(
        (n for n in (1, 2) if len({tuple(row[:n]) for row in rows}) == len(rows)), min(3, len(rows))
    )
    return ["".join(_row_hashes(headings, row, "\t".join(row[:names]))) for row in rows]


def _row_hashes(headings: Row, row: Row, name: str) -> Iterator[str]:
    for heading, value in zip(headings, row, strict=False):
        if value:
            yield short_hash(f"{name}\n{heading}\n{value}") + short_hash(value)


def _pairs(row: str) -> list[tuple[str, str]]:
    step = 2 * SIZE
    return [(row[i : i + SIZE], row[i + SIZE : i + step]) for i in range(0, len(row), step)]


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:SIZE]


def normalize(text: str) -> str:
    """Return a text without spaces, calls of notes and forms of letters: only what it says."""
    text = _CALL.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return _JOINED.sub("", re.sub("[‐‑–—−]", "-", text).replace("’", "'"))


def layout_lines(path: Path) -> dict[int, list[set[str]]]:
    """Return the hashes of what stands apart on each line of `pdftotext -layout`, by page."""
    if shutil.which("pdftotext") is None:
        return {}
    run = ["pdftotext", "-layout", str(path), "-"]
    text = subprocess.run(run, capture_output=True, check=True).stdout.decode(errors="replace")
    pages = enumerate(text.split("\f"), 1)
    return {
        number: [
            {short_hash(normalize(part)) for part in re.split(r"\s{2,}", line.strip())}
            for line in page.split("\n")
        ]
        for number, page in pages
    }


def file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_truth(folder: Path, pdfs: Path) -> None:
    """Write the hashes of the true cells from Markdown files named like the PDFs.

    `== page N` begins a page, an empty line separates tables. A page without tables is one whose
    tables, if any are shown, are false. Even pages, and the documents other than reports, are held
    out from the scores by which rules are chosen.
    """
    found = {path.stem: path for path in pdfs.rglob("*.pdf")}
    truth = {}
    for source in sorted(folder.glob("*.md")):
        path = found[source.stem]
        report = path.parent.name == "reports"
        pages = {}
        parts = _PAGE.split(source.read_text())
        for number, text in zip(parts[1::2], parts[2::2], strict=True):
            tables = [parse_table(part) for part in text.strip().split("\n\n") if part.strip()]
            held_out = not report or int(number) % 2 == 0
            pages[number] = {"held_out": held_out, "tables": list(map(hash_table, tables))}
        truth[file_digest(path)] = pages
    TRUTH.write_text(json.dumps(truth, indent=1) + "\n")
    out(f"{sum(_count_tables(pages) for pages in truth.values())} tables written to {TRUTH}.")


def _count_tables(pages: dict[str, dict[str, object]]) -> int:
    return sum(len(tables) for page in pages.values() if isinstance(tables := page["tables"], list))


if __name__ == "__main__":
    sys.exit(main())
