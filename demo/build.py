"""Build the PDFs of the demonstration documents: `python demo/build.py [--check]`.

Their text is in `content/*.md`, in a small dialect of Markdown described in README.md. The same
text gives the same bytes: no clock, no random identifier, no compression.
"""

import argparse
import io
import re
import sys
from html import escape
from pathlib import Path
from typing import Any

from figures import FIGURES, GREEN, GREY, GRID, INK, PALE
from reportlab.lib.colors import white
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

HERE = Path(__file__).parent
MARGIN = 22 * mm
TEXT_WIDTH = A4[0] - 2 * MARGIN
UNITS = (
    "kWh|MWh|GWh|TWh|kW|MW|€|M€|%|°C|K|bar|h|m|m²|m³|kg|t|tCO2e|kgCO2e|ans|mois|heures|tep|Nm³|L"
)

for _name, _file in {"Vera": "Vera", "Vera-Bold": "VeraBd", "Vera-Italic": "VeraIt"}.items():
    pdfmetrics.registerFont(TTFont(_name, f"{_file}.ttf"))
pdfmetrics.registerFontFamily("Vera", "Vera", "Vera-Bold", "Vera-Italic", "Vera-Bold")

BODY = ParagraphStyle(
    "body", fontName="Vera", fontSize=8.8, leading=13.2, textColor=INK, spaceAfter=6
)
BULLET = ParagraphStyle("bullet", BODY, leftIndent=14, bulletIndent=3, spaceAfter=2.5)
H1 = ParagraphStyle(
    "h1", BODY, fontName="Vera-Bold", fontSize=14.5, leading=18, textColor=GREEN,
    spaceBefore=14, spaceAfter=6, keepWithNext=1,
)  # fmt: skip
H2 = ParagraphStyle(
    "h2", BODY, fontName="Vera-Bold", fontSize=10.6, leading=14, spaceBefore=8, spaceAfter=4,
    keepWithNext=1,
)  # fmt: skip
TITLE = ParagraphStyle(
    "title", BODY, fontName="Vera-Bold", fontSize=23, leading=28, textColor=GREEN, spaceAfter=4
)
SUBTITLE = ParagraphStyle("subtitle", BODY, fontSize=11, leading=15, textColor=GREY, spaceAfter=10)
CAPTION = ParagraphStyle(
    "caption", BODY, fontName="Vera-Italic", fontSize=7.8, leading=10.5, spaceBefore=5, spaceAfter=4
)
CELL = ParagraphStyle("cell", BODY, fontSize=7.8, leading=10.4, spaceAfter=0)
HEAD = ParagraphStyle("head", CELL, fontName="Vera-Bold", textColor=white)
NOTE = ParagraphStyle("note", BODY, fontSize=7.4, leading=10, textColor=GREY)


def typeset(text: str) -> str:
    """Return reportlab markup with French typography: apostrophes, no-break spaces, CO₂, bold."""
    text = escape(text, quote=False).replace("'", "’")
    text = re.sub(r" (?=[:;?!%»])", "\u00a0", text).replace("« ", "«\u00a0")
    text = re.sub(r"(?<=\d) (?=\d{3}\b)", "\u00a0", text)
    text = re.sub(rf"(?<=\d) (?=(?:{UNITS})(?!\w))", "\u00a0", text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    return text.replace("CO2", 'CO<sub rise="1.6" size="6.2">2</sub>')


def table(rows: list[list[str]], shares: list[int]) -> Table:
    """Return a ruled table whose header row repeats; shares are column widths in percent."""
    cells = [
        [Paragraph(typeset(cell), CELL if index else HEAD) for cell in row]
        for index, row in enumerate(rows)
    ]
    widths = [TEXT_WIDTH * share / sum(shares) for share in shares]
    style = [
        ("BACKGROUND", (0, 0), (-1, 0), GREEN),
        ("GRID", (0, 0), (-1, -1), 0.5, GRID),
        ("BOX", (0, 0), (-1, -1), 0.7, GREY),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("TOPPADDING", (0, 0), (-1, -1), 3.2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.6),
    ]
    return Table(cells, colWidths=widths, repeatRows=1, style=style, spaceAfter=9)


def panel(paragraphs: list[Paragraph], columns: int = 1) -> Table:
    """Return paragraphs on a pale background, row by row over the columns."""
    padded = [*paragraphs, *[""] * (-len(paragraphs) % columns)]
    rows = [padded[start : start + columns] for start in range(0, len(padded), columns)]
    style = [
        ("BACKGROUND", (0, 0), (-1, -1), PALE),
        ("LINEBEFORE", (0, 0), (0, -1), 2.5, GREEN),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 9),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
    ]
    width = TEXT_WIDTH / columns
    return Table(rows, colWidths=[width] * columns, style=style, spaceBefore=3, spaceAfter=9)


def split_caption(pattern: str, line: str) -> tuple[str, str]:
    """Return the option and the caption of a table or figure; raise ValueError when malformed."""
    found = re.fullmatch(pattern, line)
    if not found:
        raise ValueError(f"Expected {pattern}, found: {line}")
    return found[1], found[2]


class Layout:
    """Turn blocks of text into flowables; number headings, tables and figures."""

    def __init__(self, header: dict[str, str]) -> None:
        self.story: list[Any] = [
            Spacer(1, 6 * mm),
            Paragraph(typeset(header["rubrique"]), NOTE),
            Paragraph(typeset(header["titre"]), TITLE),
            Paragraph(typeset(header["sous-titre"]), SUBTITLE),
        ]
        self.chapter = self.section = self.tables = self.figures = 0

    def add(self, block: str) -> None:
        """Append the flowables of one block (the lines between two blank lines)."""
        lines = block.split("\n")
        first = lines[0]
        if first.startswith("# "):
            self.chapter, self.section = self.chapter + 1, 0
            self.story.append(Paragraph(f"{self.chapter}. {typeset(first[2:])}", H1))
        elif first.startswith("## "):
            self.section += 1
            number = f"{self.chapter}.{self.section}"
            self.story.append(Paragraph(f"{number} {typeset(first[3:])}", H2))
        elif first.startswith("Tableau "):
            self.add_table(first, lines[1:])
        elif first.startswith("Figure "):
            self.add_figure(first, lines[1:])
        elif first == "Fiche":
            pairs = [typeset(line).split("\u00a0:", 1) for line in lines[1:]]
            facts = [Paragraph(f"<b>{name}</b>\u00a0:{value}", CELL) for name, value in pairs]
            self.story.append(panel(facts, columns=2))
        elif first == "Sources":
            self.story.append(Paragraph("Sources", H2))
            self.add_items([f"{rank}. {line[2:]}" for rank, line in enumerate(lines[1:], 1)])
        elif first.startswith("> "):
            self.story.append(panel([Paragraph(typeset(first[2:]), BODY)]))
        elif re.match(r"- |\d+\. ", first):
            self.add_items(lines)
        else:
            self.story.append(Paragraph(typeset(" ".join(lines)), BODY))

    def add_items(self, lines: list[str]) -> None:
        """Append a bulleted or numbered list, one item a line."""
        for line in lines:
            mark, text = line.split(" ", 1)
            mark = "•" if mark == "-" else mark
            self.story.append(Paragraph(typeset(text), BULLET, bulletText=mark))
        self.story.append(Spacer(1, 4))

    def add_table(self, first: str, lines: list[str]) -> None:
        """Append a numbered table; the first line holds the widths and the caption."""
        widths, caption = split_caption(r"Tableau \[([\d,]+)\] : (.+)", first)
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        self.tables += 1
        title = Paragraph(f"Tableau {self.tables} – {typeset(caption)}", CAPTION)
        body = table(rows, [int(width) for width in widths.split(",")])
        self.keep_together([title, body])

    def add_figure(self, first: str, lines: list[str]) -> None:
        """Append a numbered figure; the first line holds its kind and its caption."""
        kind, caption = split_caption(r"Figure (\w+) : (.+)", first)
        rows = [[cell.strip() for cell in line.split("|")] for line in lines]
        self.figures += 1
        title = Paragraph(f"Figure {self.figures} – {typeset(caption)}", CAPTION)
        self.keep_together([Spacer(1, 4), FIGURES[kind](rows), title, Spacer(1, 5)])

    def keep_together(self, flowables: list[Any]) -> None:
        """Append flowables that stay on one page, with the headings just above them."""
        while self.story[-1].getKeepWithNext():
            flowables.insert(0, self.story.pop())
        self.story.append(KeepTogether(flowables))


def parse(source: str) -> tuple[dict[str, str], list[str]]:
    """Split a text into its header (`name: value` lines) and its blocks."""
    head, *blocks = re.split(r"\n\s*\n", source.strip())
    header = dict(line.split(": ", 1) for line in head.split("\n"))
    return header, blocks


def render(source: str) -> bytes:
    """Return the PDF of one text."""
    header, blocks = parse(source)
    layout = Layout(header)
    for block in blocks:
        layout.add(block)
    layout.story.append(Spacer(1, 6))
    layout.story.append(
        Paragraph(
            typeset(
                "Document de démonstration rédigé pour WikiCO2. Les ordres de grandeur viennent "
                "des sources citées et les exemples de calcul découlent des hypothèses annoncées. "
                "Une étude propre au site reste nécessaire avant toute décision."
            ),
            NOTE,
        )
    )

    def draw_header_and_footer(canvas: Any, document: Any) -> None:
        canvas.saveState()
        canvas.setStrokeColor(GRID)
        canvas.line(MARGIN, 17 * mm, A4[0] - MARGIN, 17 * mm)
        canvas.setFont("Vera", 7.2)
        canvas.setFillColor(GREY)
        canvas.drawString(MARGIN, 12.5 * mm, f"WikiCO2 – {header['titre'].replace(chr(39), '’')}")
        canvas.drawRightString(A4[0] - MARGIN, 12.5 * mm, f"Page {document.page}")
        canvas.setFillColor(GREEN)
        canvas.rect(0, A4[1] - 5 * mm, A4[0], 5 * mm, stroke=0, fill=1)
        canvas.restoreState()

    def add_bookmark(flowable: Any) -> None:
        level = {"h1": 0, "h2": 1}.get(getattr(getattr(flowable, "style", None), "name", ""))
        if level is not None:
            key = f"t{document.seq.nextf('outline')}"
            document.canv.bookmarkPage(key)
            document.canv.addOutlineEntry(flowable.getPlainText(), key, level)

    target = io.BytesIO()
    document = BaseDocTemplate(
        target, pagesize=A4, invariant=1, pageCompression=0, lang="fr-FR",
        title=header["titre"], subject=header["sous-titre"], author="WikiCO2", creator="WikiCO2",
        leftMargin=MARGIN, rightMargin=MARGIN, topMargin=18 * mm, bottomMargin=21 * mm,
    )  # fmt: skip
    frame = Frame(
        MARGIN, 21 * mm, TEXT_WIDTH, A4[1] - 39 * mm,
        leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0,
    )  # fmt: skip
    document.addPageTemplates(PageTemplate(frames=[frame], onPage=draw_header_and_footer))
    document.afterFlowable = add_bookmark
    document.build(layout.story)
    return target.getvalue()


def build() -> dict[Path, bytes]:
    """Return each document's path with its bytes."""
    texts = sorted((HERE / "content").glob("*.md"))
    return {HERE / f"{path.stem}.pdf": render(path.read_text("utf-8")) for path in texts}


def main() -> int:
    """Write the documents, or with --check compare them with the committed files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    status = 0
    for path, data in build().items():
        if not check:
            path.write_bytes(data)
        elif not path.is_file() or path.read_bytes() != data:
            sys.stderr.write(f"{path.name} differs from its text: run python demo/build.py\n")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
