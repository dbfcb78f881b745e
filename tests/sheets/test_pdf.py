"""A sheet as PDF: bars as long as their shares, tags, bookmarks, notes in two columns, a cover."""

import ctypes
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from sheets.links.localized_text import localize_text
from sheets.models import Revision, Sheet, SheetType
from sheets.revisions.save import save_revision
from sheets.transfer.pdf import STYLE, draw_bars, pdf_of, render_pdf
from wikico2.models import User

pytestmark = pytest.mark.django_db
SHARES = (75, 15, 10)
USES = ("La cuisson", "Le lavage", "Le chauffage des locaux")
LINES = "\n".join(
    f"- {use} consomme {share} % du gaz.[^{number}]"
    for number, (use, share) in enumerate(zip(USES, SHARES, strict=True), 1)
)
NOTES = "\n".join(
    f"[^{n}]: Une remarque numéro {n}, assez longue pour tenir sur deux lignes d’une colonne."
    for n in range(1, 25)
)
MORE = " ".join(f"Phrase {n}.[^{n}]" for n in range(4, 25))
BODY = f"""\
## 📊 Profil d’émissions & consommations

### Utilités

{LINES}

## 🎯 Enjeux

{MORE}

{NOTES}
"""


@pytest.fixture(scope="module")
def pages() -> dict[str, bytes]:
    return {}


@pytest.fixture
def sheet(contributor: User) -> Sheet:
    kind = SheetType.objects.get(key="secteur")
    sheet = Sheet.objects.create(sheet_type=kind, title="Boulangerie", slug="boulangerie")
    save_revision(
        sheet, base=None, body=BODY, metadata={}, origin=Revision.Origin.HUMAN, author=contributor
    )
    return sheet


@pytest.fixture
def pdf(
    sheet: Sheet, contributor: User, pages: dict[str, bytes]
) -> Iterator[pypdfium2.PdfDocument]:
    """The PDF of the sheet, rendered once for all tests."""
    if not pages:
        assert sheet.current
        page = pdf_of(sheet, sheet.current, localize_text(sheet.current, contributor)).page
        pages["pdf"] = render_pdf(page, STYLE.read_text())
    with pypdfium2.PdfDocument(pages["pdf"]) as document:
        yield document


def text_of(pdf: pypdfium2.PdfDocument) -> str:
    return "\n".join(page.get_textpage().get_text_bounded() for page in pdf)


def filled(page: Any) -> list[tuple[tuple[int, int, int], float]]:
    """Return the colour and width of each filled path of a page, in the order drawn."""
    found = []
    for one in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=5):
        red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
        pdfium.FPDFPageObj_GetFillColor(one, red, green, blue, alpha)
        left, _bottom, right, _top = one.get_bounds()
        found.append(((red.value, green.value, blue.value), right - left))
    return found


def test_bars_are_as_long_as_their_shares(pdf: pypdfium2.PdfDocument) -> None:
    drawn = [width for colour, width in filled(pdf[0]) if colour == (0x17, 0x64, 0x3E)]
    rooms = [width for colour, width in filled(pdf[0]) if colour == (0xE4, 0xE8, 0xE5)]
    assert len(drawn) == len(rooms) == len(SHARES)
    for share, width, room in zip(SHARES, drawn, rooms, strict=True):
        assert width / room == pytest.approx(share / 100, abs=0.01)


def test_bars_keep_their_share_whatever_it_is() -> None:
    bar = (
        '<svg class="bar-line" width="100%" height="14"><rect class="bar-room" width="100%"/>'
        '<rect class="bar-part" width="{}%" height="14" rx="2"/></svg>'
    )
    assert 'width="18.9"' in draw_bars(bar.format("10.5"))
    assert 'width="0.1"' in draw_bars(bar.format("0.05"))
    assert "%" not in draw_bars(bar.format("100"))


def test_no_heading_of_a_column_is_broken(pdf: pypdfium2.PdfDocument) -> None:
    text = text_of(pdf)
    assert "Dessin" in text
    assert "Des-" not in text
    assert "\ufffe" not in text.split("Boulangerie", 1)[1][:400]


def test_it_is_tagged_with_bookmarks_and_a_language(
    pdf: pypdfium2.PdfDocument, pages: dict[str, bytes]
) -> None:
    assert pdfium.FPDFCatalog_IsTagged(pdf)
    titles = [(one.level, one.get_title()) for one in pdf.get_toc()]
    assert titles[0] == (0, "Boulangerie")
    assert [level for level, title in titles if "Profil" in title or "Enjeux" in title] == [1, 1]
    assert any(title == "Sources" for _level, title in titles)
    assert pdf.get_metadata_dict()["Title"] == "Boulangerie"


def test_the_cover_says_state_version_date_and_address(
    pdf: pypdfium2.PdfDocument, sheet: Sheet
) -> None:
    text = " ".join(text_of(pdf).split())
    assert "Brouillon · version 1 du " in text
    assert sheet.get_absolute_url() in text


def test_pages_are_a4_and_the_notes_stand_in_two_columns(pdf: pypdfium2.PdfDocument) -> None:
    for page in pdf:
        assert [round(side) for side in page.get_size()] == [595, 842]
    lefts: list[float] = []
    for page in pdf:
        words = page.get_textpage()
        search = words.search("Une remarque")
        while place := search.get_next():
            lefts.append(words.get_charbox(place[0])[0])
    assert len(lefts) == 24
    columns = sorted(set(map(round, lefts)))
    assert any(after - before > 150 for before, after in pairwise(columns))
