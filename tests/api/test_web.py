"""What the web expects: JSON-LD, Open Graph, sitemap, robots, oEmbed, cards, references."""

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from ingestion.models import Document
from sheets.models import Sheet
from sheets.rendering.statement_anchors import statement_anchor, with_anchors
from sheets.revisions.edit import save_edit
from sheets.revisions.versions import version_of
from tests.sheets.test_pages import QUOTE
from wikico2.models import User

ANCHOR = statement_anchor(QUOTE)


def page_of(client: Client, sheet: Sheet) -> str:
    return client.get(sheet.get_absolute_url()).content.decode()


def linked_data(html: str) -> Any:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found[1])


class TestSheetPage:
    def test_json_ld_has_sources_and_claims(
        self, client: Client, sheet: Sheet, source: Document, settings: Settings
    ) -> None:
        data = linked_data(page_of(client, sheet))
        assert (data["@type"], data["headline"]) == ("TechArticle", sheet.title)
        assert [one["name"] for one in data["citation"]] == [source.title]
        (claim,) = data["hasPart"]
        assert claim["@id"] == f"{settings.SITE_URL}{sheet.get_absolute_url()}#{ANCHOR}"
        assert claim["review"]["reviewRating"]["alternateName"] == "cité mot pour mot"

    def test_nothing_in_a_title_ends_the_block(self, client: Client, sheet: Sheet) -> None:
        Sheet.objects.update(title="</script><script>alert(1)</script>&")
        sheet.refresh_from_db()
        html = page_of(client, sheet)
        assert "<script>alert" not in html
        assert linked_data(html)["headline"] == sheet.title

    def test_canonical_address_and_open_graph(
        self, client: Client, sheet: Sheet, settings: Settings
    ) -> None:
        html = page_of(client, sheet)
        address = settings.SITE_URL + sheet.get_absolute_url()
        assert f'<link rel="canonical" href="{address}">' in html
        assert f'<meta property="og:url" content="{address}">' in html
        assert f'<meta property="og:description" content="{QUOTE}">' in html
        assert "/oembed?url=" in html

    def test_the_address_of_a_statement_survives_edits_elsewhere(
        self, client: Client, contributor: User, sheet: Sheet
    ) -> None:
        assert f'id="{ANCHOR}"' in page_of(client, sheet)
        assert sheet.current
        text = version_of(sheet.current)
        body = "## Avant\n\nUne phrase sans source.\n\n" + text.body
        save_edit(sheet, contributor, base=sheet.current, text=type(text)(body, text.values))
        html = page_of(client, sheet)
        assert html.count(f'id="{ANCHOR}"') == 1
        assert f'<p id="{statement_anchor("Une phrase sans source.")}">' in html

    def test_statements_are_copied_with_source_page_and_address(
        self, client: Client, sheet: Sheet, source: Document, settings: Settings
    ) -> None:
        html = client.get(f"{sheet.get_absolute_url()}enonces/").content.decode()
        assert f'<li id="{ANCHOR}">' in html
        address = f"{settings.SITE_URL}{sheet.get_absolute_url()}#{ANCHOR}"
        assert f'data-copy="{QUOTE} ({source.title}, p. 14)\n{address}"' in html
        told = f"70 % · {QUOTE.replace('70 %', '…')} · {source.title}, p. 14"
        assert f'data-copy="{told}\n{address}"' in html


class TestAnchors:
    @pytest.mark.parametrize(
        ("html", "words", "where"),
        [
            ("<p>A 5 %<sup class=\"cite\"><a>1</a></sup></p>", "A 5 %", "sup"),
            ("<ul><li>un</li><li>B <b>7</b> kW</li></ul>", "B 7 kW", "li"),
            ("<table><tr><td>C</td><td>9</td></tr></table>", "C | 9", "tr"),
            ("<p>D<sup class=\"cite\"><a>1</a></sup> puis E</p>", "puis E", "p"),
        ],
    )  # fmt: skip
    def test_they_stand_at_the_marker_or_at_the_block(
        self, html: str, words: str, where: str
    ) -> None:
        anchor = statement_anchor(words)
        found = re.findall(r'<(\w+)[^>]* id="([^"]+)"', with_anchors(html, {anchor}))
        assert found == [(where, anchor)]

    def test_the_same_words_twice_have_two(self) -> None:
        anchor = statement_anchor("A")
        html = with_anchors("<p>A</p><p>A</p>", {anchor, f"{anchor}-2"})
        assert html == f'<p id="{anchor}">A</p><p id="{anchor}-2">A</p>'


class TestRobots:
    def test_sitemap_and_robots_of_a_public_site(
        self, client: Client, published: Sheet, settings: Settings
    ) -> None:
        robots = client.get("/robots.txt").content.decode()
        assert f"Sitemap: {settings.SITE_URL}/sitemap.xml" in robots
        root = ET.fromstring(client.get("/sitemap.xml").content)  # noqa: S314 (ours)
        places = [element.text for element in root.iter() if element.tag.endswith("loc")]
        assert places == [settings.SITE_URL + published.get_absolute_url()]

    def test_a_private_site_is_closed(
        self, client: Client, published: Sheet, settings: Settings
    ) -> None:
        settings.PUBLIC_SITE = False
        assert client.get("/robots.txt").content.decode() == "User-agent: *\nDisallow: /\n"
        assert client.get("/sitemap.xml").status_code == 302

    def test_drafts_are_not_in_it_where_they_are_hidden(
        self, client: Client, sheet: Sheet, settings: Settings
    ) -> None:
        settings.SHOW_DRAFTS = False
        assert b"<loc>" not in client.get("/sitemap.xml").content


class TestEmbedding:
    def test_oembed_gives_a_frame_with_the_card(
        self, client: Client, sheet: Sheet, settings: Settings
    ) -> None:
        address = f"{settings.SITE_URL}{sheet.get_absolute_url()}%23{ANCHOR}"
        answer = client.get(f"/oembed?url={address}&maxwidth=400").json()
        assert (answer["type"], answer["width"]) == ("rich", 400)
        frame = re.search(r'src="([^"]+)"', answer["html"])
        assert frame
        card = client.get(frame[1].replace("&amp;", "&").removeprefix(settings.SITE_URL))
        html = card.content.decode()
        assert "Guide de l’air comprimé, p. 14" in html
        assert "frame-ancestors *" in card.headers["Content-Security-Policy"]
        assert "X-Frame-Options" not in card.headers

    @pytest.mark.parametrize(
        "url", ["", "https://ailleurs.test/fiches/a/", "//[", "javascript:alert(1)", "/fiches/x/"]
    )
    def test_other_addresses_are_not_embedded(self, client: Client, sheet: Sheet, url: str) -> None:
        assert client.get("/oembed", {"url": url}).status_code == 404

    def test_the_card_of_a_sheet_and_an_unknown_statement(
        self, client: Client, sheet: Sheet
    ) -> None:
        assert sheet.title in client.get(f"{sheet.get_absolute_url()}carte/").content.decode()
        answer = client.get(f"{sheet.get_absolute_url()}carte/?enonce=s-0000000000")
        assert answer.status_code == 404


class TestReferences:
    def test_sources_as_bibtex_ris_and_csl_json(
        self, client: Client, sheet: Sheet, source: Document
    ) -> None:
        Document.objects.update(
            title="Gains de 5 % & {plus}\r\nTY  - BOOK", author="A. Auteur", published="2021-03"
        )
        path = f"{sheet.get_absolute_url()}sources"
        bibtex = client.get(f"{path}.bib").content.decode()
        assert r"title = {Gains de 5 \% \& \{plus\} TY - BOOK}," in bibtex
        assert "year = {2021}," in bibtex
        ris = client.get(f"{path}.ris").content.decode()
        assert ris.count("TY  - ") == 1
        assert "DA  - 2021/03\r\n" in ris
        (item,) = json.loads(client.get(f"{path}.json").content)
        assert item["issued"] == {"date-parts": [[2021, 3]]}
        assert item["author"] == [{"literal": "A. Auteur"}]
        assert client.get(f"{path}.doc").status_code == 404
