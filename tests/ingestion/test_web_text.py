"""What is read of web pages and Markdown: raised text, notes, hidden and struck text, equations."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.readers import Block, PageText, Remark
from ingestion.readers.text import html, markdown
from ingestion.readers.text.html import html_blocks, parse_html
from ingestion.readers.text.pagination import Item, paginate_blocks
from tests.ingestion.test_formats import inline_picture, read, written


def items_of(source: str) -> list[Item]:
    return list(html_blocks(parse_html(f"<html><body>{source}</body></html>")))


def text_of(source: str) -> str:
    return "\n".join(item.text for item in items_of(source) if isinstance(item, Block))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("12 m<sup>2</sup>, soit 10<sup>6</sup> kWh", "12 m², soit 10⁶ kWh"),
        ("CO<sub>2</sub>", "CO₂"),
        ("H<span style='vertical-align: sub'>2</span>O", "H₂O"),
        (
            "<style>.up{vertical-align:super}</style>soit 10<span class=up>6</span> kWh",
            "soit 10⁶ kWh",
        ),
        ("<style>span.dn{vertical-align:sub}</style>CO<span class=dn>2</span>", "CO₂"),
        ("10<span style='vertical-align:.4em;font-size:70%'>6</span> kWh", "10⁶ kWh"),
        ("<style>.n{vertical-align:-.1em}</style>soit <b class=n>12</b> kWh", "soit 12 kWh"),
        ("<style>td{vertical-align:super}.n{vertical-align:top}</style><b class=n>5</b> t", "5 t"),
        ("taux de 25<sup>1</sup> %", "taux de 25⁽¹⁾ %"),
        ("taux de 25<sup><a href='#n1'>1</a></sup> %", "taux de 25 [1] %"),
        ("en 2015<a role='doc-noteref' href='#n2'>2</a>.", "en 2015 [2]."),
        ("voir <a href='#p3'>3</a> et <a href='#a'>la suite</a>", "voir 3 et la suite"),
        ("le 1<sup>er</sup> mai", "le 1er mai"),
        ("<b>12</b><sup>e</sup> plan", "12e plan"),
    ],
)
def test_raised_and_lowered_text(source: str, text: str) -> None:
    assert text_of(f"<p>{source}</p>") == text


def test_notes_that_links_call_are_footnotes() -> None:
    found = items_of(
        "<p>Un taux<sup id=c1><a href=#n1>1</a></sup>, puis<sup><a href=#n2>[2]</a></sup>.</p>"
        "<ol><li id=n1>Première. <a href=#c1>↩</a></li></ol>"
        "<p><a name=n2></a><sup>2</sup> Deuxième.</p><p><sup>3</sup> Troisième.</p>"
    )
    assert found == [
        Block("paragraph", "Un taux [1], puis [2]."),
        Block("footnote", "[1] Première.", note="1"),
        Block("footnote", "[2] Deuxième.", note="2"),
        Block("footnote", "[3] Troisième.", note="3"),
    ]


@pytest.mark.parametrize(
    "hidden",
    [
        "<p style='display:none'>x</p>",
        "<p style='visibility : hidden'>x</p>",
        "<p style='opacity:0'>x</p>",
        "<p style='font-size:0'>x</p>",
        "<p style='position:absolute; left:-9999px'>x</p>",
        "<p style='color:#fff'>x</p>",
        "<p style='color: rgb(255, 255, 255)'>x</p>",
        "<p><font color='#FFFFFF'>x</font></p>",
        "<p hidden>x</p>",
        "<p class='a cache'>x</p>",
        "<p id=z>x</p>",
    ],
)
def test_hidden_text_is_left_out_and_counted(hidden: str) -> None:
    style = (
        "<style>/* .vu{} */ .cache, #z { display: none } @media print { p {display:none} }</style>"
    )
    found = items_of(f"{style}<p>vu</p>{hidden}")
    assert found == [Block("paragraph", "vu"), Remark("hidden_text")]


@pytest.mark.parametrize(
    "shown",
    [
        "<div style='background:#003'><p style='color:#fff'>vu</p></div>",
        "<div class='bandeau'><p style='color:white'>vu</p></div>",
        "<p style='display:block' class='cache'>vu</p>",
        "<p style='opacity:0.5'>vu</p>",
        "<p style='font-size:0.9em'>vu</p>",
        "<p aria-hidden='true'>vu</p>",
        "<details><summary>vu</summary></details>",
        "<style>main { display: none } .lent { opacity: 0 }</style><main class=lent>vu</main>",
    ],
)
def test_what_is_seen_is_read(shown: str) -> None:
    assert text_of(f"<style>.cache {{display:none}}</style>{shown}") == "vu"


@pytest.mark.parametrize(
    "struck",
    ["<del>90 %</del>", "<s>90 %</s>", "<span style='text-decoration:line-through'>90 %</span>"],
)
def test_struck_text_is_left_out_and_counted(struck: str) -> None:
    found = items_of(f"<p>Soit {struck} <ins>80 %</ins></p>")
    assert set(found) == {Block("paragraph", "Soit 80 %"), Remark("deleted_text")}


def test_tables_read_their_cells_like_text() -> None:
    found = items_of(
        "<table><tr><th>Poste<th>Surface (m<sup>2</sup>)<tr><td>Four<td><del>9</del> 12"
        "<tr hidden><td>Caché<td>1<tr><td>Bois<td>410<sup><a href=#n1>1</a></sup></table>"
    )
    assert found == [
        Block(
            "table", "| Poste | Surface (m²) |\n| --- | --- |\n| Four | 12 |\n| Bois | 410 [1] |"
        ),
        Remark("deleted_text"),
        Remark("hidden_text"),
    ]


@pytest.mark.parametrize(
    ("math", "text"),
    [
        ("<mfrac><mrow><mi>Q</mi><mo>+</mo><mn>1</mn></mrow><mi>COP</mi></mfrac>", "(Q+1)/COP"),
        ("<msup><mn>10</mn><mn>6</mn></msup>", "10⁶"),
        ("<msub><mi>T</mi><mi>ext</mi></msub>", "T_ext"),
        ("<msqrt><mi>a</mi><mo>+</mo><mi>b</mi></msqrt>", "√(a+b)"),
        ("<mi>E</mi><mo>=</mo><mi>m</mi><annotation>TEX</annotation>", "E = m"),
        ("<munderover><mo>∑</mo><mi>i</mi><mi>n</mi></munderover><mi>x</mi>", "∑_iⁿx"),
    ],
)
def test_equations_are_written_on_one_line(math: str, text: str) -> None:
    assert text_of(f"<p>soit <math>{math}</math> ici</p>") == f"soit {text} ici"


def test_pictures_after_a_table_keep_their_number(tmp_path: Path) -> None:
    table = "<table><tr><td><img src='data:image/png;base64,AAAA'><td>a</table>"
    path = written(tmp_path / "a.html", f"<html>{table}<img src='{inline_picture()}'>")
    _, (page,) = read(html, path)
    assert html.picture(str(path), page.blocks[-1].picture, 100).width == 100


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("soit 10^6^ kWh de CO~2~", "soit 10⁶ kWh de CO₂"),
        ("environ ~12-~15 kWh, x^2 + y^2", "environ ~12-~15 kWh, x^2 + y^2"),
        ("12 m<sup>2</sup> ~~90~~ 80", "12 m² 80"),
        ("`10^6^`", "10^6^"),
        ("[10^6^](x) kWh", "10⁶ kWh"),
    ],
)
def test_raised_text_of_markdown(source: str, text: str) -> None:
    (block,) = markdown.markdown_blocks(source)
    assert block.text == text


def test_notes_of_markdown_are_footnotes(tmp_path: Path) -> None:
    source = "# Titre\n\nUn taux de 25[^a] % puis 30[^a].\n\n[^a]: Mesuré en 2023.\n"
    _, (page,) = read(markdown, written(tmp_path / "a.md", source))
    assert page.blocks[1:] == (
        Block("paragraph", "Un taux de 25 [1] % puis 30 [1]."),
        Block("footnote", "[1] Mesuré en 2023.", note="1"),
    )


def test_remarks_stand_on_the_page_where_text_was_left_out(tmp_path: Path) -> None:
    long = "<p>" + "Une phrase de plus. " * 150 + "</p>"
    source = f"<html>{long}<p hidden>x</p><h2>Suite</h2>{long}{long}<del>y</del><p>fin</p></html>"
    _, pages = read(html, written(tmp_path / "a.html", source))
    assert [page.remarks for page in pages] == [
        (Remark("hidden_text"),),
        (),
        (Remark("deleted_text"),),
    ]


def test_remarks_between_items_do_not_divide_a_list() -> None:
    remark = Remark("hidden_text")
    (page,) = paginate_blocks([Block("list", "- a"), remark, remark, Block("list", "- b")])
    assert page == PageText(
        1, "- a\n- b", blocks=(Block("list", "- a\n- b"),), remarks=(Remark("hidden_text", 2),)
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<ol start=5><li>a</li><li value=9>b</li><li>c</li></ol>", "5. a\n9. b\n10. c"),
        ("<ol start=0><li>a</li><li>b</li></ol>", "0. a\n1. b"),
        ("<ol reversed><li>a</li><li>b</li></ol>", "2. a\n1. b"),
        ("<ol start=x><li value='²'>a</li></ol>", "1. a"),
    ],
)
def test_items_have_the_numbers_that_a_browser_shows(source: str, text: str) -> None:
    assert text_of(source) == text
