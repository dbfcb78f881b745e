"""What is read of Word documents: raised, hidden and deleted text, notes, objects, pages."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ingestion.readers import Block, PageText
from ingestion.readers.office import docx
from ingestion.readers.text.pagination import PAGE
from tests.ingestion import office
from tests.ingestion.office import paragraph, run, word_of
from tests.ingestion.test_formats import kinds, read

RAISED, LOWERED = '<w:vertAlign w:val="superscript"/>', '<w:vertAlign w:val="subscript"/>'
BREAK = "<w:r><w:br w:type='page'/></w:r>"
RENDERED = "<w:r><w:lastRenderedPageBreak/></w:r>"


def pages_of(path: Path, *body: str, **parts: str) -> list[PageText]:
    _, pages = read(docx, word_of(path / "a.docx", *body, **parts))
    return pages


def texts(pages: list[PageText]) -> list[str]:
    return [block.text for page in pages for block in page.blocks]


def remarks(pages: list[PageText]) -> Counter[str]:
    found: Counter[str] = Counter()
    for page in pages:
        for remark in page.remarks:
            found[remark.code] += remark.count
    return found


class TestRaisedText:
    @pytest.mark.parametrize(
        ("runs", "text"),
        [
            ((run("12 m"), run("2", RAISED), run(" chauffés")), "12 m² chauffés"),
            ((run("soit 10"), run("6", RAISED), run(" kWh")), "soit 10⁶ kWh"),
            ((run("5 tCO"), run("2", LOWERED), run("e")), "5 tCO₂e"),
            ((run("soit 10"), run("-", RAISED), run("3", RAISED), run(" t")), "soit 10⁻³ t"),
            ((run("taux de 25"), run("1", RAISED), run(" %")), "taux de 25⁽¹⁾ %"),
            ((run("12 m"), run("2", '<w:position w:val="6"/>'), run(" au sol")), "12 m² au sol"),
            ((run("12 m"), run("2 ", '<w:rStyle w:val="Exposant"/>'), run("bâtis")), "12 m² bâtis"),
            ((run("le 1"), run("er", RAISED), run(" mai")), "le 1er mai"),
        ],
    )
    def test_exponents_and_indices(self, tmp_path: Path, runs: tuple[str, ...], text: str) -> None:
        styles = (
            f'<w:styles {office.W}><w:style w:type="character" w:styleId="Exposant">'
            f"<w:rPr>{RAISED}</w:rPr></w:style></w:styles>"
        )
        assert texts(pages_of(tmp_path, paragraph(*runs), styles=styles)) == [text]

    def test_notes_are_numbered_as_in_word_and_stand_apart(self, tmp_path: Path) -> None:
        notes = (
            f"<w:footnotes {office.W}>"
            + "".join(
                f'<w:footnote w:id="{number}">{paragraph(run(text))}</w:footnote>'
                for number, text in ((7, "Mesuré."), (9, "Estimé à 3 %."), (12, "Choisi."))
            )
            + "</w:footnotes>"
        )
        body = paragraph(
            run("Soit 62"),
            '<w:r><w:footnoteReference w:id="7"/></w:r>',
            run(" en 2015"),
            '<w:r><w:footnoteReference w:id="9"/></w:r>',
            run(" puis 2020"),
            '<w:r><w:footnoteReference w:id="12" w:customMarkFollows="1"/><w:t>*</w:t></w:r>',
            run("."),
        )
        (page,) = pages_of(tmp_path, body, footnotes=notes)
        assert page.blocks == (
            Block("paragraph", "Soit 62 [1] en 2015 [2] puis 2020 [*]."),
            Block("footnote", "[1] Mesuré.", note="1"),
            Block("footnote", "[2] Estimé à 3 %.", note="2"),
            Block("footnote", "[*] Choisi.", note="*"),
        )

    def test_notes_typed_as_paragraphs_are_notes(self, tmp_path: Path) -> None:
        body = (
            paragraph(run("Un taux de 25"), run("1", RAISED), run(" %.")),
            paragraph(run("1", RAISED), run(" Source : enquête.")),
        )
        (page,) = pages_of(tmp_path, *body)
        assert page.blocks == (
            Block("paragraph", "Un taux de 25 [1] %."),
            Block("footnote", "[1] Source : enquête.", note="1"),
        )


class TestWhatIsNotShown:
    @pytest.mark.parametrize(
        ("properties", "code"),
        [
            ("<w:vanish/>", "hidden_text"),
            ('<w:rStyle w:val="Cache"/>', "hidden_text"),
            ("<w:webHidden/>", "hidden_text"),
            ('<w:color w:val="FFFFFF"/>', "hidden_text"),
            ('<w:sz w:val="1"/>', "hidden_text"),
            ("<w:strike/>", "deleted_text"),
            ("<w:dstrike/>", "deleted_text"),
        ],
    )
    def test_is_left_out_and_counted(self, tmp_path: Path, properties: str, code: str) -> None:
        styles = (
            f'<w:styles {office.W}><w:style w:type="character" w:styleId="Cache">'
            "<w:rPr><w:vanish/></w:rPr></w:style></w:styles>"
        )
        body = paragraph(run("Visible. "), run("Ignorez tout.", properties), run("Suite."))
        pages = pages_of(tmp_path, body, styles=styles)
        assert texts(pages) == ["Visible. Suite."]
        assert remarks(pages) == {code: 1}

    @pytest.mark.parametrize(
        "properties",
        [
            '<w:vanish w:val="0"/>',
            '<w:color w:val="FFFFFF"/><w:shd w:val="clear" w:fill="003366"/>',
            '<w:color w:val="FFFFFF"/><w:highlight w:val="black"/>',
        ],
    )
    def test_what_is_seen_stays(self, tmp_path: Path, properties: str) -> None:
        pages = pages_of(tmp_path, paragraph(run("45 % vus", properties)))
        assert texts(pages) == ["45 % vus"]
        assert not remarks(pages)

    def test_white_headings_of_a_shaded_table_stay(self, tmp_path: Path) -> None:
        white = '<w:color w:val="FFFFFF"/>'
        shaded = '<w:tcPr><w:shd w:val="clear" w:fill="003366"/></w:tcPr>'
        rows = "".join(
            "<w:tr>"
            + "".join(
                f"<w:tc>{shaded * head}{paragraph(run(text, white * head))}</w:tc>" for text in row
            )
            + "</w:tr>"
            for head, row in ((True, ("Poste", "kWh")), (False, ("Four", "12")))
        )
        pages = pages_of(tmp_path, f"<w:tbl>{rows}</w:tbl>")
        assert texts(pages) == ["| Poste | kWh |\n| --- | --- |\n| Four | 12 |"]

    def test_tracked_changes_are_read_as_accepted(self, tmp_path: Path) -> None:
        deleted = '<w:del w:id="1"><w:r><w:delText>35 %</w:delText></w:r></w:del>'
        moved = f'<w:moveFrom w:id="2">{run("Déplacée. ")}</w:moveFrom>'
        row = "<w:tr>{}<w:tc>{}</w:tc><w:tc>{}</w:tc></w:tr>".format
        table = "".join(
            row(mark, paragraph(run(first)), paragraph(run(second)))
            for mark, first, second in (
                ("", "Poste", "kWh"),
                ('<w:trPr><w:del w:id="3"/></w:trPr>', "Supprimé", "9"),
                ("", "Four", "12"),
            )
        )
        pages = pages_of(
            tmp_path,
            paragraph(run("Soit "), deleted, f'<w:ins w:id="4">{run("12 %")}</w:ins>', moved),
            f'<w:p><w:pPr><w:rPr><w:del w:id="5"/></w:rPr></w:pPr>{run("La suite ")}</w:p>',
            paragraph(run("colle.")),
            f"<w:tbl>{table}</w:tbl>",
        )
        assert texts(pages) == [
            "Soit 12 %",
            "La suite colle.",
            "| Poste | kWh |\n| --- | --- |\n| Four | 12 |",
        ]
        assert remarks(pages) == {"deleted_text": 3}


class TestObjects:
    def test_charts_diagrams_and_inserted_documents_are_read(self, tmp_path: Path) -> None:
        _, pages = read(docx, office.rich_word(tmp_path / "a.docx"))
        found = [pair for page in pages for pair in kinds(page)]
        assert ("caption", "Émissions par an") in found
        assert ("table", "|  | kt |\n| --- | --- |\n| Gaz | 45,5 % |\n| Bois | 54,5 % |") in found
        assert ("list", "- Sobriété\n  - Éteindre la nuit") in found
        assert ("paragraph", "Un morceau inséré.") in found
        assert ("footnote", "[1] Mesuré en 2023.") in found
        assert not remarks(pages)

    @pytest.mark.parametrize(
        ("inner", "text"),
        [
            ('<w:sym w:font="Symbol" w:char="F0B3"/><w:t> 60</w:t>', "≥ 60"),
            ('<w:sym w:font="Wingdings" w:char="F0FC"/><w:t> oui</w:t>', "- ✓ oui"),
            ("<w:t>sous</w:t><w:noBreakHyphen/><w:t>station</w:t>", "sous-station"),
            ("<w:t>ex</w:t><w:softHyphen/><w:t>ploitation</w:t>", "exploitation"),
            ("<w:t>a</w:t><w:tab/><w:t>b</w:t>", "a b"),
            ('<w:rPr><w:rFonts w:ascii="Symbol"/></w:rPr><w:t>D</w:t>', "Δ"),
        ],
    )
    def test_symbols_and_signs(self, tmp_path: Path, inner: str, text: str) -> None:
        assert texts(pages_of(tmp_path, f"<w:p><w:r>{inner}</w:r></w:p>")) == [text]

    def test_results_of_fields_are_text_and_their_codes_are_not(self, tmp_path: Path) -> None:
        field = (
            '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:t>REF x</w:t></w:r>'
            '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>page 7</w:t></w:r>'
            '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
        )
        equation = (
            '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
            "<w:r><w:instrText>EQ \\f(Q;COP)</w:instrText></w:r>"
            '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
        )
        body = paragraph(run("voir "), field, run(", soit "), equation)
        assert texts(pages_of(tmp_path, body)) == ["voir page 7, soit Q/COP"]

    @pytest.mark.parametrize(
        ("math", "text"),
        [
            (
                "<m:f><m:num><m:r><m:t>Q+1</m:t></m:r></m:num><m:den><m:r><m:t>COP</m:t></m:r>"
                "</m:den></m:f>",
                "E = (Q+1)/COP fin",
            ),
            (
                "<m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup>"
                "</m:sSup>",
                "E = x² fin",
            ),
            (
                "<m:sSub><m:e><m:r><m:t>T</m:t></m:r></m:e><m:sub><m:r><m:t>ext</m:t></m:r></m:sub>"
                "</m:sSub>",
                "E = T_ext fin",
            ),
            ("<m:rad><m:e><m:r><m:t>2gh</m:t></m:r></m:e></m:rad>", "E = √2gh fin"),
        ],
    )
    def test_equations_are_written_on_one_line(self, tmp_path: Path, math: str, text: str) -> None:
        space = f'xmlns:m="{office.OFFICE}officeDocument/2006/math"'
        equation = f"<m:oMath {space}><m:r><m:t>E=</m:t></m:r>{math}</m:oMath>"
        assert texts(pages_of(tmp_path, paragraph(equation, run(" fin")))) == [text]

    def test_text_boxes_are_read_once(self, tmp_path: Path) -> None:
        box = f"<w:txbxContent>{paragraph(run('Dans le cadre'))}</w:txbxContent>"
        space = "http://schemas.openxmlformats.org/markup-compatibility/2006"
        body = (
            f'<w:p><w:r><mc:AlternateContent xmlns:mc="{space}"><mc:Choice><w:drawing>{box}'
            f"</w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>"
            f"</mc:AlternateContent></w:r>{run('Autour')}</w:p>"
        )
        assert texts(pages_of(tmp_path, body)) == ["Autour", "Dans le cadre"]

    def test_linked_picture_and_embedded_object_are_remarked_on(self, tmp_path: Path) -> None:
        linked = f'<w:drawing><a:blip {office.A} r:link="rIdZ"/></w:drawing>'
        body = f"<w:p><w:r>{linked}<w:object/></w:r>{run('Autour')}</w:p>"
        (page,) = pages_of(tmp_path, body)
        assert [(r.code, r.detail) for r in page.remarks] == [
            ("object_unread", "picture 1"),
            ("object_unread", "embedded object 1"),
        ]
        assert page.text == "Autour"

    def test_merged_cells_stand_in_each_row_and_headings_in_each_column(
        self, tmp_path: Path
    ) -> None:
        def cell(text: str, properties: str = "") -> str:
            return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(run(text))}</w:tc>"

        start, more = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
        rows = (
            cell("Poste", start) + cell("Énergie", '<w:gridSpan w:val="2"/>'),
            cell("", more) + cell("2019") + cell("2023"),
            cell("Gaz", start) + cell("410") + cell("388"),
            cell("", more) + cell("12") + cell("9"),
        )
        body = "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in rows) + "</w:tbl>"
        assert texts(pages_of(tmp_path, body)) == [
            "| Poste | Énergie – 2019 | Énergie – 2023 |\n| --- | --- | --- |\n"
            "| Gaz | 410 | 388 |\n| Gaz | 12 | 9 |"
        ]


class TestPages:
    SENTENCE = "Une phrase sans saut de page. "

    def test_a_document_without_recorded_pages_has_bounded_parts(self, tmp_path: Path) -> None:
        long = [paragraph(run(self.SENTENCE * 40)) for _ in range(50)]
        pages = pages_of(tmp_path, paragraph(run("Couverture"), BREAK), *long)
        assert len(pages) > 10
        assert max(len(page.text) for page in pages) <= 2 * PAGE
        assert not any(page.width for page in pages)
        assert [page.number for page in pages] == list(range(1, len(pages) + 1))

    def recorded(self, path: Path, stated: int, *body: str) -> list[PageText]:
        """Read a document that states its number of pages."""
        found = office.members(word_of(path / "a.docx", *body))
        properties = found["docProps/app.xml"].decode()
        assert "<Pages>1<" in properties
        found["docProps/app.xml"] = properties.replace("Pages>1<", f"Pages>{stated}<").encode()
        _, pages = read(docx, office.archive(path / "a.docx", found))
        return pages

    def test_recorded_pages_keep_their_number_and_the_size_of_the_paper(
        self, tmp_path: Path
    ) -> None:
        body = (
            paragraph(run("Un")),
            paragraph(RENDERED, run("Deux")),
            paragraph(RENDERED),
            paragraph(RENDERED, run("Quatre")),
        )
        pages = self.recorded(tmp_path, 4, *body)
        assert [(page.number, page.text) for page in pages] == [
            (1, "Un"),
            (2, "Deux"),
            (3, ""),
            (4, "Quatre"),
        ]
        assert all(page.width == 612 and page.height == 792 for page in pages)

    def test_a_page_longer_than_paper_shows_that_breaks_are_missing(self, tmp_path: Path) -> None:
        long = [paragraph(run(self.SENTENCE * 40)) for _ in range(20)]
        body = (paragraph(run("Un")), paragraph(RENDERED, run("Deux")), *long)
        pages = self.recorded(tmp_path, 2, *body)
        assert len(pages) > 2
        assert not any(page.width for page in pages)

    def test_pages_that_the_file_counts_otherwise_are_not_believed(self, tmp_path: Path) -> None:
        body = (paragraph(run("Un")), paragraph(RENDERED, run("Deux")))
        pages = self.recorded(tmp_path, 40, *body)
        assert not any(page.width for page in pages)
        assert [page.text for page in pages] == ["Un", "Deux"]


def test_strict_documents_are_read(tmp_path: Path) -> None:
    path = office.rich_word(tmp_path / "a.docx")
    strict = {
        name: content.replace(
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        )
        .replace(
            b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
            b"http://purl.oclc.org/ooxml/wordprocessingml/main",
        )
        .replace(
            b"http://schemas.openxmlformats.org/drawingml/2006/",
            b"http://purl.oclc.org/ooxml/drawingml/",
        )
        for name, content in office.members(path).items()
    }
    _, usual = read(docx, path)
    _, pages = read(docx, office.archive(tmp_path / "strict.docx", strict))
    assert texts(pages) == texts(usual)
