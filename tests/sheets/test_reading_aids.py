"""What makes a sheet easy to read: notes by source, rows as rows, figures to the right, icons."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from ingestion.models import Chunk, Document, Page
from ingestion.views.documents import UnusedPart, unused_parts
from sheets.models import Proposal, Revision, Section, Sheet, SheetType
from sheets.rendering.footnotes import section_html
from sheets.rendering.heading_icons import NAMES, heading_with_icon, with_heading_icons
from sheets.rendering.html import CitationView, render_sheet
from sheets.rendering.quoted_rows import quoted_rows
from sheets.revisions.save import save_revision
from sheets.templatetags.sheet_html import levels_bar
from tests.cost import processor_time
from tests.sheets.factories import TEMPLATE
from wikico2.models import User

TABLE = """\
Tableau 3 : consommations

| Branche | Sites | Salariés | Gaz (GWh) |
| --- | ---: | ---: | ---: |
| Agroalimentaire | 160 | 6 000 | 612 |
| Papier | 12 | 900 | 80 |
| Verre | 4 | | 75 |
"""
HEAD = ("Branche", "Sites", "Salariés", "Gaz (GWh)")


class TestQuotedRows:
    @pytest.mark.parametrize(
        ("quote", "rows"),
        [
            ("Agroalimentaire 160 6 000 612", [("Agroalimentaire", "160", "6 000", "612")]),
            ("| Papier | 12 | 900 | 80 |", [("Papier", "12", "900", "80")]),
            ("Verre 4 75", [("Verre", "4", "", "75")]),
            (
                "Papier 12 900 80\nVerre 4 75",
                [("Papier", "12", "900", "80"), ("Verre", "4", "", "75")],
            ),
        ],
    )
    def test_a_row_is_found_with_its_headings(
        self, quote: str, rows: list[tuple[str, ...]]
    ) -> None:
        assert quoted_rows(quote, TABLE) == (HEAD, *rows)

    @pytest.mark.parametrize(
        "quote", ["", "Papier 12", "Papier 12 900 81", "Tableau 3 : consommations", "160 6 000"]
    )
    def test_what_is_no_whole_row_stays_a_text(self, quote: str) -> None:
        assert quoted_rows(quote, TABLE) == ()

    def test_a_table_without_headings_has_none(self) -> None:
        assert quoted_rows("a b", "| a | b |\n| c | d |") == ()

    def test_its_time_grows_with_the_passage(self) -> None:
        def cost(rows: int) -> float:
            passage = "| A | B |\n| --- | --- |\n" + "| x | 1 |\n" * rows
            return processor_time(lambda: quoted_rows("x 1 " * 40 + "y", passage), tries=3)

        assert cost(4_000) < 8 * cost(1_000) + 0.02


def cited(number: int, title: str, **more: object) -> CitationView:
    return CitationView(str(number), title, number, f"Phrase {number}.", "/s/", "verbatim", **more)  # type: ignore[arg-type]


BODY = """\
## 🎯 Résumé (10 secondes)

Un.[^1] Deux.[^2] Trois.[^3] Quatre.[^4]

## 📊 Impacts attendus

| Poste | Prix | Délai | Note | État |
| --- | --- | --- | --- | --- |
| Four | 1 200 € | 2 ans | 3 à 5 | neuf |
| Étuve | 80 € | – | 4 | 2 |

[^1]: a
[^2]: b
[^3]: c
[^4]: Une remarque.
"""
CITED = {
    "1": cited(1, "Guide A"),
    "2": cited(2, "Guide B"),
    "3": cited(3, "Guide A", rows=(HEAD, ("Papier", "12", "900", "80"))),
}


class TestNotes:
    def test_they_stand_by_source_folded_and_counted(self) -> None:
        page = render_sheet(BODY, {}, TEMPLATE, CITED).body
        groups = re.findall(
            r'<details class="source-notes"><summary><span>(.*?)</span> '
            r'<span class="count">(\d+)</span>',
            page,
        )
        assert groups == [("Guide A", "2"), ("Guide B", "1"), ("Remarques", "1")]
        assert re.findall(r'<li value="(\d)" id="note-(\d)"', page) == [
            ("1", "1"),
            ("3", "3"),
            ("2", "2"),
            ("4", "4"),
        ]

    def test_a_part_has_only_its_own_counted_anew(self) -> None:
        page = render_sheet(BODY, {}, TEMPLATE, CITED).body
        part = section_html(page.replace('id="ref-3-1"', "").replace('id="ref-2-1"', ""), 0)
        assert re.findall(r'class="count">(\d+)', part) == ["1", "1"]
        assert "Guide B" not in part

    def test_a_quoted_row_is_a_row_under_its_headings(self) -> None:
        page = render_sheet(BODY, {}, TEMPLATE, CITED).body
        note = page.partition('id="note-3"')[2].partition("</li>")[0]
        assert '<th scope="col">Salariés</th>' in note
        assert '<td>Papier</td><td align="right">12</td>' in note
        assert "«" not in note


def test_columns_of_figures_are_aligned_to_the_right() -> None:
    page = render_sheet(BODY, {}, TEMPLATE, CITED).body
    table = page.partition("<thead>")[2].partition("</table>")[0]
    assert re.findall(r"<th([^>]*)>(\w+)", table) == [
        (' scope="col"', "Poste"),
        (' align="right" scope="col"', "Prix"),
        (' align="right" scope="col"', "Délai"),
        (' scope="col"', "Note"),
        (' scope="col"', "État"),
    ]


class TestIcons:
    def test_each_emoji_of_the_house_has_its_picture(self) -> None:
        for name in NAMES.values():
            assert (Path(settings.BASE_DIR) / "templates" / "icons" / f"{name}.svg").exists()

    @pytest.mark.django_db
    def test_all_sheet_types_use_emoji_of_the_house(self) -> None:
        used = set(Section.objects.exclude(emoji="").values_list("emoji", flat=True))
        assert {emoji.removesuffix("\ufe0f") for emoji in used} <= set(NAMES)

    def test_only_the_emoji_goes(self) -> None:
        html = with_heading_icons('<h2>⚙️ Marche</h2><h2 lang="en">🎯 Aim</h2><p>🎯 non</p>')
        assert html.count("<svg") == 2
        assert "> Marche</h2>" in html
        assert "<p>🎯 non</p>" in html
        assert heading_with_icon("<b>") == "&lt;b&gt;"
        assert heading_with_icon("📌 Où").endswith("</svg> Où")

    @pytest.mark.django_db
    def test_headings_elsewhere_have_the_picture_too(
        self, client: Client, contributor: User
    ) -> None:
        kind = SheetType.objects.get(key="solution")
        sheet = Sheet.objects.create(sheet_type=kind, title="Four", slug="four")
        body = "## 🎯 Résumé (10 secondes)\n\nUn gain.\n"
        save_revision(
            sheet, base=None, body=body, metadata={}, origin=Revision.Origin.HUMAN,
            author=contributor,
        )  # fmt: skip
        client.force_login(contributor)
        found = client.get("/recherche/?q=gain").content.decode()
        edited = client.get(f"{sheet.get_absolute_url()}modifier/?section=resume").content.decode()
        assert "</svg> Résumé (10 secondes)</span>" in found
        assert "</svg> Résumé (10 secondes)</strong>" in edited


@pytest.mark.django_db
def test_one_strip_says_all_that_a_reader_must_know(client: Client, contributor: User) -> None:
    kind = SheetType.objects.get(key="secteur")
    sheet = Sheet.objects.create(sheet_type=kind, title="Four", slug="four")
    save_revision(
        sheet, base=None, body="## A\n\nB", metadata={}, origin=Revision.Origin.HUMAN,
        author=contributor,
    )  # fmt: skip
    assert sheet.current
    Proposal.objects.create(sheet=sheet, base=sheet.current, body="B")
    Sheet.objects.update(stale_reasons=[{"code": "prompt_changed"}])
    html = client.get(sheet.get_absolute_url()).content.decode()
    head = html.partition('class="sheet-head"')[2].partition("</header>")[0]
    assert head.count('class="notice ') == 1
    assert "Brouillon" in head
    assert "Un nouveau texte est proposé" in head
    assert "<summary>Cette fiche n’est plus à jour" in head or "<summary>" in head


@pytest.mark.django_db
class TestLists:
    def test_a_line_has_summary_category_and_levels(
        self, client: Client, contributor: User
    ) -> None:
        kind = SheetType.objects.get(key="solution")
        sheet = Sheet.objects.create(sheet_type=kind, title="Four", slug="four")
        body = "## 🎯 Résumé (10 secondes)\n\nUn four bien isolé perd moins.\n"
        save_revision(
            sheet, base=None, body=body, metadata={"categorie": "Chaleur"},
            origin=Revision.Origin.HUMAN, author=contributor,
        )  # fmt: skip
        line = client.get("/fiches/").content.decode().partition('class="rows list-rows"')[2]
        assert "Un four bien isolé" in line
        assert '<span lang="fr">Chaleur</span>' in line
        assert 'aria-label="sans source (' in line
        assert 'class="is-unsourced" x="0.0" width="100.0"' in line

    def test_bars_are_true_and_fill_their_room(self) -> None:
        bar = levels_bar({"verbatim": 3, "fragile": 1, "of a former version": 9})
        assert re.findall(r'x="([\d.]+)" width="([\d.]+)"', bar) == [
            ("0.0", "75.0"),
            ("75.0", "25.0"),
        ]
        assert levels_bar({}) == ""


@pytest.mark.django_db
def test_a_source_shows_the_pages_that_no_sheet_cites(client: Client, contributor: User) -> None:
    source = Document.objects.create(
        title="Guide", filename="g.pdf", file="g.pdf", sha256="a" * 64, size=1, page_count=6,
        state="ready",
    )  # fmt: skip
    for number in range(1, 7):
        text = "" if number == 5 else f"La page numéro {number} dit une chose utile."
        Page.objects.create(document=source, number=number, text=text)
    Chunk.objects.create(
        document=source, position=0, text="La page numéro 3 dit une chose utile.", page_start=3,
        page_end=3, content_hash="h", headings=["Guide", "Réglementation"],
    )  # fmt: skip
    assert unused_parts(source, {2}) == [
        UnusedPart(1, 1, ""),
        UnusedPart(3, 4, "Réglementation"),
        UnusedPart(6, 6, ""),
    ]
    address = source.get_absolute_url()
    assert "n’en disent pas" not in client.get(address).content.decode(), "none cites it yet"
    kind = SheetType.objects.get(key="secteur")
    sheet = Sheet.objects.create(sheet_type=kind, title="Four", slug="four")
    sheet.documents.add(source)
    note = f"[^1]: [Guide, p. 2]({address}pages/2/) « La page numéro 2 dit une chose utile. »"
    save_revision(
        sheet, base=None, body=f"## A\n\nLa page numéro 2 dit une chose utile.[^1]\n\n{note}\n",
        metadata={}, origin=Revision.Origin.HUMAN, author=contributor,
    )  # fmt: skip
    html = client.get(address).content.decode()
    assert "Ce que les fiches n’en disent pas" in html
    assert re.search(r"p\.\s?3–4", html)
