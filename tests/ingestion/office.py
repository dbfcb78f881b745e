"""Small office documents generated for the tests."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pptx
from docx.enum.text import WD_BREAK
from odfdo import Document as OpenDocument
from odfdo import Header, List, Paragraph, Row, Table
from openpyxl.chart import BarChart, Reference
from PIL import Image
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

ROWS = (("Poste", "Énergie (kWh)"), ("Compresseur", "125 000"), ("Sécheur", "12 300"))


def png(width: int = 400, height: int = 300, colour: str = "navy") -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(output, "PNG")
    return output.getvalue()


def word(path: Path) -> Path:
    """Write two pages with headings, a list, a table, a picture and bold titles."""
    document = docx.Document()
    document.core_properties.title = "Récupération de chaleur"
    document.core_properties.author = "B. Études"
    document.add_heading("Contexte", 1)
    document.add_paragraph("Un compresseur rejette en chaleur près de 90 % de son électricité.")
    document.add_paragraph("un besoin de chaleur proche", style="List Bullet")
    document.add_paragraph("un échangeur accessible", style="List Bullet")
    document.add_paragraph("mesurer", style="List Number")
    document.add_paragraph("régler", style="List Number")
    table = document.add_table(0, 2)
    for row in ROWS:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.add_picture(io.BytesIO(png()))
    document.add_picture(io.BytesIO(png(40, 40)))
    document.add_paragraph().add_run("Conditions de marche").bold = True
    document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    document.add_heading("Suivi", 2)
    document.add_paragraph("Le gain se mesure au compteur.")
    document.save(str(path))
    return path


def slides(path: Path) -> Path:
    """Write two slides: points with notes, then a chart."""
    show: Any = pptx.Presentation()
    first = show.slides.add_slide(show.slide_layouts[1])
    first.shapes.title.text = "Récupération"
    first.placeholders[1].text = "Point un\nPoint deux"
    first.notes_slide.notes_text_frame.text = "Dire le coût"
    second = show.slides.add_slide(show.slide_layouts[5])
    second.shapes.title.text = "Parts"
    data: Any = CategoryChartData()  # type: ignore[no-untyped-call]
    data.categories = ["Gaz", "Électricité"]
    data.add_series("2023 (%)", (45.5, 54.5))
    position = (Inches(1), Inches(2), Inches(6), Inches(4))
    second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *position, data)
    show.save(str(path))
    return path


def workbook(path: Path, rows: int = 2) -> Path:
    """Write a sheet with a title over a table of numbers in several formats, and a hidden sheet."""
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = "Énergie"
    sheet["A1"] = "Bilan 2023"
    sheet.append([])
    sheet.append(["Poste", "Énergie (kWh)", "Part", "Coût"])
    for number in range(rows):
        sheet.append([f"Poste {number}", 125000, 0.425, 12345.678])
        at = sheet.max_row
        sheet[f"B{at}"].number_format = "#,##0"
        sheet[f"C{at}"].number_format = "0.0%"
        sheet[f"D{at}"].number_format = '#,##0.00 "€/an"'
    book.create_sheet("Caché").sheet_state = "hidden"
    book["Caché"]["A1"] = "secret"
    book.save(path)
    return path


def open_text(path: Path) -> Path:
    """Write an OpenDocument text with a heading, a list and a table."""
    document = OpenDocument("text")
    document.body.clear()
    document.body.append(Header(1, "Contexte"))
    document.body.append(Paragraph("Un compresseur rejette de la chaleur."))
    document.body.append(List(["mesurer", "régler"]))
    table = Table("t")
    for row in ROWS:
        cells = Row()
        cells.set_values(list(row))
        table.append_row(cells)
    document.body.append(table)
    document.save(str(path))
    return path


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive_file:
        for name, content in members.items():
            archive_file.writestr(name, content)
    return path


LANDMARKS = tuple(f"Repère {letter} : le texte autour reste lu." for letter in "ABCDEF")
"""Sentences that stand between the objects of the rich documents."""

OFFICE = "http://schemas.openxmlformats.org/"
RELATIONSHIPS = OFFICE + "officeDocument/2006/relationships"
W = f'xmlns:w="{OFFICE}wordprocessingml/2006/main" xmlns:r="{RELATIONSHIPS}"'
A = f'xmlns:a="{OFFICE}drawingml/2006/main"'
CHART = (
    f'<c:chartSpace xmlns:c="{OFFICE}drawingml/2006/chart" {A}><c:chart><c:title><c:tx><c:rich>'
    "<a:p><a:r><a:t>Émissions par an</a:t></a:r></a:p></c:rich></c:tx></c:title><c:plotArea>"
    "<c:ofPieChart><c:ser><c:tx><c:strRef><c:strCache><c:pt idx='0'><c:v>kt</c:v></c:pt>"
    "</c:strCache></c:strRef></c:tx><c:cat><c:strRef><c:strCache><c:pt idx='0'><c:v>Gaz</c:v>"
    "</c:pt><c:pt idx='1'><c:v>Bois</c:v></c:pt></c:strCache></c:strRef></c:cat><c:val><c:numRef>"
    "<c:numCache><c:formatCode>0.0%</c:formatCode><c:pt idx='0'><c:v>0.455</c:v></c:pt>"
    "<c:pt idx='1'><c:v>0.545</c:v></c:pt></c:numCache></c:numRef></c:val></c:ser></c:ofPieChart>"
    "</c:plotArea></c:chart></c:chartSpace>"
)
DIAGRAM = (
    f'<dgm:dataModel xmlns:dgm="{OFFICE}drawingml/2006/diagram" {A}><dgm:ptLst>'
    "<dgm:pt modelId='1' type='doc'/><dgm:pt modelId='2'><dgm:t><a:p><a:r><a:t>Sobriété</a:t></a:r>"
    "</a:p></dgm:t></dgm:pt><dgm:pt modelId='3'><dgm:t><a:p><a:r><a:t>Éteindre la nuit</a:t></a:r>"
    "</a:p></dgm:t></dgm:pt></dgm:ptLst><dgm:cxnLst><dgm:cxn modelId='4' srcId='1' destId='2' "
    "srcOrd='0'/><dgm:cxn modelId='5' srcId='2' destId='3' srcOrd='0'/></dgm:cxnLst>"
    "</dgm:dataModel>"
)


def members(path: Path) -> dict[str, bytes]:
    """Return the members of an archive by name."""
    with zipfile.ZipFile(path) as given:
        return {name: given.read(name) for name in given.namelist()}


def with_parts(
    path: Path, owner: str, parts: dict[str, tuple[str, bytes]], *edits: tuple[str, str]
) -> Path:
    """Add parts to a package, linked from `owner` as rIdX0, rIdX1, …, and edit the owner's text.

    `parts` gives for each name the kind of its relationship and its content.
    """
    found = members(path)
    folder, _, last = owner.rpartition("/")
    links = f"{folder}/_rels/{last}.rels"
    empty = f'<Relationships xmlns="{OFFICE}package/2006/relationships"></Relationships>'
    listed = found.get(links, empty.encode()).decode()
    for number, (name, (kind, content)) in enumerate(parts.items()):
        found[name] = content
        link = f'<Relationship Id="rIdX{number}" Type="{RELATIONSHIPS}/{kind}" Target="/{name}"/>'
        listed = listed.replace("</Relationships>", link + "</Relationships>")
    text = found[owner].decode()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return archive(path, {**found, links: listed.encode(), owner: text.encode()})


def word_of(path: Path, *body: str, **parts: str) -> Path:
    """Write a Word document with this body; `parts` gives the XML of others, such as footnotes."""
    docx.Document().save(str(path))
    given = {f"word/{name}.xml": (name, content.encode()) for name, content in parts.items()}
    return with_parts(path, "word/document.xml", given, ("<w:body>", "<w:body>" + "".join(body)))


def run(text: str, properties: str = "") -> str:
    """Return the XML of a run of Word with its properties."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*runs: str) -> str:
    return f"<w:p>{''.join(runs)}</w:p>"


def _graphic(inner: str, uri: str) -> str:
    space = f"{OFFICE}drawingml/2006/wordprocessingDrawing"
    return (
        f'<w:p><w:r><w:drawing><wp:inline xmlns:wp="{space}"><wp:docPr id="9" name="x"/>'
        f'<a:graphic {A}><a:graphicData uri="{OFFICE}drawingml/2006/{uri}">{inner}'
        "</a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"
    )


def rich_word(path: Path) -> Path:
    """Write a Word document with a chart, a SmartArt, a picture, a table, a note, inserted HTML."""
    document = docx.Document()
    document.add_paragraph(LANDMARKS[0])
    document.add_picture(io.BytesIO(png()))
    document.add_paragraph(LANDMARKS[1])
    table = document.add_table(0, 2)
    for row in ROWS:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    for landmark in LANDMARKS[2:]:
        document.add_paragraph(landmark)
    document.save(str(path))
    note = (
        f'<w:footnotes {W}><w:footnote w:id="2"><w:p><w:r><w:t>Mesuré en 2023.</w:t></w:r></w:p>'
        "</w:footnote></w:footnotes>"
    )
    chart = _graphic(f'<c:chart xmlns:c="{OFFICE}drawingml/2006/chart" r:id="rIdX0"/>', "chart")
    diagram = _graphic(
        f'<dgm:relIds xmlns:dgm="{OFFICE}drawingml/2006/diagram" r:dm="rIdX1"/>', "diagram"
    )
    parts = {
        "word/charts/chart1.xml": ("chart", CHART.encode()),
        "word/diagrams/data1.xml": ("diagramData", DIAGRAM.encode()),
        "word/footnotes.xml": ("footnotes", note.encode()),
        "word/chunk.html": ("aFChunk", b"<p>Un morceau ins\xc3\xa9r\xc3\xa9.</p>"),
    }
    calls = "<w:r><w:footnoteReference w:id='2'/></w:r>"
    return with_parts(
        path,
        "word/document.xml",
        parts,
        (f"<w:p><w:r><w:t>{LANDMARKS[3]}", f"{chart}<w:p><w:r><w:t>{LANDMARKS[3]}"),
        (f"<w:p><w:r><w:t>{LANDMARKS[4]}", f"{diagram}<w:p><w:r><w:t>{LANDMARKS[4]}"),
        (f"{LANDMARKS[4]}</w:t></w:r>", f"{LANDMARKS[4]}</w:t></w:r>{calls}"),
        (
            f"<w:p><w:r><w:t>{LANDMARKS[5]}",
            f'<w:altChunk r:id="rIdX3"/><w:p><w:r><w:t>{LANDMARKS[5]}',
        ),
    )


def rich_slides(path: Path) -> Path:
    """Write three slides: text and a picture, a chart, a table with notes."""
    show: Any = pptx.Presentation()
    for number, layout in enumerate((5, 5, 5)):
        slide = show.slides.add_slide(show.slide_layouts[layout])
        slide.shapes.title.text = LANDMARKS[2 * number]
        place = (Inches(1), Inches(5), Inches(6), Inches(1))
        slide.shapes.add_textbox(*place).text_frame.text = LANDMARKS[2 * number + 1]
    first, second, third = show.slides
    first.shapes.add_picture(io.BytesIO(png()), Inches(1), Inches(2))
    data: Any = CategoryChartData()  # type: ignore[no-untyped-call]
    data.categories = ["Gaz", "Bois"]
    data.add_series("2023", (45.5, 54.5))
    place = (Inches(1), Inches(2), Inches(6), Inches(3))
    second.shapes.add_chart(XL_CHART_TYPE.PIE, *place, data)
    table = third.shapes.add_table(2, 2, *place).table
    for i, row in enumerate(ROWS[:2]):
        for j, text in enumerate(row):
            table.cell(i, j).text = text
    third.notes_slide.notes_text_frame.text = "Dire le coût"
    show.save(str(path))
    return path


def rich_workbook(path: Path) -> Path:
    """Write three sheets: text, numbers with a chart, a table with merged cells."""
    book = openpyxl.Workbook()
    first: Any = book.active
    for number, landmark in enumerate(LANDMARKS[:2], 1):
        first.cell(number, 1, landmark)
    second: Any = book.create_sheet("Énergie")
    second.append([LANDMARKS[2], "kWh"])
    second.append([LANDMARKS[3], 125000])
    chart = BarChart()
    chart.add_data(Reference(second, min_col=2, min_row=1, max_row=2))
    second.add_chart(chart, "D2")
    third: Any = book.create_sheet("Postes")
    third.append([LANDMARKS[4], "Coût", None])
    third.append([LANDMARKS[5], 1, 2])
    third.merge_cells("B1:C1")
    book.save(path)
    return path


def rich_open_text(path: Path) -> Path:
    """Write an OpenDocument text with a table, a picture and an embedded chart."""
    document = OpenDocument("text")
    document.body.clear()
    for landmark in LANDMARKS:
        document.body.append(Paragraph(landmark))
    table = Table("t")
    for row in ROWS:
        cells = Row()
        cells.set_values(list(row))
        table.append_row(cells)
    document.body.append(table)
    document.save(str(path))
    found = members(path)
    frames = "".join(
        f'<text:p><draw:frame xmlns:xlink="http://www.w3.org/1999/xlink"><draw:{kind} '
        f'xlink:href="{target}"/></draw:frame></text:p>'
        for kind, target in (("image", "Pictures/a.png"), ("object", "./Object 1"))
    )
    text = found["content.xml"].decode().replace("</office:text>", frames + "</office:text>")
    chart = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:chart="urn:oasis:names:tc:opendocument:xmlns:chart:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:chart>'
        "<chart:chart><table:table><table:table-row><table:table-cell/><table:table-cell><text:p>kt"
        "</text:p></table:table-cell></table:table-row><table:table-row><table:table-cell><text:p>"
        "Gaz</text:p></table:table-cell><table:table-cell><text:p>45,5</text:p></table:table-cell>"
        "</table:table-row></table:table></chart:chart></office:chart></office:body>"
        "</office:document-content>"
    )
    found |= {
        "content.xml": text.encode(),
        "Pictures/a.png": png(),
        "Object 1/content.xml": chart.encode(),
    }
    return archive(path, found)


RICH = {
    ".docx": rich_word,
    ".pptx": rich_slides,
    ".xlsx": rich_workbook,
    ".odt": rich_open_text,
}
"""Makers of documents with objects of several kinds, and the landmarks between them."""
