"""A sheet as a Word document, read back: styles, tables, footnotes, links, hostile text."""

import io
import zipfile
from typing import Any, cast

import docx
import pytest
from django.test import Client
from docx.document import Document
from docx.oxml.ns import qn
from lxml import etree

from sheets.links.localized_text import localize_text
from sheets.models import Revision, Sheet, SheetType
from sheets.rendering.html import render_sheet
from sheets.revisions.save import save_revision
from sheets.transfer.word import WordWriter, to_word
from tests.cost import processor_time
from tests.sheets.factories import TEMPLATE
from wikico2.models import User

pytestmark = pytest.mark.django_db
BODY = """\
## 📊 Profil d’émissions & consommations

### Utilités

- La cuisson consomme 75 % du gaz.[^1]
- Le lavage consomme 15 % du gaz.[^2]
    - dont la moitié la nuit

1. d’abord **mesurer**
2. puis *agir*[^1]

Entre deux listes, un [lien](https://a.example/x) et `du code`.

3. trois
4. quatre

## 🎯 Enjeux

| Poste | Énergie (MWh) |
| --- | ---: |
| Four | 1 200 |
| Étuve[^3] | 300 |

> Une parole rapportée.

[^1]: Première note, avec **du gras**.
[^2]: Deuxième note.
[^3]: Troisième note.
"""


def saved(body: str, author: User) -> Sheet:
    kind = SheetType.objects.get(key="secteur")
    sheet = Sheet.objects.create(sheet_type=kind, title="Boulangerie & \x0bfils", slug="four")
    save_revision(
        sheet, base=None, body=body, metadata={}, origin=Revision.Origin.HUMAN, author=author
    )
    return sheet


def word(sheet: Sheet, reader: User) -> bytes:
    assert sheet.current
    return to_word(sheet, sheet.current, localize_text(sheet.current, reader))


@pytest.fixture
def content(contributor: User) -> bytes:
    return word(saved(BODY, contributor), contributor)


@pytest.fixture
def document(content: bytes) -> Document:
    return docx.Document(io.BytesIO(content))


def footnotes(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        root = etree.fromstring(archive.read("word/footnotes.xml"))
    found = {one.get(qn("w:id")): "".join(one.itertext()) for one in root}
    return {str(key): text.strip() for key, text in found.items() if text}


def references(document: Document) -> list[str]:
    return [one.get(qn("w:id")) for one in document.element.iter(qn("w:footnoteReference"))]


def test_headings_lists_quotes_and_code_have_their_styles(document: Document) -> None:
    styles = {line.text.strip(): line.style.name for line in document.paragraphs if line.style}
    assert styles["Boulangerie & fils"] == "Title"
    assert styles["Utilités"] == "Heading 2"
    assert next(s for t, s in styles.items() if "Enjeux" in t) == "Heading 1"
    assert next(s for t, s in styles.items() if t.startswith("La cuisson")) == "List Bullet"
    assert styles["dont la moitié la nuit"] == "List Bullet 2"
    assert styles["Une parole rapportée."] == "Quote"
    runs = {run.text: run for line in document.paragraphs for run in line.runs}
    assert runs["mesurer"].bold
    assert runs["agir"].italic
    assert runs["du code"].font.name == "Courier New"


def test_notes_are_footnotes_each_once_in_the_order_of_the_text(
    content: bytes, document: Document
) -> None:
    assert references(document) == ["1", "2", "3"]
    notes = footnotes(content)
    assert notes["1"] == "Première note, avec du gras."
    assert list(notes) == ["1", "2", "3"]
    again = [one.get(qn("w:instr")) for one in document.element.iter(qn("w:fldSimple"))]
    assert sum("_RefNote1 " in str(one) for one in again) >= 2, "the chart and the second mention"
    assert not any(line.text == "Sources" for line in document.paragraphs)


def test_tables_are_tables(document: Document) -> None:
    chart, table = document.tables[-2:]
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["Poste", "Énergie (MWh)"],
        ["Four", "1\u202f200"],
        ["Étuve", "300"],
    ]
    assert table.rows[1].cells[1].paragraphs[0].alignment == 2, "figures stand to the right"
    assert [len(row._tr.findall(f".//{qn('w:tblHeader')}")) for row in table.rows] == [1, 0, 0]
    assert len(chart.rows[0].cells) == 3, "a chart without its drawing"


def test_each_numbered_list_counts_for_itself(document: Document) -> None:
    numbers = [
        cast("Any", line._p).pPr.numPr.numId.val
        for line in document.paragraphs
        if line.style and line.style.name == "List Number"
    ]
    assert len(numbers) == 4
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]
    starts = document.part.numbering_part.element.num_having_numId(numbers[2])
    assert starts.lvlOverride_lst[0].startOverride.val == 3


def test_the_cover_says_state_version_and_address(document: Document) -> None:
    cover = document.paragraphs[1].text
    assert cover.startswith("Brouillon · version 1 du ")
    fields = [str(one.get(qn("w:instr"))) for one in document.element.iter(qn("w:fldSimple"))]
    assert any("/fiches/four/" in one and "HYPERLINK" in one for one in fields)
    assert ' HYPERLINK "https://a.example/x" ' in fields


def test_it_is_a_whole_file_that_is_linked_and_sent(client: Client, contributor: User) -> None:
    sheet = saved(BODY, contributor)
    assert "/fiches/four/export.docx" in client.get(sheet.get_absolute_url()).content.decode()
    answer = client.get("/fiches/four/export.docx")
    assert answer["Content-Disposition"] == 'attachment; filename="four.docx"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")):
                etree.fromstring(archive.read(name))


@pytest.mark.parametrize(
    "body",
    ["", "\x01\x0b\ufffe", "[^1]\n\n[^1]:", "[x](javascript:alert(1))", "![](/images/none.webp)"],
)
def test_no_text_breaks_it(contributor: User, body: str) -> None:
    assert docx.Document(io.BytesIO(word(saved(body or "x", contributor), contributor)))


def test_its_time_grows_with_the_text(contributor: User) -> None:
    def cost(sections: int) -> float:
        part = (
            "## Partie {0}\n\n1. Un [lien](/a/{0}).[^{0}]\n\n| A | B |\n|---|---|\n| {0} | 2 |\n\n"
        )
        notes = "\n".join(f"[^{n}]: Note {n}." for n in range(sections))
        body = "".join(part.format(n) for n in range(sections)) + notes
        writer = WordWriter(render_sheet(body, {}, TEMPLATE, {}).body, "x")
        return processor_time(writer.add_body)

    assert cost(90) < 6 * cost(30) + 0.2
