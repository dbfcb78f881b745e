"""Reading documents made to be slow costs no more than in proportion to their size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.readers import Limits, PageText
from ingestion.readers.office import docx, xlsx
from ingestion.readers.text.html import html_blocks, parse_html
from tests.cost import processor_time
from tests.ingestion import office
from tests.ingestion.office import paragraph, run, word_of
from tests.ingestion.test_open_text import pages_of
from tests.ingestion.test_word import RAISED
from tests.ingestion.test_workbooks import cell, open_workbook, row

SIZE, TIMES = 500, 4
MOST = 3.0 * TIMES
"""How much longer a document `TIMES` as long may take; a quadratic reader takes 16 times."""

NOISE = 0.15
"""Seconds that do not count: the time of start-up."""


def word(body: Callable[[int], str]) -> Callable[[Path, int], Callable[[], object]]:
    def made(path: Path, size: int) -> Callable[[], object]:
        file = str(word_of(path / "a.docx", body(size)))
        return lambda: list(docx.read(file, Limits(), lambda done, count: None))

    return made


def sheet(inner: Callable[[int], str]) -> Callable[[Path, int], Callable[[], object]]:
    """Make a workbook whose sheet holds this XML."""

    def made(path: Path, size: int) -> Callable[[], object]:
        found = office.members(office.workbook(path / "a.xlsx"))
        xml = f'<worksheet xmlns="{office.OFFICE}spreadsheetml/2006/main">{inner(size)}</worksheet>'
        found["xl/worksheets/sheet1.xml"] = xml.encode()
        file = str(office.archive(path / "a.xlsx", found))
        return lambda: list(xlsx.read(file, Limits(), lambda done, count: None))

    return made


def cells(*rows: str) -> str:
    return f"<sheetData>{''.join(rows)}</sheetData>"


def page(source: Callable[[int], str]) -> Callable[[Path, int], Callable[[], object]]:
    return lambda path, size: lambda: list(html_blocks(parse_html(source(size))))


MERGE = '<mergeCell ref="A1:Z{}"/>'.format
CHAIN = '<row r="{0}"><c r="A{0}"><f>A{1}+1</f></c></row>'.format
CELL = "<row r='1'><c r='A1'><v>1</v></c></row>"
ANCHOR = "<sup><a href='#x'>1</a></sup>"


@pytest.mark.parametrize(
    "make",
    [
        word(lambda n: paragraph(*[run("2", RAISED), run("m")] * n)),
        word(lambda n: paragraph(run("1", RAISED), run("x")) * n),
        word(lambda n: "<w:tbl>" + f"<w:tr>{'<w:tc/>' * 2}</w:tr>" * n + "</w:tbl>"),
        word(lambda n: paragraph('<w:r><w:fldChar w:fldCharType="begin"/></w:r>' * n)),
        sheet(lambda n: cells(CELL) + MERGE(n) * n),
        sheet(lambda n: cells(*(CHAIN(i, i + 1) for i in range(1, n)))),
        sheet(lambda n: cells(*(CHAIN(i, i - 1) for i in range(2, n)))),
        page(lambda n: "<p>a" + ANCHOR * n),
        page(lambda n: "<p>" + "<a></a>" * n + ANCHOR),
        page(lambda n: f"<style>{'/*' * n}</style><style>{'@supports{' * n}{'.a{}' * n}</style>"),
        page(lambda n: f"<p style='{'color:rgba(' * n}'>a"),
        page(lambda n: "<div>" * n + "<p style='color:#fff'>a</p>" * n),
        page(lambda n: "<table>" + "<tr><td rowspan=99>a<td>b" * n),
    ],
)
def test_cost_grows_with_the_size(
    tmp_path: Path, make: Callable[[Path, int], Callable[[], object]]
) -> None:
    short, long = (processor_time(make(tmp_path, size), tries=3) for size in (SIZE, SIZE * TIMES))
    assert long < MOST * short + NOISE


def test_repeated_cells_of_a_workbook_are_bounded(tmp_path: Path) -> None:
    many = 'table:number-columns-repeated="16000"'
    rows = row(cell("x", many), attributes='table:number-rows-repeated="1000000"') * 3
    pages: list[PageText] = []
    assert processor_time(lambda: pages.extend(open_workbook(tmp_path, rows))) < 10
    assert pages[0].text.count("x") < 200_000


def test_nested_lists_of_open_text_end(tmp_path: Path) -> None:
    nested = "<text:list><text:list-item>" * 60 + "<text:p>fin</text:p>"
    pages = pages_of(tmp_path, nested + "</text:list-item></text:list>" * 60)
    assert "fin" in pages[0].text
