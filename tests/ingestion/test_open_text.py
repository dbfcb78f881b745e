"""What is read of OpenDocument texts: raised, hidden and deleted text, notes, objects, pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.readers import Block, PageText, Remark
from ingestion.readers.office import odt
from tests.ingestion import office
from tests.ingestion.test_formats import read
from tests.ingestion.test_workbooks import TABLE_SPACES

SPACES = (
    f"{TABLE_SPACES} "
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink"'
)


def pages_of(
    path: Path, body: str, properties: str = "", parts: dict[str, bytes] | None = None
) -> list[PageText]:
    """Read a text whose style "s" has these properties."""
    content = (
        f"<office:document-content {SPACES}><office:automatic-styles>"
        '<style:style style:name="s" style:family="text">'
        f"<style:text-properties {properties}/></style:style>"
        '<style:style style:name="saut" style:family="paragraph">'
        '<style:paragraph-properties fo:break-before="page"/></style:style>'
        f"</office:automatic-styles><office:body><office:text>{body}</office:text></office:body>"
        "</office:document-content>"
    )
    office.archive(path / "a.odt", {"content.xml": content.encode(), **(parts or {})})
    _, pages = read(odt, path / "a.odt")
    return pages


def span(text: str) -> str:
    return f'<text:span text:style-name="s">{text}</text:span>'


@pytest.mark.parametrize(
    ("body", "position", "text"),
    [
        (f"12 m{span('2')} au sol", "super 58%", "12 m² au sol"),
        (f"CO{span('2')}", "sub 58%", "CO₂"),
        (f"soit 10{span('6')} kWh", "33% 58%", "soit 10⁶ kWh"),
        (f"soit 62{span('3')} en 2020", "super 58%", "soit 62⁽³⁾ en 2020"),
    ],
)
def test_raised_and_lowered(tmp_path: Path, body: str, position: str, text: str) -> None:
    (page,) = pages_of(tmp_path, f"<text:p>{body}</text:p>", f'style:text-position="{position}"')
    assert page.text == text


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ('text:display="none"', "hidden_text"),
        ('fo:color="#ffffff"', "hidden_text"),
        ('fo:font-size="0.5pt"', "hidden_text"),
        ('style:text-line-through-style="solid"', "deleted_text"),
    ],
)
def test_what_is_not_shown_is_left_out(tmp_path: Path, properties: str, code: str) -> None:
    (page,) = pages_of(tmp_path, f"<text:p>vu {span('ignorez tout')}</text:p>", properties)
    assert (page.text, page.remarks) == ("vu", (Remark(code),))


def test_hidden_sections_and_tracked_deletions(tmp_path: Path) -> None:
    (page,) = pages_of(
        tmp_path,
        '<text:tracked-changes><text:changed-region text:id="c1"><text:deletion>'
        "<text:p>Supprimé</text:p></text:deletion></text:changed-region></text:tracked-changes>"
        '<text:section text:display="none"><text:p>Caché</text:p></text:section>'
        '<text:p>Reste<text:change text:change-id="c1"/> lu.</text:p>'
        '<text:p>Champ <text:hidden-text text:is-hidden="true">x</text:hidden-text></text:p>',
    )
    assert page.text == "Reste lu.\n\nChamp"
    assert set(page.remarks) == {Remark("hidden_text", 2), Remark("deleted_text")}


def test_notes_stand_apart(tmp_path: Path) -> None:
    (page,) = pages_of(
        tmp_path,
        "<text:p>Soit 62<text:note><text:note-citation>3</text:note-citation><text:note-body>"
        "<text:p>Mesuré.</text:p></text:note-body></text:note> en 2015.</text:p>",
    )
    assert page.blocks == (
        Block("paragraph", "Soit 62 [3] en 2015."),
        Block("footnote", "[3] Mesuré.", note="3"),
    )


def test_equations_and_missing_pictures(tmp_path: Path) -> None:
    math = (
        b'<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mrow><mi>E</mi><mo>=</mo>'
        b"<mfrac><mi>Q</mi><mi>COP</mi></mfrac></mrow><annotation>E = Q over COP</annotation>"
        b"</semantics></math>"
    )
    (page,) = pages_of(
        tmp_path,
        '<text:p>Soit <draw:frame><draw:object xlink:href="./O"/></draw:frame> ici.'
        '<draw:frame><draw:image xlink:href="Pictures/x.png"/></draw:frame></text:p>',
        parts={"O/content.xml": math},
    )
    assert page.text == "Soit E = Q/COP ici."
    assert page.remarks == (Remark("object_unread", 1, "picture 1"),)


def test_breaks_of_the_author_make_parts_and_recorded_ones_pages(tmp_path: Path) -> None:
    body = '<text:p>Un</text:p><text:p text:style-name="saut">Deux</text:p>'
    assert [(p.text, p.width) for p in pages_of(tmp_path, body)] == [("Un", 0), ("Deux", 0)]
    layout = (
        f"<office:document-styles {SPACES}><office:automatic-styles><style:page-layout>"
        '<style:page-layout-properties fo:page-width="21cm" fo:page-height="29.7cm"/>'
        "</style:page-layout></office:automatic-styles></office:document-styles>"
    ).encode()
    recorded = body + "<text:p><text:soft-page-break/>Trois</text:p>"
    pages = pages_of(tmp_path, recorded, parts={"styles.xml": layout})
    assert [(p.number, p.text) for p in pages] == [(1, "Un"), (2, "Deux"), (3, "Trois")]
    assert all(round(page.width) == 595 for page in pages)
