"""The tables of PDFs: each value stands in its row, under its heading, or is not offered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ingestion.readers import Block, Limits, PageText
from ingestion.readers.api import read_document, read_picture
from ingestion.readers.media_type import PDF
from tests.ingestion import crafted

HEADER = ("Poste", "Énergie (MWh)", "Part")
ROWS = (("Four", "120", "12 %"), ("Séchoir", "88,5", "9 %"), ("Pompes", "1 250", "45 %"))
XS = (60, 210, 360, 510)
WIDTH = A4[0]


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., list[PageText]]:
    """Return a function that reads pages, each drawn by a function of a canvas."""

    def read(*pages: Callable[[Canvas], object]) -> list[PageText]:
        path = tmp_path / "tableau.pdf"
        canvas = Canvas(str(path), pagesize=A4)
        for page in pages:
            canvas.setFont(crafted.BODY, 10)
            page(canvas)
            canvas.showPage()
        canvas.save()
        items = read_document(path, PDF, Limits())
        return [item for item in items if isinstance(item, PageText)]

    return read


Draw = Callable[..., list[PageText]]


def write(
    canvas: Canvas, cells: Sequence[str], y: float, xs: Sequence[float] = XS, font: str = ""
) -> None:
    canvas.setFont(font or crafted.BODY, 10)
    for x, text in zip(xs, cells, strict=False):
        canvas.drawString(x + 4, y, text)


def write_rows(canvas: Canvas, top: float, rows: Sequence[Sequence[str]] = ROWS) -> None:
    """Write rows of 20 points below `top`."""
    for i, row in enumerate(rows):
        write(canvas, row, top - 14 - 20 * i)


def markdown(*rows: Sequence[str]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def tables(page: PageText) -> list[str]:
    return [block.text for block in page.blocks if block.kind == "table" and not block.doubt]


def doubtful(page: PageText) -> list[Block]:
    return [block for block in page.blocks if block.doubt == "layout"]


def shaded(canvas: Canvas) -> None:
    """Draw a table as a word processor does: a background for each cell and for its paragraph."""
    for left, right in pairwise(XS):
        for x0, y0, wide, high in (
            (left, 700, right - left, 30),
            (left + 5.4, 715, right - left - 10.8, 15),
            (left + 5.4, 700, right - left - 10.8, 15),
        ):
            canvas.setFillColorRGB(0.2, 0.5, 0.5)
            canvas.rect(x0, y0, wide, high, stroke=0, fill=1)
    canvas.setFillColorRGB(1, 1, 1)
    write(canvas, ("Poste de", "Énergie", "Part du"), 718, font=crafted.BOLD)
    write(canvas, ("consommation", "(MWh)", "total"), 704, font=crafted.BOLD)
    canvas.setFillColorRGB(0, 0, 0)
    write_rows(canvas, 700)
    canvas.grid(XS, [730, 700, 680, 660, 640])


def test_backgrounds_of_paragraphs_are_no_columns(draw: Draw) -> None:
    (page,) = draw(shaded)
    assert tables(page) == [
        markdown(("Poste de consommation", "Énergie (MWh)", "Part du total"), *ROWS)
    ]


def two_tables(canvas: Canvas) -> None:
    for top in (760, 400):
        write(canvas, HEADER, top - 14, font=crafted.BOLD)
        write_rows(canvas, top - 20)
        canvas.grid(XS, [top - 20 * i for i in range(5)])
    canvas.drawString(
        60, 550, "Une phrase qui sépare les deux tableaux de la page et les commente."
    )


def test_tables_on_the_same_rules_stay_apart(draw: Draw) -> None:
    (page,) = draw(two_tables)
    assert tables(page) == [markdown(HEADER, *ROWS)] * 2
    assert "sépare les deux tableaux" not in "".join(tables(page))


def test_headings_carry_over_to_the_next_page(draw: Draw) -> None:
    def first(canvas: Canvas) -> None:
        write(canvas, HEADER, 106, font=crafted.BOLD)
        write_rows(canvas, 100, ROWS[:1])
        canvas.grid(XS, [120, 100, 80])

    def second(canvas: Canvas) -> None:
        write_rows(canvas, 800, ROWS[1:])
        canvas.grid(XS, [800, 780, 760])
        canvas.drawString(60, 700, "La suite du texte.")

    pages = draw(first, second)
    assert tables(pages[0]) == [markdown(HEADER, *ROWS[:1])]
    assert tables(pages[1]) == [markdown(HEADER, *ROWS[1:])]


def test_merged_name_carries_over_to_the_next_page(draw: Draw) -> None:
    def lines(canvas: Canvas, ys: Sequence[float], name_ys: Sequence[float]) -> None:
        for x in XS:
            canvas.line(x, ys[0], x, ys[-1])
        for y in ys:
            canvas.line(XS[0] if y in name_ys else XS[1], y, XS[-1], y)

    def first(canvas: Canvas) -> None:
        write(canvas, ("Secteur", "Usage", "GWh"), 106, font=crafted.BOLD)
        write(canvas, ("Résidentiel", "Chauffage", "310"), 86)
        lines(canvas, (120, 100, 80), (120, 100, 80))

    def second(canvas: Canvas) -> None:
        write(canvas, ("", "Eau chaude", "120"), 786)
        write(canvas, ("Tertiaire", "Chauffage", "95"), 766)
        write(canvas, ("", "Froid", "22"), 746)
        lines(canvas, (800, 780, 760, 740), (800, 780, 740))

    assert tables(draw(first, second)[1]) == [
        markdown(
            ("Secteur", "Usage", "GWh"),
            ("Résidentiel", "Eau chaude", "120"),
            ("Tertiaire", "Chauffage", "95"),
            ("Tertiaire", "Froid", "22"),
        )
    ]


def test_no_value_becomes_a_heading(draw: Draw) -> None:
    def page(canvas: Canvas) -> None:
        write_rows(canvas, 700, [row[:2] for row in ROWS])
        canvas.grid(XS[:3], [700, 680, 660, 640])

    assert tables(draw(page)[0]) == [markdown(("", ""), *(row[:2] for row in ROWS))]


def test_groups_of_columns_stand_before_their_columns(draw: Draw) -> None:
    xs = (60, 180, 280, 380, 480, 580)

    def page(canvas: Canvas) -> None:
        for x in (60, 180, 380, 580):
            canvas.line(x, 660, x, 720)
        for x in (280, 480):
            canvas.line(x, 660, x, 700)
        for left, y in ((60, 720), (180, 700), (60, 680), (60, 660)):
            canvas.line(left, y, 580, y)
        write(canvas, ("Énergie",), 696)
        write(canvas, ("Consommation (TWh)", "Émissions (Mt)"), 706, (230, 430))
        write(canvas, ("2019", "2023", "2019", "2023"), 686, xs[1:])
        write(canvas, ("Chaleur", "25,6", "26,1", "3,1", "2,6"), 666, xs)

    assert tables(draw(page)[0]) == [
        markdown(
            (
                "Énergie",
                "Consommation (TWh) – 2019",
                "Consommation (TWh) – 2023",
                "Émissions (Mt) – 2019",
                "Émissions (Mt) – 2023",
            ),
            ("Chaleur", "25,6", "26,1", "3,1", "2,6"),
        )
    ]


def test_unit_stays_in_the_corner_and_years_are_headings(draw: Draw) -> None:
    rows = (("En TWh", "2019", "2023"), ("Chaleur", "25,6", "26,1"), ("Froid", "1,1", "1,2"))

    def page(canvas: Canvas) -> None:
        write_rows(canvas, 700, rows)
        canvas.grid(XS, [700, 680, 660, 640])

    assert tables(draw(page)[0]) == [markdown(*rows)]


def test_cells_drawn_column_by_column_stand_in_their_rows(draw: Draw) -> None:
    def page(canvas: Canvas) -> None:
        for j, x in enumerate(XS[:3]):
            for i, row in enumerate((HEADER, *ROWS)):
                canvas.drawString(x, 700 - 14 * i, row[j])

    assert tables(draw(page)[0]) == [markdown(HEADER, *ROWS)]


def test_rules_between_rows_alone_part_the_rows(draw: Draw) -> None:
    def page(canvas: Canvas) -> None:
        write(canvas, HEADER, 706)
        for i, row in enumerate(ROWS):
            write(canvas, row, 680 - 34 * i)
            canvas.drawString(64, 668 - 34 * i, "du site")
            canvas.line(60, 697 - 34 * i, 510, 697 - 34 * i)

    assert tables(draw(page)[0]) == [
        markdown(HEADER, *((f"{row[0]} du site", *row[1:]) for row in ROWS))
    ]


def test_background_of_every_other_row_parts_no_table(draw: Draw) -> None:
    rows = [(f"Poste {i}", str(100 + i), f"{i} %") for i in range(1, 7)]

    def page(canvas: Canvas) -> None:
        for i in range(0, 7, 2):
            for left, right in pairwise(XS):
                canvas.setFillGray(0.2 if i == 0 else 0.9)
                canvas.rect(left, 680 - 20 * i, right - left, 20, stroke=0, fill=1)
        canvas.setFillGray(0)
        write_rows(canvas, 700, (HEADER, *rows))

    assert tables(draw(page)[0]) == [markdown(HEADER, *rows)]


def test_values_between_upright_rules_stand_in_rows(draw: Draw) -> None:
    def page(canvas: Canvas) -> None:
        write(canvas, HEADER, 706, font=crafted.BOLD)
        for i, row in enumerate(ROWS):
            write(canvas, row, 686 - 14 * i)
        canvas.grid(XS, [720, 700, 650])

    assert tables(draw(page)[0]) == [markdown(HEADER, *ROWS)]


@pytest.mark.parametrize("angle", [90, -90])
@pytest.mark.parametrize("ruled", [True, False])
def test_turned_table_reads_like_others(draw: Draw, angle: int, *, ruled: bool) -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawString(60, 800, "Le tableau est tourné d'un quart de tour.")
        canvas.translate(WIDTH / 2, 420)
        canvas.rotate(angle)
        canvas.translate(-300, -200)
        write(canvas, HEADER, 286, font=crafted.BOLD)
        write_rows(canvas, 280)
        if ruled:
            canvas.grid(XS, [300, 280, 260, 240, 220])

    (read,) = draw(page)
    assert tables(read) == [markdown(HEADER, *ROWS)]
    assert [block.kind for block in read.blocks] == ["paragraph", "table"]
    assert not read.remarks


def test_table_in_doubt_is_a_picture_with_its_text(draw: Draw, tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        write(canvas, HEADER, 686, font=crafted.BOLD)
        for i, cells in enumerate([("", "120", "12 %"), ("", "88", "9 %"), ("Pompes", "7", "4 %")]):
            write(canvas, cells, 666 - 20 * i)
        canvas.grid(XS, [700, 680, 660, 640, 620])

    (read,) = draw(page)
    assert tables(read) == []
    (block,) = doubtful(read)
    assert (block.kind, block.text) == (
        "figure",
        "Poste  Énergie (MWh)  Part\n120  12 %\n88  9 %\nPompes  7  4 %",
    )
    picture = read_picture(tmp_path / "tableau.pdf", PDF, block.picture, Limits(), max_width=900)
    assert picture.width > 2 * picture.height


def boxes_of_prose(canvas: Canvas) -> None:
    for i, x in enumerate((50, 220, 390)):
        canvas.rect(x, 600, 160, 120)
        for j, text in enumerate(("La combustion du bois", "alimente la chaufferie", "du site.")):
            canvas.drawString(x + 6, 700 - 12 * j, text)
        canvas.drawString(x + 10, 615, f"Étape {i + 1}")


def bullets(canvas: Canvas) -> None:
    for i in range(4):
        canvas.drawString(60, 700 - 14 * i, "•")
        canvas.drawString(84, 700 - 14 * i, f"un point de la liste, le numéro {i}")


def chart(canvas: Canvas) -> None:
    canvas.line(80, 560, 80, 680)
    for i in range(6):
        canvas.drawString(60, 558 + 20 * i, str(10 * i))
        canvas.line(80, 560 + 20 * i, 400, 560 + 20 * i)
    for i in range(5):
        canvas.drawString(100 + 60 * i, 545, str(2018 + i))
        canvas.rect(100 + 60 * i, 560, 20, 20 + 15 * i, fill=1)
    for i, text in enumerate(("Chaleur", "Froid", "Gaz", "Bois", "Fioul", "Autres")):
        canvas.rect(80 + i % 3 * 120, 500 - i // 3 * 16, 8, 8, fill=1)
        canvas.drawString(92 + i % 3 * 120, 500 - i // 3 * 16, text)


def key_figures(canvas: Canvas) -> None:
    for i, (figure, what) in enumerate((("45 %", "de chaleur"), ("120", "logements"), ("3", "km"))):
        canvas.setFont(crafted.BOLD, 24)
        canvas.drawString(60 + 170 * i, 600, figure)
        canvas.setFont(crafted.BODY, 10)
        canvas.drawString(60 + 170 * i, 580, what)


def formulas(canvas: Canvas) -> None:
    for y in (700, 650):
        parts = ((200, 0, "P ="), (240, 7, "100 000"), (250, -7, "1 386"), (300, 0, "× (1 + 0,20)"))
        for x, rise, text in (*parts, (380, 0, "= 87 kW")):
            canvas.drawString(x, y + rise, text)
        canvas.line(238, y + 3, 290, y + 3)


def contents(canvas: Canvas) -> None:
    for i in range(6):
        canvas.drawString(60, 700 - 18 * i, f"Une partie du rapport sur le sujet {'abcdef'[i]}")
        canvas.drawString(500, 700 - 18 * i, str(3 + 4 * i))


@pytest.mark.parametrize("page", [boxes_of_prose, bullets, chart, key_figures, formulas, contents])
def test_what_is_no_table_is_not_shown_as_one(draw: Draw, page: Callable[[Canvas], None]) -> None:
    assert tables(draw(page)[0]) == []


def test_cells_of_one_line_at_different_heights_keep_their_order(draw: Draw) -> None:
    def page(canvas: Canvas) -> None:
        for x, y, text in (
            (64, 706, "Poste"),
            (214, 712, "Puissance"),
            (214, 700, "installée"),
            (364, 706, "Part"),
        ):
            canvas.drawString(x, y, text)
        write_rows(canvas, 690)
        canvas.grid(XS, [724, 690, 670, 650, 630])

    assert tables(draw(page)[0]) == [markdown(("Poste", "Puissance installée", "Part"), *ROWS)]


def test_row_of_a_unit_stands_before_each_heading(draw: Draw) -> None:
    rows = (("Énergie", "2019", "2023"), ("Chaleur", "25,6", "26,1"), ("Froid", "1,1", "1,2"))

    def page(canvas: Canvas) -> None:
        canvas.drawString(240, 706, "en millions de tonnes")
        write_rows(canvas, 700, rows)
        canvas.grid(XS, [700, 680, 660, 640])
        canvas.rect(60, 700, 450, 20)

    unit = "en millions de tonnes – "
    assert tables(draw(page)[0]) == [markdown(("Énergie", f"{unit}2019", f"{unit}2023"), *rows[1:])]


def test_heading_of_another_table_on_the_next_page_stays_its_own(draw: Draw) -> None:
    other = ("Poste", "Coût (€)", "Année")

    def first(canvas: Canvas) -> None:
        write_rows(canvas, 120, (HEADER, *ROWS))
        canvas.grid(XS, [120, 100, 80, 60, 40])

    def second(canvas: Canvas) -> None:
        write_rows(canvas, 800, (other, ("Four", "9 000", "2020"), ("Pompes", "n.c.", "2021")))
        canvas.grid(XS, [800, 780, 760, 740])

    def third(canvas: Canvas) -> None:
        write_rows(canvas, 800, (("Séchoir", "n.c.", "2022"), ("Chaudière", "7 000", "2023")))
        canvas.grid(XS, [800, 780, 760])
        canvas.drawString(60, 700, "La suite du texte.")

    pages = draw(first, second, third)
    assert tables(pages[1]) == [
        markdown(other, ("Four", "9 000", "2020"), ("Pompes", "n.c.", "2021"))
    ]
    assert tables(pages[2]) == [
        markdown(other, ("Séchoir", "n.c.", "2022"), ("Chaudière", "7 000", "2023"))
    ]
