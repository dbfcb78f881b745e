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
