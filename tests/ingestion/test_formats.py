"""What is read out of each format besides PDF, and by what each is recognised."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.readers import Block, DocumentInfo, Limits, PageText, ReadError
from ingestion.readers import image as image_reader
from ingestion.readers.api import read_document, read_picture
from ingestion.readers.image import draw
from ingestion.readers.media_type import (
    DOCX,
    HTML,
    MARKDOWN,
    ODT,
    PNG,
    PPTX,
    TEXT,
    XLSX,
    ZIP,
    identify_path,
)
from ingestion.readers.office import docx, odt, pptx, xlsx
from ingestion.readers.office.number_format import format_value
from ingestion.readers.text import html, markdown, plain
from ingestion.readers.text.html import html_blocks, parse_html, picture
from ingestion.readers.text.markdown import markdown_to_html
from ingestion.readers.text.pagination import PAGE, paginate_blocks
from tests.ingestion import office

LIMITS = Limits(memory_mb=1024, cpu_seconds=20, wall_seconds=20)
TABLE = "| Poste | Énergie (kWh) |\n| --- | --- |\n| Compresseur | 125 000 |\n| Sécheur | 12 300 |"


def read(reader: object, path: Path) -> tuple[DocumentInfo, list[PageText]]:
    info, *pages = reader.read(str(path), LIMITS, lambda done, pages: None)  # type: ignore[attr-defined]
    return info, pages


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def kinds(page: PageText) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in page.blocks]


class TestRecognising:
    @pytest.mark.parametrize(
        ("make", "media_type"),
        [
            (office.word, DOCX),
            (office.slides, PPTX),
            (office.workbook, XLSX),
            (office.open_text, ODT),
        ],
    )
    def test_office_documents(
        self, tmp_path: Path, make: Callable[[Path], Path], media_type: str
    ) -> None:
        assert identify_path(make(tmp_path / "faux.pdf")) == media_type

    @pytest.mark.parametrize(
        ("content", "media_type"),
        [
            ("<!-- x -->\n<!DOCTYPE html><p>Texte", HTML),
            ("<div>Un bout de page</div>", HTML),
            ("# Titre\n\nTexte", MARKDOWN),
            ("<div>\n\n## Titre", MARKDOWN),
            ("| a | b |\n|---|---|\n| 1 | 2 |", MARKDOWN),
            ("Un texte.\n\nUn autre.", TEXT),
            ("Énergie".encode("utf-16"), TEXT),
            ("La chaleur récupérée".encode("cp1252"), TEXT),
            (bytes(range(256)), ""),
            (office.png(), PNG),
        ],
    )
    def test_by_content(self, tmp_path: Path, content: str | bytes, media_type: str) -> None:
        assert identify_path(written(tmp_path / "x.bin", content)) == media_type

    def test_an_archive_of_documents_is_none(self, tmp_path: Path) -> None:
        inside = office.word(tmp_path / "a.docx").read_bytes()
        path = office.archive(tmp_path / "lot.zip", {"dossier/a.docx": inside})
        assert identify_path(path) == ZIP


class TestWord:
    def test_structure(self, tmp_path: Path) -> None:
        info, pages = read(docx, office.word(tmp_path / "a.docx"))
        assert (info.title, info.author, info.page_count) == (
            "Récupération de chaleur",
            "B. Études",
            2,
        )
        first, second = pages
        assert kinds(first)[:4] == [
            ("heading", "Contexte"),
            ("paragraph", "Un compresseur rejette en chaleur près de 90 % de son électricité."),
            (
                "list",
                "- un besoin de chaleur proche\n- un échangeur accessible\n1. mesurer\n2. régler",
            ),
            ("table", TABLE),
        ]
        assert first.blocks[-1] == Block("heading", "Conditions de marche", 3)
        assert kinds(second) == [
            ("heading", "Suivi"),
            ("paragraph", "Le gain se mesure au compteur."),
        ]

    def test_pictures_are_given_unless_they_are_tiny(self, tmp_path: Path) -> None:
        path = office.word(tmp_path / "a.docx")
        _, pages = read(docx, path)
        (figure,) = [block for block in pages[0].blocks if block.kind == "figure"]
        image = read_picture(path, DOCX, figure.picture, LIMITS, max_width=200)
        assert (image.width, image.height, image.media_type) == (200, 150, "image/webp")

    @pytest.mark.parametrize(
        ("members", "code"),
        [
            (
                {"[Content_Types].xml": b"<Types/>", "word/x.bin": bytes(600_000_000)},
                "too_much_memory",
            ),
            ({"[Content_Types].xml": b"<Types/>"}, "unreadable"),
        ],
        ids=["bomb", "no text"],
    )
    def test_what_cannot_be_read(
        self, tmp_path: Path, members: dict[str, bytes], code: str
    ) -> None:
        path = office.archive(tmp_path / "a.docx", members)
        assert identify_path(path) == DOCX
        with pytest.raises(ReadError) as caught:
            list(read_document(path, DOCX, LIMITS))
        assert caught.value.code == code


def test_slides(tmp_path: Path) -> None:
    info, pages = read(pptx, office.slides(tmp_path / "a.pptx"))
    assert info.page_count == 2
    assert kinds(pages[0]) == [
        ("heading", "Récupération"),
        ("list", "- Point un\n- Point deux"),
        ("note", "Dire le coût"),
    ]
    assert pages[1].blocks[1].text == (
        "| | 2023 (%) |\n| --- | --- |\n| Gaz | 45,5 |\n| Électricité | 54,5 |".replace(
            "| |", "|  |", 1
        )
    )


class TestWorkbook:
    def test_values_as_they_are_shown(self, tmp_path: Path) -> None:
        _info, (page,) = read(xlsx, office.workbook(tmp_path / "a.xlsx", rows=1))
        assert kinds(page) == [
            ("heading", "Énergie"),
            ("paragraph", "Bilan 2023"),
            (
                "table",
                "| Poste | Énergie (kWh) | Part | Coût |\n| --- | --- | --- | --- |\n"
                "| Poste 0 | 125 000 | 42,5 % | 12 345,68 €/an |",
            ),
        ]

    def test_a_long_sheet_has_pages_that_repeat_its_header(self, tmp_path: Path) -> None:
        _, pages = read(xlsx, office.workbook(tmp_path / "a.xlsx", rows=130))
        assert len(pages) == 3
        assert all("| Poste | Énergie (kWh) |" in page.text for page in pages)
        assert "Poste 129" in pages[2].text

    @pytest.mark.parametrize(
        ("value", "form", "shown"),
        [
            (1234.5, "General", "1234,5"),
            (1234.5, "#,##0.00", "1 234,50"),
            (0.125, "0%", "13 %"),
            (1500000, '#,##0,"k€"', "1 500 k€"),
            (2.0, "0.##", "2"),
            (12, '0.0" kWh/m²"', "12,0 kWh/m²"),
        ],
    )
    def test_number_formats(self, value: float, form: str, shown: str) -> None:
        assert format_value(value, form) == shown


def test_open_document(tmp_path: Path) -> None:
    info, (page,) = read(odt, office.open_text(tmp_path / "a.odt"))
    assert info.page_count == 1
    assert kinds(page) == [
        ("heading", "Contexte"),
        ("paragraph", "Un compresseur rejette de la chaleur."),
        ("list", "- mesurer\n- régler"),
        ("table", TABLE),
    ]


class TestWebPage:
    def blocks(self, text: str) -> list[Block]:
        return [item for item in html_blocks(parse_html(text)) if isinstance(item, Block)]

    def test_structure(self, tmp_path: Path) -> None:
        source = (
            "<html lang=fr><head><title>La page</title><meta name=author content='A. B.'></head>"
            "<body><nav>Menu</nav><main><h1>Chaleur</h1>"
            "<p>Un <b>gain</b> de&nbsp;5&nbsp;%<br>par an."
            "<ol><li>un<ul><li>sous</ul><li>deux</ol>"
            "<table><tr><th rowspan=2>Poste<th colspan=2>Énergie<tr><th>kWh<th>%"
            "<tr><td>Four<td>120<td>45</table><script>alert(1)</script></main></body>"
        )
        info, (page,) = read(html, written(tmp_path / "a.html", source))
        assert (info.title, info.author) == ("La page", "A. B.")
        assert kinds(page) == [
            ("heading", "Chaleur"),
            ("paragraph", "Un gain de 5 %\npar an."),
            ("list", "1. un\n  - sous\n2. deux"),
            (
                "table",
                "| Poste | Énergie – kWh | Énergie – % |\n| --- | --- | --- |\n| Four | 120 | 45 |",
            ),
        ]

    @pytest.mark.parametrize(
        "data",
        [
            "<p>énergie".encode("cp1252"),
            "<meta charset=utf-8><p>énergie".encode("latin-1"),
            "<p>énergie".encode("utf-16"),
            "<p>e\u0301nergie".encode(),
        ],
    )
    def test_encodings(self, tmp_path: Path, data: bytes) -> None:
        _, (page,) = read(html, written(tmp_path / "a.html", data))
        assert page.text == "énergie"

    def test_nothing_is_read_of_what_is_not_shown(self) -> None:
        text = (
            "<p>oui</p><p hidden>non</p><div style='display:none'>non</div><template>non</template>"
        )
        assert [block.text for block in self.blocks(text)] == ["oui"]

    def test_pictures_in_the_page_are_given_others_only_named(self, tmp_path: Path) -> None:
        inline = inline_picture()
        path = written(
            tmp_path / "a.html",
            f"<html><img src='https://x.example/a.png' alt='Courbe'><img src='{inline}'>",
        )
        _, (page,) = read(html, path)
        far, near = page.blocks
        assert (far.text, far.picture) == ("Courbe", "")
        assert picture(str(path), near.picture, 100).width == 100


def inline_picture() -> str:
    return "data:image/png;base64," + base64.b64encode(office.png()).decode()


def test_markdown(tmp_path: Path) -> None:
    text = (
        "---\ntitle: Fiche chaleur\n---\n# Chaleur\n\nUn gain.[^1]\n\n"
        "| Poste | kWh |\n|---|---|\n| Four | 12 |\n\n[^1]: Mesuré.\n"
    )
    info, (page,) = read(markdown, written(tmp_path / "a.md", text))
    assert info.title == "Fiche chaleur"
    assert page.blocks[0] == Block("heading", "Chaleur", 1)
    assert "| Four | 12 |" in page.text
    assert "Mesuré." in page.text


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Table des matières\n\n- Introduction\n\n## Introduction\n", ""),
        ("# Guide de la chaleur\n\n## Sommaire\n\n- Introduction\n", "Guide de la chaleur"),
        ("# GUIDE\n\n# DE LA CHALEUR\n\n## Pour qui\n", "GUIDE DE LA CHALEUR"),
        ("# Rapport final\n\n# Chaufferie bois\n", "Chaufferie bois"),
        ("# Guide\n\n## Contexte\n\nDu texte.\n", ""),
        ("---\ntitle: Note\n---\n\n# Chaufferie bois\n\nDu texte.\n", "Chaufferie bois"),
    ],
)
def test_a_title_says_what_the_document_is_about(tmp_path: Path, text: str, title: str) -> None:
    info, _ = read(markdown, written(tmp_path / "guide.md", text))
    assert info.title == title


def test_where_markdown_links_lead_is_not_repeated(tmp_path: Path) -> None:
    """A file of some kilobytes would else become gigabytes of HTML."""
    text = f"[a]: {'x' * 50_000}\n[p]: {inline_picture()}\n\n" + "[a] " * 1_000 + "\n\n![p]\n"
    assert len(markdown_to_html(text)) < 50_000 + len(inline_picture())
    path = written(tmp_path / "a.md", text)
    _, pages = read(markdown, path)
    (figure,) = [block for page in pages for block in page.blocks if block.kind == "figure"]
    assert markdown.picture(str(path), figure.picture, 100).width == 100


class TestPlainText:
    def test_paragraphs_and_lists(self, tmp_path: Path) -> None:
        text = "Un titre\r\nsa suite\r\n\r\n- un\r\n- deux\r\n"
        _, (page,) = read(plain, written(tmp_path / "a.txt", text))
        assert kinds(page) == [("paragraph", "Un titre\nsa suite"), ("list", "- un\n- deux")]

    def test_form_feeds_end_pages(self, tmp_path: Path) -> None:
        _, pages = read(plain, written(tmp_path / "a.txt", "un\fdeux"))
        assert [page.text for page in pages] == ["un", "deux"]


def test_an_image_is_a_page_to_be_looked_at(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", office.png(960, 480))
    info, (page,) = read(image_reader, path)
    assert (info.page_count, page.doubt, page.width, page.height) == (1, "no_text", 720, 360)
    assert draw(str(path), 1, 300).width == 300


def test_pages_are_cut_before_headings_and_lose_nothing() -> None:
    blocks = []
    for number in range(12):
        blocks += [Block("heading", f"Titre {number}", 2), Block("paragraph", "mot " * 400)]
    blocks.append(Block("paragraph", "long " * 5000))
    pages = list(paginate_blocks(blocks))
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert all(len(page.text) < 2.5 * PAGE for page in pages)
    assert all(page.blocks[0].kind == "heading" for page in pages[:4])
    words = " ".join(page.text for page in pages).split()
    assert words == " ".join(block.text for block in blocks).split()
