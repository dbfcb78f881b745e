"""Small PDFs generated for the tests, with reportlab or byte by byte."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
TEXT = 10
BODY = "Helvetica"
BOLD = "Helvetica-Bold"


class Page:
    """Writes lines from the top of a page, as a word processor would."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.y = HEIGHT - 80

    def line(
        self, text: str, size: float = TEXT, font: str = BODY, x: float = 60, after: float = 2
    ) -> None:
        self.canvas.setFont(font, size)
        self.canvas.drawString(x, self.y, text)
        self.y -= size + after

    def gap(self, points: float = 12) -> None:
        self.y -= points

    def row(self, cells: Sequence[str], xs: Sequence[float], font: str = BODY) -> None:
        self.canvas.setFont(font, TEXT)
        for text, x in zip(cells, xs, strict=True):
            self.canvas.drawString(x, self.y, text)
        self.y -= TEXT + 6

    def at(self, x: float, y: float, text: str, size: float = 8) -> None:
        self.canvas.setFont(BODY, size)
        self.canvas.drawString(x, y, text)


def report(path: Path) -> Path:
    """Write four pages with headings, a list, a table, running headers and page numbers."""
    canvas = Canvas(str(path), pagesize=A4)
    canvas.setTitle("Récupération de chaleur")
    canvas.setAuthor("Bureau d'études")
    for number in range(1, 5):
        page = Page(canvas)
        page.at(60, HEIGHT - 40, "Guide des compresseurs")
        page.at(280, 30, f"Page {number} / 4")
        if number == 1:
            _first_page(page)
        else:
            page.line(f"{number}. Partie numéro {'abcd'[number - 1]}", 16, BOLD, after=8)
            for i in range(12):
                page.line(f"Le texte de la partie occupe la ligne {i} de cette page et va au bord")
        canvas.showPage()
    canvas.save()
    return path


def _first_page(page: Page) -> None:
    page.line("1. Chaleur fatale des compresseurs", 16, BOLD, after=8)
    page.line("Un compresseur rejette en chaleur près de 90 % de l'électricité qu'il consomme. La")
    page.line("part récupérable dépend de la température de retour du réseau, de l'échangeur")
    page.line("et de la durée de marche.")
    page.gap()
    page.line("Le gain se mesure au compteur, sur une année entière, pour tenir compte des")
    page.line("arrêts et des saisons.")
    page.gap()
    page.line("1.1 Conditions", 13, BOLD, after=6)
    page.line("• un besoin de chaleur proche ;", x=70)
    page.line("• une marche de plus de 4 000 heures ;", x=70)
    page.line("• un échangeur accessible.", x=70)
    page.gap()
    columns = (60, 220, 340)
    page.row(("Poste", "Énergie (kWh)", "Émissions (tCO2e)"), columns, BOLD)
    page.row(("Compresseur 1", "125 000", "6,5"), columns)
    page.row(("Compresseur 2", "98 500,5", "5,1"), columns)
    page.row(("Sécheur", "12 300", "0,6"), columns)


def lines(path: Path, pages: Sequence[Sequence[str]]) -> Path:
    """Write plain lines, a sequence of them for each page."""
    canvas = Canvas(str(path), pagesize=A4)
    for texts in pages:
        page = Page(canvas)
        for text in texts:
            page.line(text)
        canvas.showPage()
    canvas.save()
    return path


def encrypted(path: Path, user: str, owner: str) -> Path:
    """Write an encrypted page; opening needs the `user` password, or none if it is ""."""
    encryption = StandardEncryption(user, owner, canPrint=0, canCopy=0)
    canvas = Canvas(str(path), pagesize=A4, encrypt=encryption)
    canvas.setFont(BODY, TEXT)
    canvas.drawString(60, 700, "Texte protégé mais lisible")
    canvas.save()
    return path


def raw(
    path: Path,
    content: bytes,
    *,
    box: str = "0 0 595 842",
    pages: int = 1,
    rotation: int = 0,
) -> Path:
    """Write a PDF of one compressed content stream, shown on each of its pages."""
    stream = zlib.compress(content, 9)
    kids = " ".join(f"{5 + i} 0 R" for i in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>".encode(),
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    page = (
        f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Rotate {rotation} /Contents 3 0 R "
        "/Resources << /Font << /F1 4 0 R >> >> >>"
    )
    objects += [page.encode()] * pages
    return _written(path, objects)


def with_false_unicode(path: Path, content: bytes, codes: dict[int, int]) -> Path:
    """Write a page in Helvetica whose font states false characters for some of its codes."""
    pairs = b"".join(b"<%02X> <%04X>\n" % pair for pair in codes.items())
    table = (
        b"/CIDInit /ProcSet findresource begin begincmap /CMapName /X def /CMapType 2 def\n"
        b"1 begincodespacerange <00> <FF> endcodespacerange\n"
        b"%d beginbfchar\n%bendbfchar endcmap end" % (len(codes), pairs)
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources "
        b"<< /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding "
        b"/ToUnicode 6 0 R >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(table), table),
    ]
    return _written(path, objects)


def layered(path: Path, content: bytes) -> Path:
    """Write a page with two layers, /On and /Off, of which the second is switched off."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /OCProperties << /OCGs [6 0 R 7 0 R] "
        b"/D << /ON [6 0 R] /OFF [7 0 R] /Order [6 0 R 7 0 R] >> >> >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources "
        b"<< /Font << /F1 5 0 R >> /Properties << /On 6 0 R /Off 7 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /OCG /Name (visible) >>",
        b"<< /Type /OCG /Name (hidden) >>",
    ]
    return _written(path, objects)


def nested(path: Path, depth: int, times: int) -> Path:
    """Write a page with forms nested `depth` deep, each drawing the next one `times` times."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /XObject << /X 5 0 R >> >> >>",
        b"<< /Length 5 >>\nstream\n/X Do\nendstream",
    ]
    for level in range(depth):
        content = b"/X Do " * times if level < depth - 1 else b"0 0 1 1 re f "
        resources = b"/XObject << /X %d 0 R >>" % (6 + level) if level < depth - 1 else b""
        objects.append(
            b"<< /Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << %b >> "
            b"/Length %d >>\nstream\n%b\nendstream" % (resources, len(content), content)
        )
    return _written(path, objects)


def _written(path: Path, objects: Sequence[bytes]) -> Path:
    """Write a PDF of these objects; the first is the catalogue."""
    data = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(data))
    path.write_bytes(data + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer)
    return path


def with_small_raised_digits(path: Path) -> Path:
    """Write "soit 12 m2" with a small raised glyph for the last digit, as fonts have it."""
    boxes = {"s": 0, "o": 0, "i": 0, "t": 0, "m": 0, "one": 0, "two": 0, "raised": 380}
    procedures, objects = [], []
    for number, (name, bottom) in enumerate(boxes.items(), 6):
        height = 320 if bottom else 700
        drawing = b"600 0 0 %d 500 %d d1 0 %d 500 %d re f" % (
            bottom,
            bottom + height,
            bottom,
            height,
        )
        procedures.append(b"/%b %d 0 R" % (name.encode(), number))
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawing), drawing))
    table = (
        b"/CIDInit /ProcSet findresource begin begincmap /CMapName /X def /CMapType 2 def\n"
        b"1 begincodespacerange <00> <FF> endcodespacerange\n"
        b"8 beginbfchar\n<73> <0073>\n<6F> <006F>\n<69> <0069>\n<74> <0074>\n<6D> <006D>\n"
        b"<31> <0031>\n<32> <0032>\n<41> <0032>\nendbfchar endcmap end"
    )
    content = b"BT /F1 10 Tf 60 700 Td (soit) Tj 30 0 Td (12) Tj 18 0 Td (mA) Tj ET"
    head = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources "
        b"<< /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 600 700] /FontMatrix [.001 0 0 .001 0 0] "
        b"/CharProcs << %b >> /Encoding << /Type /Encoding /Differences [49 /one /two 65 /raised "
        b"105 /i 109 /m 111 /o 115 /s /t] >> /FirstChar 0 /LastChar 255 /Widths [%b] "
        b"/ToUnicode 14 0 R >>" % (b" ".join(procedures), b"600 " * 256),
    ]
    stream = b"<< /Length %d >>\nstream\n%b\nendstream" % (len(table), table)
    return _written(path, [*head, *objects, stream])
