"""What a reader gets out of sound PDFs: text, structure, pictures."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from ingestion.anchors.page_highlight import find_quote_on_page
from ingestion.readers import Block, DocumentInfo, Limits, PageImage, PageText, Rect
from ingestion.readers.api import check_document, read_document, read_picture, render_page
from ingestion.readers.media_type import PDF, sniff_media_type
from ingestion.readers.pdf.layout import build_structure
from ingestion.readers.pdf.lines import LineSegment, TextLine
from ingestion.readers.pdf.page import RawPage
from ingestion.readers.repair.garbled import is_garbled
from ingestion.readers.repair.headings import Bookmark
from tests.ingestion import crafted

LIMITS = Limits(memory_mb=1024, cpu_seconds=20, wall_seconds=20)


def read(path: Path) -> tuple[DocumentInfo, list[PageText]]:
    info, *pages = read_document(path, PDF, LIMITS)
    assert isinstance(info, DocumentInfo)
    return info, [page for page in pages if isinstance(page, PageText)]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[DocumentInfo, list[PageText]]:
    return read(crafted.report(tmp_path_factory.mktemp("report") / "étude n°1.pdf"))


def of_kind(page: PageText, kind: str) -> list[Block]:
    return [block for block in page.blocks if block.kind == kind]


def test_info_comes_first(report: tuple[DocumentInfo, list[PageText]]) -> None:
    info, pages = report
    assert info.page_count == 4
    assert info.title == "Récupération de chaleur"
    assert info.author == "Bureau d'études"
    assert info.language == "fr"
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", info.created)
    assert [page.number for page in pages] == [1, 2, 3, 4]
    assert (round(pages[0].width), round(pages[0].height)) == (595, 842)


def test_headings_have_the_level_of_their_numbers(
    report: tuple[DocumentInfo, list[PageText]],
) -> None:
    headings = [
        (block.level, block.text) for page in report[1] for block in of_kind(page, "heading")
    ]
    assert headings[:2] == [(1, "1. Chaleur fatale des compresseurs"), (2, "1.1 Conditions")]
    assert [level for level, _ in headings[2:]] == [1, 1, 1]


def test_lines_are_rebuilt_into_paragraphs(report: tuple[DocumentInfo, list[PageText]]) -> None:
    first, second = of_kind(report[1][0], "paragraph")
    assert first.text.startswith("Un compresseur rejette")
    assert "consomme. La part récupérable" in first.text
    assert second.text.endswith("arrêts et des saisons.")


def test_list_items_are_on_lines_of_their_own(report: tuple[DocumentInfo, list[PageText]]) -> None:
    (items,) = of_kind(report[1][0], "list")
    assert items.text == (
        "- un besoin de chaleur proche ;\n"
        "- une marche de plus de 4 000 heures ;\n"
        "- un échangeur accessible."
    )


def test_table_keeps_its_cells_and_units(report: tuple[DocumentInfo, list[PageText]]) -> None:
    (table,) = of_kind(report[1][0], "table")
    assert table.text == (
        "| Poste | Énergie (kWh) | Émissions (tCO2e) |\n"
        "| --- | --- | --- |\n"
        "| Compresseur 1 | 125 000 | 6,5 |\n"
        "| Compresseur 2 | 98 500,5 | 5,1 |\n"
        "| Sécheur | 12 300 | 0,6 |"
    )


def test_running_heads_and_page_numbers_go(report: tuple[DocumentInfo, list[PageText]]) -> None:
    text = "\n".join(page.text for page in report[1])
    assert "Guide des compresseurs" not in text
    assert "/ 4" not in text


def test_text_is_the_blocks_apart(report: tuple[DocumentInfo, list[PageText]]) -> None:
    for page in report[1]:
        assert page.text == "\n\n".join(block.text for block in page.blocks)


def test_no_word_is_lost(tmp_path: Path) -> None:
    path = crafted.report(tmp_path / "rapport.pdf")
    _, pages = read(path)
    document = pypdfium2.PdfDocument(path)
    for page, layer in zip(pages, document, strict=True):
        words = Counter(re.findall(r"\w+", layer.get_textpage().get_text_range()))
        heads = Counter(["Guide", "des", "compresseurs", "Page", str(page.number), "4"])
        assert Counter(re.findall(r"\w+", page.text)) == words - heads
    document.close()


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = crafted.raw(tmp_path / "long.pdf", b"BT /F1 9 Tf 50 700 Td (Ligne) Tj ET", pages=1500)
    pages = list(
        read_document(path, PDF, LIMITS, progress=lambda done, total: told.append((done, total)))
    )
    assert len(pages) == 1501
    assert told == sorted(told)
    assert all(total == 1500 for _, total in told)


def test_pages_without_text_among_others_are_blank(tmp_path: Path) -> None:
    path = crafted.lines(tmp_path / "mixte.pdf", [["Une page qui a du texte"], []])
    _, pages = read(path)
    assert [bool(page.text) for page in pages] == [True, False]


def test_check_says_what_the_document_is(tmp_path: Path) -> None:
    info = check_document(crafted.report(tmp_path / "rapport.pdf"), PDF, LIMITS)
    assert (info.page_count, info.title) == (4, "Récupération de chaleur")


def test_owner_password_does_not_bar_reading(tmp_path: Path) -> None:
    path = crafted.encrypted(tmp_path / "verrou.pdf", user="", owner="secret")
    assert check_document(path, PDF, LIMITS).page_count == 1
    assert read(path)[1][0].text == "Texte protégé mais lisible"


def test_quote_is_found_on_the_picture_of_a_page(tmp_path: Path) -> None:
    path = crafted.lines(tmp_path / "page.pdf", [["Premier titre", "La phrase cherchée"]])
    image = render_page(path, PDF, 1, LIMITS, max_width=600)
    assert (image.width, image.media_type) == (600, "image/webp")
    (rect,) = find_quote_on_page("la phrase", image.chars)
    ink, others = ink_inside(image, rect)
    assert ink
    assert others


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_characters_lie_on_their_ink(tmp_path: Path, rotation: int) -> None:
    content = b"BT /F1 12 Tf 100 750 Td (Premier titre) Tj 0 -20 Td (Autre ligne) Tj ET"
    path = crafted.raw(tmp_path / "page.pdf", content, rotation=rotation)
    image = render_page(path, PDF, 1, LIMITS, max_width=600)
    assert sorted(char.char for char in image.chars) == sorted("PremiertitreAutreligne")
    around = Rect(
        min(char.x0 for char in image.chars),
        min(char.y0 for char in image.chars),
        max(char.x1 for char in image.chars),
        max(char.y1 for char in image.chars),
    )
    assert around.x1 - around.x0 < 0.3
    assert around.y1 - around.y0 < 0.3
    ink, others = ink_inside(image, around)
    assert ink
    assert not others


def ink_inside(image: PageImage, rect: Rect) -> tuple[bool, bool]:
    """Tell whether there is ink inside a rectangle of a picture, and whether outside."""
    picture = Image.open(io.BytesIO(image.data)).convert("L")
    assert picture.size == (image.width, image.height)
    box = (
        int(rect.x0 * image.width) - 1,
        int(rect.y0 * image.height) - 1,
        int(rect.x1 * image.width) + 2,
        int(rect.y1 * image.height) + 2,
    )
    inside = picture.crop(box)
    picture.paste(255, box)
    return _has_ink(inside), _has_ink(picture)


def _has_ink(picture: Image.Image) -> bool:
    return any(picture.histogram()[:128])


@pytest.mark.parametrize(
    ("rotation", "matrix"),
    [
        (0, b"1 0 0 1 100 700"),
        (90, b"0 1 -1 0 100 100"),
        (180, b"-1 0 0 -1 500 100"),
        (270, b"0 -1 1 0 100 700"),
    ],
)
def test_turned_pages_read_like_others(tmp_path: Path, rotation: int, matrix: bytes) -> None:
    content = (
        b"BT /F1 10 Tf " + matrix + b" Tm (Poste) Tj 90 0 Td (kWh) Tj "
        b"-90 -16 Td (Four) Tj 90 0 Td (120) Tj -90 -40 Td (Une ligne de texte) Tj ET"
    )
    _, (page,) = read(crafted.raw(tmp_path / "page.pdf", content, rotation=rotation))
    assert page.text == ("| Poste | kWh |\n| --- | --- |\n| Four | 120 |\n\nUne ligne de texte")


def test_text_set_sideways_is_kept(tmp_path: Path) -> None:
    content = b"BT /F1 10 Tf 0 1 -1 0 100 100 Tm (Texte debout) Tj ET"
    _, (page,) = read(crafted.raw(tmp_path / "page.pdf", content))
    assert page.text == "Texte debout"


def test_huge_page_is_drawn_small(tmp_path: Path) -> None:
    path = crafted.raw(
        tmp_path / "grand.pdf", b"BT /F1 9 Tf 50 700 Td (A) Tj ET", box="0 0 2000000000 2000000000"
    )
    image = render_page(path, PDF, 1, LIMITS, max_width=300)
    assert image.width * image.height < 10_000_000


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\n" * 500 + b"%PDF-1.4", "application/pdf"),
        (b"\n" * 2000 + b"%PDF-1.4", "text/plain"),
        (b"PK\x03\x04rest", "application/zip"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"  <!DOCTYPE HTML><p>", "text/html"),
        (b"plain words", "text/plain"),
        (b"", ""),
    ],
)
def test_sniff(head: bytes, media_type: str) -> None:
    assert sniff_media_type(head) == media_type


def line(text: str, y: float, x: float = 60, size: float = 10, **more: Any) -> TextLine:
    return TextLine((LineSegment(text, x, x + 5 * len(text)),), y, size, **more)


def parted(left: str, right: str, y: float, x: float = 60) -> TextLine:
    """Return a line with a gap as wide as between two cells."""
    middle = x + 5 * len(left) + 20
    cells = (LineSegment(left, x, middle - 20), LineSegment(right, middle, middle + 5 * len(right)))
    return TextLine(cells, y, 10)


def structured(lines: Sequence[TextLine], *bookmarks: Bookmark) -> PageText:
    (page,) = build_structure([RawPage(1, 595, 842, tuple(lines))], bookmarks)
    return page


def test_labelled_fields_far_apart_on_one_line_stay_apart() -> None:
    """A line of two fields is not one sentence: the second one goes on in its own column."""
    left, right = "Type de solution : Technique", "Niveau de maturité : Mature, offert en"
    cells = LineSegment(left, 60, 200), LineSegment(right, 306, 500)
    page = structured([TextLine(cells, 100, 10), line("série", 112, x=306)])
    assert page.text == f"{left}\n\n{right} série"
    near = LineSegment(left, 60, 200), LineSegment(right, 212, 406)
    assert structured([TextLine(near, 100, 10)]).text == f"{left} {right}"


def test_bullets_drawn_apart_go_back_to_their_text() -> None:
    page = structured([line("Un point", 100, x=80), line("Un autre", 130, x=80)])
    assert page.text == "Un point\n\nUn autre"
    page = structured(
        [
            line("Un point", 100, x=80),
            line("Un autre", 130, x=80),
            line("•", 100, x=65),
            line("•", 130, x=65),
        ]
    )
    assert page.text == "- Un point\n- Un autre"


def test_index_does_not_break_its_line() -> None:
    page = structured([line("Le CO", 100), line("2", 102, x=85.5, size=6), line("émis", 100, x=93)])
    assert page.text == "Le CO₂ émis"


def test_word_cut_at_the_end_of_a_line_is_joined() -> None:
    page = structured([line("Une grande flexi", 100, cut=True), line("bilité du réseau", 112)])
    assert page.text == "Une grande flexibilité du réseau"


def test_multiline_cells_drawn_one_after_the_other() -> None:
    cells = [
        line("Action", 100, x=60),
        line("Cible", 100, x=200),
        line("Isoler les", 120, x=60),
        line("conduites", 132, x=60),
        line("Chaufferie", 120, x=200),
        line("Régler", 152, x=60),
        line("Production", 152, x=200),
        line("de froid", 164, x=200),
    ]
    assert structured(cells).text == (
        "| Action | Cible |\n| --- | --- |\n"
        "| Isoler les conduites | Chaufferie |\n| Régler | Production de froid |"
    )


def test_columns_of_prose_are_not_a_table() -> None:
    left = [line("colonne de gauche numéro", 100 + 12 * i, x=60) for i in range(20)]
    right = [line("colonne de droite numéro", 100 + 12 * i, x=310) for i in range(20)]
    page = structured([*left, *right])
    assert [block.kind for block in page.blocks] == ["paragraph", "paragraph"]


def test_wide_spaces_of_justified_text_make_no_table() -> None:
    page = structured(
        [
            line("Le bilan mesure les émissions et sert alors à", 100, x=60),
            parted("répondre aux demandes de", "la norme, qui", 112),
            parted("veut que les équipes", "y prennent", 124),
            line("part toutes.", 136, x=60),
        ]
    )
    assert page.text == (
        "Le bilan mesure les émissions et sert alors à répondre aux demandes de la norme, "
        "qui veut que les équipes y prennent part toutes."
    )


def test_table_right_under_its_title_stays_one() -> None:
    rows = [parted("four", "12 kWh", 112), parted("séchoir", "8 kWh", 124)]
    page = structured([line("Consommation mesurée des postes :", 100, x=60), *rows])
    assert page.blocks[-1].text == "|  |  |\n| --- | --- |\n| four | 12 kWh |\n| séchoir | 8 kWh |"


def test_figure_under_a_table_is_not_its_end() -> None:
    cells = [line(text, y, x) for y in (100, 116, 132) for text, x in (("a1", 60), ("12", 200))]
    bars = [line(text, y, x) for y in (190, 206) for text, x in (("barre", 60), ("7", 300))]
    page = structured([*cells, *bars])
    assert page.blocks[0].text == "|  |  |\n| --- | --- |\n| a1 | 12 |\n| a1 | 12 |\n| a1 | 12 |"


def test_number_that_closes_a_bracket_begins_no_item() -> None:
    page = structured([line("Un débit de 75 / (1,163 ×", 100), line("40) = 1,6 m³/h", 112)])
    assert page.blocks == (Block("paragraph", "Un débit de 75 / (1,163 × 40) = 1,6 m³/h"),)


def test_short_numbered_title_is_a_heading() -> None:
    lines = [line("4.2 CO2", 100, size=13), *[line("du texte", 130 + 12 * i) for i in range(9)]]
    assert structured(lines).blocks[0].kind == "heading"


def test_title_drawn_after_its_text_goes_before_it() -> None:
    page = structured(
        [
            *[line("Un paragraphe assez long pour être du texte", 200 + 12 * i) for i in range(4)],
            line("Autre paragraphe encore du texte courant", 290),
            line("TITRE DU HAUT", 180, size=16),
        ]
    )
    assert page.blocks[0] == Block("heading", "TITRE DU HAUT", 1)


def test_bookmark_makes_a_heading_on_its_page_only() -> None:
    lines = [
        line("Article 12", 100),
        *[line("texte courant de la loi", 140 + 12 * i) for i in range(5)],
    ]
    assert structured(lines, Bookmark(3, "Article 12", 1)).blocks[0].level == 3
    assert structured(lines, Bookmark(3, "Article 12", 9)).blocks[0].kind == "paragraph"


def test_headings_at_the_top_of_pages_are_not_running_heads() -> None:
    pages = [
        RawPage(
            n + 1,
            595,
            842,
            (
                line(f"Article L{n * 7}", 60, size=14),
                *[line(f"texte courant {n} {i}", 100 + 12 * i) for i in range(5)],
            ),
        )
        for n in range(8)
    ]
    assert all(page.blocks[0].kind == "heading" for page in build_structure(pages))


def test_page_numbers_above_a_wide_margin_go() -> None:
    pages = [
        RawPage(n, 595, 842, (line(f"Texte numéro {n * n}", 100), line(str(n), 700, x=300)))
        for n in range(1, 6)
    ]
    assert [page.text for page in build_structure(pages)] == [
        f"Texte numéro {n * n}" for n in range(1, 6)
    ]
    table = [
        RawPage(n, 595, 842, (line("Total :", 650), line(str(40 + n * n), 700, x=300)))
        for n in range(1, 6)
    ]
    assert [str(40 + n * n) in page.text for n, page in enumerate(build_structure(table), 1)] == [
        True
    ] * 5


def test_contents_are_kept_apart_line_by_line() -> None:
    page = structured([line("1. Chaleur ........ 3", 100), line("2. Froid .......... 12", 112)])
    assert page.blocks == (Block("contents", "1. Chaleur … 3\n2. Froid … 12"),)


def prose(x: float, words: str, first: float = 100) -> list[TextLine]:
    texts = [f"{words} de la ligne numéro {i} du texte" for i in range(10)]
    return [line(text, first + 14 * i, x) for i, text in enumerate(texts)]


def test_columns_drawn_across_are_read_one_after_the_other() -> None:
    pairs = zip(prose(50, "gauche"), prose(310, "droite"), strict=True)
    title = line("Un titre au-dessus des deux colonnes de la page entière et jusqu'au bord", 70, 50)
    text = structured([title, *[one for pair in pairs for one in pair]]).text
    assert text.index("gauche de la ligne numéro 9") < text.index("droite de la ligne numéro 0")
    assert text.startswith("Un titre")


def test_columns_merged_into_lines_are_parted() -> None:
    pairs = zip(prose(50, "gauche"), prose(310, "droite"), strict=True)
    merged = [TextLine((*a.segments, *b.segments), a.baseline, 10) for a, b in pairs]
    page = structured(merged)
    assert [block.kind for block in page.blocks] == ["paragraph", "paragraph"]
    assert "droite" not in page.blocks[0].text


def test_footnotes_stand_apart_after_the_text_in_their_order() -> None:
    text = [line("Le texte courant de la page occupe les lignes", 100 + 12 * i) for i in range(8)]
    notes = [
        line("2 Seconde note, dessinée d'abord", 760, size=8),
        line("1 Première note qui", 740, size=8),
        line("va à la ligne", 750, size=8),
    ]
    page = structured([*notes, *text])
    assert [(block.kind, block.text) for block in page.blocks[-2:]] == [
        ("footnote", "[1] Première note qui va à la ligne"),
        ("footnote", "[2] Seconde note, dessinée d'abord"),
    ]


def test_ruled_cells_of_several_lines_stay_cells(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "regles.pdf"))
    canvas.grid([60, 200, 330, 460], [700, 660, 600, 540])
    cells = {
        (64, 686): "Poste de",
        (64, 674): "consommation",
        (204, 686): "Énergie (kWh)",
        (334, 686): "Part (%)",
        (64, 646): "Four",
        (204, 646): "mauvais",
        (204, 626): "moyen",
        (204, 606): "bon",
        (334, 646): "12",
        (64, 586): "Séchoir",
        (204, 586): "bon",
    }
    for (x, y), text in cells.items():
        canvas.drawString(x, y, text)
    canvas.drawString(60, 500, "Une phrase sous le tableau.")
    canvas.save()
    _, (page,) = read(tmp_path / "regles.pdf")
    assert page.text == (
        "| Poste de consommation | Énergie (kWh) | Part (%) |\n| --- | --- | --- |\n"
        "| Four | mauvais moyen bon | 12 |\n| Séchoir | bon |  |\n\nUne phrase sous le tableau."
    )


def test_row_that_the_end_of_a_page_cuts_open_stays_a_row(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "suite.pdf"))
    for x in (60, 200, 330, 460):
        canvas.line(x, 30, x, 160)
    for y in (160, 130):
        canvas.line(60, y, 460, y)
    cells = {
        (64, 142): "Exigence",
        (204, 142): "Couverture",
        (334, 142): "Évolution",
        (64, 116): "Politiques de",
        (204, 116): "couvre l'ensemble",
        (334, 116): "mineure, pour",
        (64, 104): "réduction",
        (204, 104): "au moins en partie",
        (334, 104): "viser mieux",
    }
    for (x, y), text in cells.items():
        canvas.drawString(x, y, text)
    canvas.save()
    _, (page,) = read(tmp_path / "suite.pdf")
    assert page.text == (
        "| Exigence | Couverture | Évolution |\n| --- | --- | --- |\n"
        "| Politiques de réduction | couvre l'ensemble au moins en partie "
        "| mineure, pour viser mieux |"
    )


def test_chart_of_strokes_is_a_figure_where_its_caption_says_so(tmp_path: Path) -> None:
    for name, caption in (("a", "Figure 2 : Consommations"), ("b", "Une phrase du texte")):
        canvas = Canvas(str(tmp_path / f"{name}.pdf"))
        for i in range(12):
            canvas.line(100 + 20 * i, 500, 110 + 20 * i, 520 + 10 * i)
        canvas.drawString(100, 480, caption)
        canvas.save()
    _, (drawn,) = read(tmp_path / "a.pdf")
    _, (plain,) = read(tmp_path / "b.pdf")
    assert [block.kind for block in drawn.blocks] == ["figure", "caption"]
    assert [block.kind for block in plain.blocks] == ["paragraph"]
    reference = drawn.blocks[0].picture
    image = read_picture(tmp_path / "a.pdf", PDF, reference, LIMITS, max_width=300)
    assert image.width > 2 * image.height or image.width == 300


@pytest.mark.parametrize(
    ("text", "nonsense"),
    [
        ("La part de la chaleur qui est perdue dans les conduites du site. " * 3, False),
        ("The share of the heat that is lost in the pipes of the plant. " * 3, False),
        ("Od sduw gh od fkdohxu txl hvw shugxh gdqv ohv frqgxlwhv gx vlwh. " * 3, True),
        ("\ufffd\ufffd\ufffdx" * 60, True),
        ("12 345 | 67,8 | 9 % | 2023 | t/an | " * 20, False),
        ("Où l'", False),
    ],
)
def test_nonsense_is_told_by_its_letters(text: str, nonsense: bool) -> None:
    assert is_garbled(text) is nonsense


def test_page_says_why_its_text_is_not_to_be_trusted(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "scan.pdf"))
    canvas.rect(100, 100, 300, 300, fill=1)
    canvas.showPage()
    canvas.showPage()
    canvas.drawString(60, 700, "Od sduw gh od fkdohxu txl hvw shugxh gdqv ohv frqgxlwhv gx vlwh")
    for i in range(3):
        canvas.drawString(60, 680 - 14 * i, "Od fkdohxu txl hvw shugxh gdqv ohv frqgxlwhv gx vlwh")
    canvas.save()
    _, pages = read(tmp_path / "scan.pdf")
    assert [page.doubt for page in pages] == ["no_text", "", "nonsense"]
