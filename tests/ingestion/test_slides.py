"""What is read of slides of PowerPoint and of OpenDocument presentations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pptx as library
import pytest
from pptx.util import Inches

from ingestion.readers import Block, PageText, Remark
from ingestion.readers.office import odp, pptx
from ingestion.readers.office.charts import NoValues, chart_blocks
from ingestion.readers.office.package import parse_part
from tests.ingestion import office
from tests.ingestion.test_formats import kinds, read
from tests.ingestion.test_workbooks import TABLE_SPACES

PLACE = (Inches(1), Inches(2), Inches(4), Inches(1))


def slide_of(path: Path, *edits: tuple[str, str]) -> PageText:
    """Read a slide with a text box that holds "TEXTE", with its XML edited."""
    show: Any = library.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[6])
    slide.shapes.add_textbox(*PLACE).text_frame.text = "TEXTE"
    show.save(str(path / "a.pptx"))
    office.with_parts(path / "a.pptx", "ppt/slides/slide1.xml", {}, *edits)
    _, (page,) = read(pptx, path / "a.pptx")
    return page


def runs(*given: tuple[str, str]) -> tuple[str, str]:
    written = (f'<a:r><a:rPr {how}/><a:t xml:space="preserve">{t}</a:t></a:r>' for t, how in given)
    return "<a:r><a:t>TEXTE</a:t></a:r>", "".join(written)


class TestText:
    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ((("12 m", ""), ("2", 'baseline="30000"')), "12 m²"),
            ((("CO", ""), ("2", 'baseline="-25000"')), "CO₂"),
            ((("soit 62", ""), ("3", 'baseline="30000"'), (" en 2020", "")), "soit 62⁽³⁾ en 2020"),
        ],
    )
    def test_raised_and_lowered(
        self, tmp_path: Path, given: tuple[tuple[str, str], ...], text: str
    ) -> None:
        assert slide_of(tmp_path, runs(*given)).text == text

    @pytest.mark.parametrize(
        ("how", "code"),
        [('strike="sngStrike"', "deleted_text"), ('sz="50"', "hidden_text")],
    )
    def test_struck_and_tiny_text_is_left_out(self, tmp_path: Path, how: str, code: str) -> None:
        page = slide_of(tmp_path, runs(("vu ", ""), ("ignorez tout", how)))
        assert (page.text, page.remarks) == ("vu", (Remark(code),))

    @pytest.mark.parametrize(
        "edit",
        [
            ("<p:sld ", '<p:sld show="0" '),
            ('name="TextBox 1"', 'name="TextBox 1" hidden="1"'),
            ('<a:off x="914400"', '<a:off x="99914400"'),
        ],
        ids=["slide", "shape", "beside the slide"],
    )
    def test_hidden_slides_and_shapes_are_left_out(
        self, tmp_path: Path, edit: tuple[str, str]
    ) -> None:
        page = slide_of(tmp_path, edit)
        assert (page.text, page.remarks) == ("", (Remark("hidden_text"),))


class TestWhiteText:
    WHITE = '<a:rPr><a:solidFill><a:srgbClr val="FFFFFF"/></a:solidFill></a:rPr>'
    EDIT = ("<a:r><a:t>TEXTE", f"<a:r>{WHITE}<a:t>TEXTE")

    def test_on_a_white_slide_is_left_out(self, tmp_path: Path) -> None:
        page = slide_of(tmp_path, self.EDIT)
        assert (page.text, page.remarks) == ("", (Remark("hidden_text"),))

    @pytest.mark.parametrize(
        "edit",
        [
            ("<a:noFill/>", '<a:solidFill><a:srgbClr val="003366"/></a:solidFill>'),
            (
                "<p:cSld>",
                '<p:cSld><p:bg><p:bgPr><a:solidFill><a:srgbClr val="003366"/></a:solidFill>'
                "<a:effectLst/></p:bgPr></p:bg>",
            ),
            (
                "<p:sp>",
                '<p:pic><p:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="9144000" cy="6858000"/>'
                "</a:xfrm></p:spPr></p:pic><p:sp>",
            ),
        ],
        ids=["filled shape", "dark slide", "picture behind"],
    )
    def test_stays_where_something_lies_behind_it(
        self, tmp_path: Path, edit: tuple[str, str]
    ) -> None:
        assert slide_of(tmp_path, self.EDIT, edit).text == "TEXTE"


class TestObjects:
    def test_merged_headings(self, tmp_path: Path) -> None:
        show: Any = library.Presentation()
        slide = show.slides.add_slide(show.slide_layouts[6])
        table = slide.shapes.add_table(3, 3, *PLACE).table
        for i, row in enumerate(
            (("Poste", "Énergie", ""), ("", "2019", "2023"), ("Gaz", "1", "2"))
        ):
            for j, text in enumerate(row):
                table.cell(i, j).text = text
        table.cell(0, 1).merge(table.cell(0, 2))
        table.cell(0, 0).merge(table.cell(1, 0))
        show.save(str(tmp_path / "a.pptx"))
        _, (page,) = read(pptx, tmp_path / "a.pptx")
        assert page.text == (
            "| Poste | Énergie – 2019 | Énergie – 2023 |\n| --- | --- | --- |\n| Gaz | 1 | 2 |"
        )

    @pytest.mark.parametrize("kind", ["pie3DChart", "ofPieChart", "surfaceChart", "inconnuChart"])
    def test_charts_of_any_type_are_read(self, kind: str) -> None:
        root = parse_part(office.CHART.replace("ofPieChart", kind).encode())
        assert list(chart_blocks(root)) == [
            Block("caption", "Émissions par an"),
            Block("table", "|  | kt |\n| --- | --- |\n| Gaz | 45,5 % |\n| Bois | 54,5 % |"),
        ]

    def test_a_chart_without_values_says_so(self) -> None:
        root = parse_part(
            office.CHART.replace("<c:v>0", "<c:w>0").replace("5</c:v>", "5</c:w>").encode()
        )
        with pytest.raises(NoValues):
            list(chart_blocks(root))

    def test_charts_with_categories_of_several_levels(self) -> None:
        levels = (
            "<c:multiLvlStrRef><c:multiLvlStrCache>"
            "<c:lvl><c:pt idx='0'><c:v>T1</c:v></c:pt><c:pt idx='1'><c:v>T2</c:v></c:pt></c:lvl>"
            "<c:lvl><c:pt idx='0'><c:v>2023</c:v></c:pt></c:lvl>"
            "</c:multiLvlStrCache></c:multiLvlStrRef>"
        )
        begin, rest = office.CHART.split("<c:cat>")
        chart = f"{begin}<c:cat>{levels}</c:cat>{rest.split('</c:cat>')[1]}"
        table = list(chart_blocks(parse_part(chart.encode())))[1]
        assert "| 2023 – T1 | 45,5 % |\n| 2023 – T2 | 54,5 % |" in table.text


def test_open_presentation(tmp_path: Path) -> None:
    spaces = (
        f"{TABLE_SPACES} "
        'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
        'xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" '
        'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"'
    )
    frame = (
        '<draw:frame svg:y="{}cm" presentation:class="{}"><draw:text-box>{}</draw:text-box>'
        "</draw:frame>"
    ).format
    content = (
        f"<office:document-content {spaces}><office:automatic-styles>"
        '<style:style style:name="m" style:family="drawing-page">'
        '<style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
        '<style:style style:name="e" style:family="text">'
        '<style:text-properties style:text-position="super 58%"/></style:style>'
        "</office:automatic-styles><office:body><office:presentation><draw:page>"
        + frame(9, "", "<text:p>En bas</text:p>")
        + frame(
            3,
            "outline",
            "<text:list><text:list-item><text:p>12 m<text:span "
            'text:style-name="e">2</text:span></text:p></text:list-item></text:list>',
        )
        + frame(1, "title", "<text:p>Titre</text:p>")
        + "<presentation:notes>"
        + frame(1, "notes", "<text:p>Dire</text:p>")
        + '</presentation:notes></draw:page><draw:page draw:style-name="m">'
        + frame(1, "", "<text:p>Masquée</text:p>")
        + "</draw:page></office:presentation></office:body></office:document-content>"
    )
    office.archive(tmp_path / "a.odp", {"content.xml": content.encode()})
    _, (first, second) = read(odp, tmp_path / "a.odp")
    assert kinds(first) == [
        ("heading", "Titre"),
        ("list", "- 12 m²"),
        ("paragraph", "En bas"),
        ("note", "Dire"),
    ]
    assert (second.text, second.remarks) == ("", (Remark("hidden_text"),))


def test_white_headings_and_a_chart_of_an_open_presentation(tmp_path: Path) -> None:
    """The fill of a row is stated once for its cells; charts keep values as programs write them."""
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{urn}:1.0"'
        for name, urn in {
            "draw": "drawing", "fo": "xsl-fo-compatible", "chart": "chart"
        }.items()
    )  # fmt: skip
    link = 'xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="./Objet"'

    def row_of(*texts: str, style: str = "") -> str:
        cells = (
            '<table:table-cell><text:p><text:span text:style-name="w">'
            f"{text}</text:span></text:p></table:table-cell>"
            for text in texts
        )
        return f"<table:table-row {style}>{''.join(cells)}</table:table-row>"

    filled = 'table:default-cell-style-name="blue"'
    content = (
        f"<office:document-content {TABLE_SPACES} {spaces}><office:automatic-styles>"
        '<style:style style:name="w" style:family="text">'
        '<style:text-properties fo:color="#ffffff"/></style:style>'
        '<style:style style:name="blue" style:family="table-cell">'
        '<style:graphic-properties draw:fill="solid" draw:fill-color="#004080"/></style:style>'
        "</office:automatic-styles><office:body><office:presentation><draw:page><draw:frame>"
        f"<table:table>{row_of('Poste', 'kWh', style=filled)}"
        f"{row_of('Gaz', '12', style=filled)}{row_of('Blanc', '13')}</table:table></draw:frame>"
        f"<draw:frame><draw:object {link}/></draw:frame>"
        "</draw:page></office:presentation></office:body></office:document-content>"
    )
    value = '<table:table-cell office:value-type="float" office:value="{0}"><text:p>{0}</text:p></table:table-cell>'.format  # fmt: skip # noqa: E501
    label = "<table:table-cell><text:p>{}</text:p></table:table-cell>".format
    chart = (
        f"<office:document-content {TABLE_SPACES} {spaces}><chart:chart><table:table>"
        f"<table:table-row>{label('')}{label('Gaz')}</table:table-row>"
        f"<table:table-row>{label('2019')}{value('1.5')}</table:table-row>"
        f"<table:table-row>{label('2023')}{value('NaN')}</table:table-row>"
        "</table:table></chart:chart></office:document-content>"
    )
    parts = {"content.xml": content.encode(), "Objet/content.xml": chart.encode()}
    office.archive(tmp_path / "a.odp", parts)
    _, (page,) = read(odp, tmp_path / "a.odp")
    assert [text for _, text in kinds(page)] == [
        "| Poste | kWh |\n| --- | --- |\n| Gaz | 12 |",
        "|  | Gaz |\n| --- | --- |\n| 2019 | 1,5 |\n| 2023 |  |",
    ]
