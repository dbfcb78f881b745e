"""What readers see: sections, markers, notes, French spaces, and nothing executable."""

import re

import pytest
from django.test import override_settings

from sheets.rendering.html import CitationView, french_spaces, render_sheet
from tests.sheets.factories import TEMPLATE

CITED = {
    "1": CitationView(
        "1", "Guide <b>", 4, "90 % de <i>", "/sources/7/pages/4/?citation=9", "fragile"
    )
}
BODY = """\
## 🎯 Résumé (10 secondes)

Une phrase.[^1] Encore.[^1][^x]

## 📊 Impacts attendus

### Énergie

### CO₂

| a | b |
| --- | --- |
| 1 | 2 |

[^1]: [Guide, p. 4](/sources/7/pages/4/) « q »
"""


def test_sections_fields_and_markers() -> None:
    page = render_sheet(BODY, {"categorie": "Air[^1]"}, TEMPLATE, CITED)

    assert page.outline == [
        ("resume", "🎯 Résumé (10 secondes)"),
        ("impacts", "📊 Impacts attendus"),
        ("notes", "Sources"),
    ]
    assert '<section class="sheet-section" id="impacts">' in page.body
    assert '<h3 id="impacts-co2">' in page.body
    assert 'data-level="fragile"' in page.body
    assert 'href="/sources/7/pages/4/?citation=9"' in page.body
    assert '<div class="table-scroll">' in page.body
    assert '<th align="right" scope="col">' in page.body
    assert "[^x]" in page.body, "a marker without a note is shown as it is"
    assert '<li value="1" id="note-1" data-level="fragile">' in page.body
    assert page.header["categorie"].startswith("Air<sup")


def test_every_anchor_has_its_target_once() -> None:
    page = render_sheet(BODY, {"categorie": "Air[^1]"}, TEMPLATE, CITED)
    html = page.body + page.header["categorie"]
    ids = re.findall(r'id="([^"]+)"', html)

    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)


def test_numbers_follow_the_reader_through_lists_paragraphs_and_tables() -> None:
    body = "- a[^d]\n- b[^c]\n\npara[^b]\n\n| t |\n| --- |\n| x[^a] |\n\nfin[^d]\n\n"
    notes = "\n".join(f"[^{m}]: note {m}" for m in "abcd")
    page = render_sheet(f"## T\n\n{body}{notes}", {}, TEMPLATE, {})

    assert re.findall(r'id="ref-(\d-\d)"', page.body) == ["1-1", "2-1", "3-1", "4-1", "1-2"]
    assert re.findall(r'<li value="\d" id="note-\d">note (\w)', page.body) == ["d", "c", "b", "a"]


def test_the_empty_fields_of_a_section_are_named_in_one_line() -> None:
    page = render_sheet(f"{BODY}\n### Capex\n\n## Autre\n", {}, TEMPLATE, CITED)

    assert 'id="impacts-energie"' not in page.body
    assert page.body.count('class="empty-fields"') == 1
    named = re.findall(r'<span class="gap gap-(\w+)">(.*?)</span>', page.body)
    assert named == [("energie", "Énergie"), ("capex", "Capex")]


def test_titles_and_quotes_are_escaped() -> None:
    page = render_sheet(BODY, {}, TEMPLATE, CITED)

    assert "Guide &lt;b&gt;" in page.body
    assert "<i>" not in page.body


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "![x](https://elsewhere.example/pixel.png)",
        "![x](//elsewhere.example/pixel.png)",
        "![x](/\\\\elsewhere.example/pixel.png)",
        '<sup class="cite" data-level="verbatim">1</sup>',
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "<a href='#' onclick='x()'>x</a>",
        "<style>body{display:none}</style>",
        "{{ settings.SECRET_KEY }} {% debug %}",
        "[x]: javascript:alert(1)\n\n[x]",
    ],
)
def test_nothing_hostile_is_alive(hostile: str) -> None:
    html = render_sheet(f"## Titre\n\n{hostile}\n", {"categorie": hostile}, TEMPLATE, {})
    for part in (html.body, *html.header.values()):
        tags = re.findall(r"<(\w+)([^>]*)>", part)
        assert not {t for t, _ in tags} & {"script", "style", "iframe", "object"}
        for tag, attributes in tags:
            assert not re.search(r"\son\w+\s*=", attributes)
            assert "javascript:" not in attributes.lower()
            assert "data:text" not in attributes.lower()
            assert tag == "a" or "elsewhere" not in attributes, "loaded from elsewhere"
            assert "verified" not in attributes


def test_the_notes_of_the_card_are_numbered_in_the_order_of_its_fields() -> None:
    fields = [f.key for s in TEMPLATE.written for f in s.fields][:2]
    header = {fields[1]: "Deux[^b]", "ailleurs": "Trois[^c]", fields[0]: "Un[^a]"}
    notes = "\n".join(f"[^{marker}]: Une remarque {marker}." for marker in "cba")
    found = render_sheet(f"Texte.\n\n{notes}\n", header, TEMPLATE, {})
    assert list(found.header) == [*fields, "ailleurs"]
    for number, value in enumerate(found.header.values(), 1):
        assert f'id="ref-{number}-1"' in value


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Pourquoi ?", "Pourquoi\u202f?"),
        ("20%", "20\u202f%"),
        ("20 %", "20\u202f%"),
        ("« oui »", "«\u00a0oui\u00a0»"),
        ("12 500 kWh", "12\u202f500\u00a0kWh"),
        (
            "de 60 à 95 °C, 3 t et 2 000 €/kW",
            "de 60 à 95\u00a0°C, 3\u00a0t et 2\u202f000\u00a0€/kW",
        ),
        ("les 4 temps de 5 machines", "les 4 temps de 5 machines"),
        ("Note : ceci", "Note\u00a0: ceci"),
        ("à 12:30", "à 12:30"),
        ("http://a.example/?b=1", "http://a.example/?b=1"),
    ],
)
def test_french_spaces(written: str, shown: str) -> None:
    assert french_spaces(written) == shown


@override_settings(USE_THOUSAND_SEPARATOR=True)
def test_numbers_in_addresses_are_not_grouped() -> None:
    cited = {"1": CitationView("1", "G", 1234, "q", "/sources/5678/pages/1234/", "verified")}
    page = render_sheet(
        "## T\n\nA.[^1]\n\n[^1]: [G, p. 1](/sources/1/pages/1/) « q »", {}, TEMPLATE, cited
    )

    assert "/sources/5678/pages/1234/" in page.body
