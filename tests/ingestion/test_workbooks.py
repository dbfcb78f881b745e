"""What is read of workbooks: values as they are shown, formulas, hidden and merged cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Color, Font

from ingestion.readers import Block, Limits, PageText, Remark
from ingestion.readers.office import ods, xlsx
from ingestion.readers.office.formulas import Budget, NotComputed, evaluate
from ingestion.readers.office.number_format import BUILTIN, format_text, format_value
from ingestion.readers.office.package import OfficePackage
from tests.ingestion import office
from tests.ingestion.test_formats import kinds, read


def book(path: Path, fill: Callable[[Any, Any], None]) -> list[PageText]:
    """Read a workbook whose first sheet `fill` writes."""
    workbook = openpyxl.Workbook()
    fill(workbook.active, workbook)
    workbook.save(path / "a.xlsx")
    _, pages = read(xlsx, path / "a.xlsx")
    return pages


def table_of(pages: list[PageText]) -> str:
    return next(block.text for page in pages for block in page.blocks if block.kind == "table")


class TestNumberFormats:
    @pytest.mark.parametrize(
        ("value", "form", "shown"),
        [
            (0.5, "# ?/?", "1/2"),
            (1.75, "# ?/?", "1 3/4"),
            (0.3333, "# ??/??", "1/3"),
            (2.5, "# ?/4", "2 2/4"),
            (1234, "00000", "01234"),
            (13055, "00000", "13055"),
            (123456789, '0#" "##" "##" "##" "##', "01 23 45 67 89"),
            (2024, "0", "2024"),
            (2024, "General", "2024"),
            (0.1 + 0.2, "General", "0,3"),
            (1e15, "General", "1E+15"),
            (1.5, "[h]:mm", "36:00"),
            (0.5, "hh:mm", "12:00"),
            (0.25, "h:mm AM/PM", "6:00 AM"),
            (90 / 1440, "[mm]:ss", "90:00"),
            (0.125, "0%", "13 %"),
            (0.0345, "0.00%", "3,45 %"),
            (46096, "dd/mm/yyyy", "15/03/2026"),
            (46096, "mmm-yy", "mars-26"),
            (46096, "[$-40C]d mmmm yyyy", "15 mars 2026"),
            (46096, "[$-F800]dddd, mmmm dd, yyyy", "dimanche 15 mars 2026"),
            (46096.75, BUILTIN[22], "15/03/2026 18:00"),
            (1, "dd/mm/yyyy", "01/01/1900"),
            (-45.2, "#,##0.0;(#,##0.0)", "(45,2)"),
            (-45, "0;[Red]0", "-45"),
            (-1234.5, BUILTIN[44], "-1 234,50 €"),
            (0, BUILTIN[44], "- €"),
            (1234567.891, "#,##0.00 [$€-40C]", "1 234 567,89 €"),
            (0.000123, "0.00E+00", "1,23E-04"),
            (1234567, "##0.0E+0", "1,2E+6"),
            (500, '[<1000]0" kg";0.0," t"', "500 kg"),
            (1500, '[<1000]0" kg";0.0," t"', "1,5 t"),
            (0, "0;-0;;@", ""),
            (1.005, "0.00", "1,01"),
            (1e20, "0", "1" + "0" * 20),
            (float("inf"), "0", "#NUM!"),
        ],
    )
    def test_numbers(self, value: float, form: str, shown: str) -> None:
        assert format_value(value, form) == shown

    def test_texts(self) -> None:
        assert format_text("01234", "@") == "01234"
        assert format_text("deux", '0;0;0;@" unités"') == "deux unités"
        assert format_text("caché", ";;;") == ""

    def test_dates_count_from_1904_where_the_workbook_says_so(self) -> None:
        assert format_value(46096 - 1462, "dd/mm/yyyy", date1904=True) == "15/03/2026"


class TestFormulas:
    CELLS: dict[tuple[int, int], Any] = {(1, 1): 2.0, (2, 1): 3.0, (3, 1): "texte", (1, 2): None}

    def value(self, formula: str) -> object:
        return evaluate(formula, lambda _, row, column: self.CELLS.get((row, column)), Budget())

    @pytest.mark.parametrize(
        ("formula", "value"),
        [
            ("A1*A2+1", 7.0),
            ("-2^2", 4.0),
            ("2^3^2", 64.0),
            ("(A1+A2)/10%", 50.0),
            ("SUM(A1:A3)", 5.0),
            ("AVERAGE($A$1:$A$2)", 2.5),
            ("ROUND(2.345,2)", 2.35),
            ('IF(A1>=2,"oui","non")', "oui"),
            ('A1&" kWh"', "2 kWh"),
            ("SUMPRODUCT(A1:A2,A1:A2)", 13.0),
            ("MAX(A1:A2)-MIN(A1,5)", 1.0),
            ("B1=0", True),
            ("A1<>A2", True),
        ],
    )
    def test_arithmetic_and_common_functions(self, formula: str, value: object) -> None:
        assert self.value(formula) == value

    @pytest.mark.parametrize(
        "formula",
        [
            "A1/0",
            "A3*2",
            "VLOOKUP(A1,A1:B2,2)",
            "1+",
            "(" * 500 + "1",
            "1E308*1E308",
            "(-8)^0.5",
            "__import__(1)",
            "SUM(A1:XFD1048576)",
        ],
    )
    def test_anything_else_is_not_computed(self, formula: str) -> None:
        with pytest.raises(NotComputed):
            self.value(formula)

    def test_formulas_without_a_kept_value_are_computed_or_shown(self, tmp_path: Path) -> None:
        def fill(sheet: Any, workbook: Any) -> None:
            sheet.append(["Poste", "Quantité", "Facteur", "Total", "Rang"])
            sheet.append(["Gaz", 10, 0.2, "=B2*C2", "=RANK(B2,B2:B3)"])
            sheet.append(["Bois", 20, 0.1, "=B3*C3", "=E3"])
            sheet.append(["Total", "=SUM(B2:B3)", None, "=Autre!A1+D2", None])
            sheet["D2"].number_format = "0.00"
            workbook.create_sheet("Autre")["A1"] = 100

        pages = book(tmp_path, fill)
        assert table_of(pages) == (
            "| Poste | Quantité | Facteur | Total | Rang |\n| --- | --- | --- | --- | --- |\n"
            "| Gaz | 10 | 0,2 | 2,00 | =RANK(B2,B2:B3) |\n"
            "| Bois | 20 | 0,1 | 2 | =E3 |\n| Total | 30 |  | 102 |  |"
        )
        assert Remark("formula_without_value", 2) in pages[0].remarks


class TestCells:
    def test_hidden_rows_columns_and_sheets_are_left_out_and_counted(self, tmp_path: Path) -> None:
        def fill(sheet: Any, workbook: Any) -> None:
            for row in (
                ["Poste", "Secret", "kWh"],
                ["Gaz", 1, 12],
                ["Caché", 2, 13],
                ["Bois", 3, 14],
            ):
                sheet.append(row)
            sheet.column_dimensions["B"].hidden = True
            sheet.row_dimensions[3].hidden = True
            workbook.create_sheet("Cachée").sheet_state = "veryHidden"

        pages = book(tmp_path, fill)
        assert table_of(pages) == "| Poste | kWh |\n| --- | --- |\n| Gaz | 12 |\n| Bois | 14 |"
        assert pages[0].remarks == (Remark("hidden_text", 3),)

    def test_raised_struck_and_white_text(self, tmp_path: Path) -> None:
        def fill(sheet: Any, workbook: Any) -> None:
            raised, struck = InlineFont(vertAlign="superscript"), InlineFont(strike=True)
            surface = CellRichText("Surface (m", TextBlock(raised, "2"), ")")
            sheet.append([surface, CellRichText("120 ", TextBlock(struck, "999"))])
            sheet.append(["10", "12"])
            sheet.append(["barré", "blanc"])
            sheet["A3"].font = Font(strike=True)
            sheet["B3"].font = Font(color="FFFFFFFF")

        pages = book(tmp_path, fill)
        assert table_of(pages) == "| Surface (m²) | 120 |\n| --- | --- |\n| 10 | 12 |"
        assert set(pages[0].remarks) == {Remark("deleted_text", 2), Remark("hidden_text", 1)}

    def test_merged_cells_and_headings_of_two_rows(self, tmp_path: Path) -> None:
        def fill(sheet: Any, workbook: Any) -> None:
            for row in (
                ["Poste", "Énergie (kWh)", None],
                [None, 2019, 2023],
                ["Gaz", 410, 388],
                [None, 12, 9],
            ):
                sheet.append(row)
            for area in ("A1:A2", "B1:C1", "A3:A4"):
                sheet.merge_cells(area)

        assert table_of(book(tmp_path, fill)) == (
            "| Poste | Énergie (kWh) – 2019 | Énergie (kWh) – 2023 |\n| --- | --- | --- |\n"
            "| Gaz | 410 | 388 |\n| Gaz | 12 | 9 |"
        )

    def test_tables_beside_and_below_each_other_with_their_source(self, tmp_path: Path) -> None:
        def fill(sheet: Any, workbook: Any) -> None:
            for row in (
                ["Bilan 2023"],
                [],
                ["Poste", "kWh", None, "Site", "t"],
                ["Gaz", 12, None, "Nord", 3],
                ["Bois", 14, None, "Sud", 4],
                ["Source : relevés"],
                [],
                ["Poste", "Part"],
                ["Gaz", "#DIV/0!"],
            ):
                sheet.append(row)

        (page,) = book(tmp_path, fill)
        assert kinds(page) == [
            ("heading", "Sheet"),
            ("paragraph", "Bilan 2023"),
            ("table", "| Poste | kWh |\n| --- | --- |\n| Gaz | 12 |\n| Bois | 14 |"),
            ("paragraph", "Source : relevés"),
            ("table", "| Site | t |\n| --- | --- |\n| Nord | 3 |\n| Sud | 4 |"),
            ("table", "| Poste | Part |\n| --- | --- |\n| Gaz | #DIV/0! |"),
        ]

    def test_a_long_sheet_is_read_up_to_a_limit(self, tmp_path: Path) -> None:
        path = office.workbook(tmp_path / "a.xlsx", rows=50)
        workbook = xlsx._Workbook.open(OfficePackage.open(str(path), Limits()))
        workbook.rows_left = 20
        (page,) = workbook.pages(lambda done, count: None)
        assert "Poste 10" in page.text
        assert "Poste 40" not in page.text
        assert Remark("object_unread", 1, "sheet 1: last rows") in page.remarks


TABLE_SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text", "style")
)
DRAWING_SPACES = (
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" '
    'xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0"'
)


def open_workbook(path: Path, rows: str, styles: str = "") -> list[PageText]:
    content = (
        f"<office:document-content {TABLE_SPACES} {DRAWING_SPACES}><office:automatic-styles>"
        f"{styles}</office:automatic-styles><office:body><office:spreadsheet><table:table "
        f'table:name="Feuille1">{rows}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    office.archive(path / "a.ods", {"content.xml": content.encode()})
    _, pages = read(ods, path / "a.ods")
    return pages


def cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


class TestOpenWorkbook:
    def test_shown_texts_formulas_and_hidden_rows(self, tmp_path: Path) -> None:
        number = 'office:value-type="float" office:value="{}"'.format
        formula = 'table:formula="of:=[.B2]*[.C2]"'
        pages = open_workbook(
            tmp_path,
            row(cell("Poste"), cell("kWh"), cell("Facteur"), cell("Total"))
            + row(
                cell("Gaz"),
                cell("12,0", number(12)),
                cell("50 %", number(0.5)),
                f"<table:table-cell {formula}/>",
            )
            + row(cell("Caché"), attributes='table:visibility="collapse"')
            + row(cell("", 'table:number-columns-repeated="1000"'), attributes="")
            + row("", attributes='table:number-rows-repeated="1048000"'),
        )
        assert kinds(pages[0]) == [
            ("heading", "Feuille1"),
            (
                "table",
                "| Poste | kWh | Facteur | Total |\n| --- | --- | --- | --- |\n"
                "| Gaz | 12,0 | 50 % | 6 |",
            ),
        ]
        assert pages[0].remarks == (Remark("hidden_text", 1),)

    def test_merged_cells(self, tmp_path: Path) -> None:
        wide = 'table:number-columns-spanned="2"'
        pages = open_workbook(
            tmp_path,
            row(cell("Poste"), cell("Énergie", wide), "<table:covered-table-cell/>")
            + row(cell(""), cell("2019"), cell("2023"))
            + row(cell("Gaz"), cell("410"), cell("388")),
        )
        assert pages[0].blocks[1] == Block(
            "table",
            "| Poste | Énergie – 2019 | Énergie – 2023 |\n| --- | --- | --- |\n| Gaz | 410 | 388 |",
        )

    def test_what_is_drawn_in_a_cell_is_read(self, tmp_path: Path) -> None:
        box = "<draw:frame><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>".format
        pages = open_workbook(
            tmp_path,
            row(cell("Poste"), cell("kWh"))
            + row(
                cell("Gaz"),
                f"<table:table-cell><text:p>12</text:p>{box('Libre')}</table:table-cell>",
            )
            + row(f"<table:table-cell>{box('Seul')}</table:table-cell>")
            + row(
                f"<table:table-cell><text:p>x</text:p>{box('Caché')}</table:table-cell>",
                attributes='table:visibility="collapse"',
            ),
        )
        assert kinds(pages[0])[2:] == [("paragraph", "Libre"), ("paragraph", "Seul")]

    def test_a_number_that_is_negative_by_its_colour_gets_its_sign(self, tmp_path: Path) -> None:
        number = 'table:style-name="{}" office:value-type="float" office:value="{}"'.format
        plain, red = "<number:number/>", '<style:text-properties fo:color="#ff0000"/>'
        data = '<number:number-style style:name="{}">{}{}</number:number-style>'.format
        rule = '<style:map style:condition="{}" style:apply-style-name="{}"/>'.format
        use = (
            '<style:style style:name="{0}" style:family="table-cell" style:data-style-name="{0}"/>'
        ).format
        styles = (
            data("P", plain, "")
            + data("R", red + plain, rule("value()>=0", "P"))
            + data("L", plain, rule("value() &lt; 0", "RR"))
            + data("RR", red + plain, "")
            + data("N", plain, rule("value()>=0", "P"))
            + use("R") + use("L") + use("N")
        )  # fmt: skip
        pages = open_workbook(
            tmp_path,
            row(*map(cell, "abcdef"))
            + row(
                cell("12,5", number("R", -12.5)),
                cell("12,5 %", number("L", -0.125)),
                cell("12,5", number("N", -12.5)),
                cell("12,5", number("R", 12.5)),
                cell("(12,5)", number("R", -12.5)),
                cell("0", number("R", -0.1)),
            ),
            styles,
        )
        assert pages[0].text.endswith("| -12,5 | -12,5 % | 12,5 | 12,5 | (12,5) | 0 |")

    def test_cells_have_the_style_of_their_row_or_column(self, tmp_path: Path) -> None:
        struck = (
            '<style:style style:name="s" style:family="table-cell">'
            '<style:text-properties style:text-line-through-style="solid"/></style:style>'
        )
        default = 'table:default-cell-style-name="s"'
        pages = open_workbook(
            tmp_path,
            f"<table:table-column/><table:table-column {default}/><table:table-column/>"
            + row(*map(cell, "abc"))
            + row(*map(cell, "def"))
            + row(*map(cell, "ghi"), attributes=default)
            + row(cell("j"), cell("k"), cell("l")),
            struck,
        )
        tables = [block.text for block in pages[0].blocks if block.kind == "table"]
        assert tables[0] == "| a | c |\n| --- | --- |\n| d | f |"
        assert pages[0].remarks == (Remark("deleted_text", 6),)
        assert "j" in pages[0].text


def test_white_of_the_theme_and_rows_without_height_are_hidden(tmp_path: Path) -> None:
    def fill(sheet: Any, workbook: Any) -> None:
        for values in (["Poste", "kWh"], ["Gaz", 12], ["Plat", 13], ["Blanc", 14]):
            sheet.append(values)
        sheet.row_dimensions[3].height = 0.1
        for name in ("A4", "B4"):
            sheet[name].font = Font(color=Color(theme=0))

    book(tmp_path, fill)
    found = office.members(tmp_path / "a.xlsx")
    sheet = found["xl/worksheets/sheet1.xml"].replace(b'ht="0.1"', b'ht="0"')
    office.archive(tmp_path / "a.xlsx", {**found, "xl/worksheets/sheet1.xml": sheet})
    _, pages = read(xlsx, tmp_path / "a.xlsx")
    assert table_of(pages) == "| Poste | kWh |\n| --- | --- |\n| Gaz | 12 |"
    assert pages[0].remarks == (Remark("hidden_text", 3),)
