"""Links between sheets by title: where they lead, what is missing, what a renaming leaves alive."""

import threading

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from sheets.generation.request import create_sheet
from sheets.links.related import update_related
from sheets.links.rename import rename_sheet
from sheets.links.wikilinks import list_backlinks, resolve_titles
from sheets.markdown.parse import body_statements, linked_titles
from sheets.models import Relation, Revision, Sheet, SheetRedirect, SheetType
from sheets.rendering.html import render_sheet
from sheets.revisions.save import save_revision
from tests.sheets.factories import TEMPLATE
from wikico2.models import User


def make(title: str, body: str = "") -> Sheet:
    sheet = create_sheet(SheetType.objects.get(key="solution"), title, None)
    if body:
        save_revision(sheet, base=None, body=body, metadata={}, origin=Revision.Origin.HUMAN)
    return sheet


class TestSyntax:
    @pytest.mark.parametrize(
        ("text", "titles"),
        [
            ("[[Chaudière vapeur]] et [[ Chaudière  vapeur ]]", ["Chaudière vapeur"]),
            ("[[Froid|le froid]] [[Air comprimé]]", ["Froid", "Air comprimé"]),
            ("| [[Froid\\|le froid]] |", ["Froid"]),
            ("`[[pas un lien]]` \\[[ni ceci]] [[]] [[a", []),
        ],
    )
    def test_titles_are_read_from_brackets(self, text: str, titles: list[str]) -> None:
        assert linked_titles(text) == titles

    def test_they_become_links_with_their_text(self) -> None:
        html = render_sheet(
            "## T\n\nVoir [[Chaudière|la *vapeur* <b>]] et [[Froid]].", {}, TEMPLATE, {}
        ).body
        assert '<a class="wikilink" href="/fiches/vers/?titre=Chaudi%C3%A8re">la *vapeur* ' in html
        assert "&lt;b&gt;</a>" in html
        assert '<a class="wikilink" href="/fiches/vers/?titre=Froid">Froid</a>' in html

    def test_also_in_tables(self) -> None:
        html = render_sheet(
            "## T\n\n| a |\n| --- |\n| [[Froid\\|le froid]] |\n", {}, TEMPLATE, {}
        ).body
        assert '?titre=Froid">le froid</a></td>' in html

    def test_a_statement_says_the_words_and_not_the_brackets(self) -> None:
        said = body_statements(
            "## 🎯 Résumé (10 secondes)\n\nVoir [[Froid|le froid]].[^1]", TEMPLATE
        )
        assert said[0].text == "Voir le froid."

    def test_an_address_elsewhere_is_marked(self) -> None:
        html = render_sheet("[a](https://example.org/) [b](/sources/1/)", {}, TEMPLATE, {}).body
        assert '<a class="external" href="https://example.org/" rel="noopener nofollow">a' in html
        assert '<a href="/sources/1/">b' in html


class TestTables:
    TABLE = "## T\n\n| Système | Priorité | Solutions associées |\n| --- | --- | --- |\n"

    @pytest.mark.parametrize(
        ("cell", "stars"), [("3", 3), ("4/5", 4), ("5 ⭐", 5), ("⭐⭐", 2), ("6", 0), ("haute", 0)]
    )
    def test_priorities_are_stars_that_can_be_heard(self, cell: str, stars: int) -> None:
        html = render_sheet(f"{self.TABLE}| Vapeur | {cell} | |\n", {}, TEMPLATE, {}).body
        assert html.count("★") == (stars or cell.count("★"))
        assert (f'aria-label="{stars} sur 5" class="stars" role="img"' in html) == bool(stars)

    def test_names_of_solutions_link_and_sentences_do_not(self) -> None:
        rows = "| Vapeur | 3 | économiseur, pompe à chaleur |\n| Froid | 2 | Un gain de 5 % a été "
        html = render_sheet(f"{self.TABLE}{rows}observé sur deux sites |\n", {}, TEMPLATE, {}).body
        assert html.count("wikilink guess") == 2
        assert 'titre=Pompe+%C3%A0+chaleur">pompe à chaleur</a>' in html


@pytest.mark.django_db
class TestWhereTheyLead:
    def test_to_the_sheet_whatever_case_and_accents(self, client: Client) -> None:
        target = make("Chaudière à vapeur")
        source = make("Réseau", "Voir [[CHAUDIERE a vapeur|ceci]].")
        html = client.get(source.get_absolute_url()).content.decode()
        assert f'<a class="wikilink" href="{target.get_absolute_url()}">ceci</a>' in html

    def test_a_missing_one_is_red_and_proposes_to_create(
        self, client: Client, contributor: User
    ) -> None:
        source = make("Réseau", "Voir [[Économiseur]].")
        html = client.get(source.get_absolute_url()).content.decode()
        assert 'class="wikilink missing" href="/fiches/vers/?titre=%C3%89conomiseur"' in html
        client.force_login(contributor)
        answer = client.get("/fiches/vers/", {"titre": "Économiseur"})
        assert answer.status_code == 404
        page = answer.content.decode()
        assert f"{reverse('sheet_new')}?title=%C3%89conomiseur" in page
        assert source.get_absolute_url() in page

    @pytest.mark.parametrize("title", ["", "\x00", "x" * 5000, "<script>alert(1)</script>", "%"])
    def test_an_odd_title_answers(self, client: Client, title: str) -> None:
        answer = client.get("/fiches/vers/", {"titre": title})
        assert answer.status_code == 404
        assert "<script>alert" not in answer.content.decode()

    def test_backlinks_and_wanted_pages(self, client: Client) -> None:
        target = make("Froid")
        source = make("Réseau", "[[froid]] et [[Économiseur]] et [[Économiseur|ceci]].")
        make("Autre", "[[economiseur]]")
        assert list_backlinks(target, User()) == [source]
        assert source.get_absolute_url() in client.get(target.get_absolute_url()).content.decode()
        html = client.get(reverse("wanted")).content.decode()
        assert html.count('class="row-title missing"') == 1
        assert "Froid" not in html

    def test_a_name_that_nobody_marked_leads_somewhere_or_is_but_words(
        self, client: Client
    ) -> None:
        make("Économiseur")
        row = "| Vapeur | 3 | économiseur, échangeur |\n"
        source = make("Réseau", TestTables.TABLE + row)
        html = client.get(source.get_absolute_url()).content.decode()
        assert 'class="wikilink" href="/fiches/economiseur/">économiseur</a>, échangeur' in html
        assert list_backlinks(Sheet.objects.get(title="Économiseur"), User()) == [source]
        assert "changeur" not in client.get(reverse("wanted")).content.decode()

        make("Échangeur")
        html = client.get(source.get_absolute_url()).content.decode()
        assert 'href="/fiches/echangeur/">échangeur</a>' in html
        make("Autre", "[[Calorifugeage]]")
        assert "Calorifugeage" in client.get(reverse("wanted")).content.decode()

    def test_hidden_drafts_are_not_told_of(self, client: Client, settings: object) -> None:
        settings.SHOW_DRAFTS = False  # type: ignore[attr-defined]
        make("Secret")
        source = make("Réseau", "[[Secret]] [[Perdu]]")
        Sheet.objects.filter(pk=source.pk).update(state="published")
        assert 'class="wikilink missing"' in client.get(source.get_absolute_url()).content.decode()
        assert client.get("/fiches/vers/", {"titre": "Secret"}).status_code == 404


@pytest.mark.django_db
class TestRenaming:
    def test_old_title_and_old_addresses_hold_and_no_text_changes(
        self, client: Client, contributor: User
    ) -> None:
        target = make("Chaleur fatale", "Un texte.")
        source = make("Réseau", "Voir [[Chaleur fatale]].")
        client.force_login(contributor)
        address = reverse("sheet_rename", args=[target.slug])
        answer = client.post(address, {"title": "Chaleur de récupération"}, follow=True)
        assert answer.status_code == 200
        old = target.slug
        target.refresh_from_db()
        assert target.slug == "chaleur-de-recuperation"
        for page in ("", "historique/", "versions/1/"):
            moved = client.get(f"/fiches/{old}/{page}?x=1")
            assert moved.headers["Location"] == f"/fiches/{target.slug}/{page}?x=1"
        assert source.revisions.count() == 1
        html = client.get(source.get_absolute_url()).content.decode()
        assert f'class="wikilink" href="{target.get_absolute_url()}"' in html

    def test_a_former_address_is_not_given_away_and_a_former_title_yields(self) -> None:
        first = make("Froid")
        rename_sheet(first, "Production de froid", None)
        second = make("Froid")
        assert second.slug == "froid-2"
        assert resolve_titles(["froid"], User()) == {"froid": second}

    def test_back_and_forth(self, client: Client) -> None:
        sheet = make("Froid")
        rename_sheet(sheet, "Froid industriel", None)
        rename_sheet(sheet, "Froid", None)
        sheet.refresh_from_db()
        assert sheet.slug == "froid"
        assert client.get("/fiches/froid/").status_code == 200
        assert client.get("/fiches/froid-industriel/").headers["Location"] == "/fiches/froid/"
        assert SheetRedirect.objects.filter(slug="froid").count() == 0

    def test_only_the_title_changes(self) -> None:
        sheet = make("Air comprime")
        rename_sheet(sheet, "Air comprimé", None)
        sheet.refresh_from_db()
        assert sheet.slug == "air-comprime"
        assert SheetRedirect.objects.get().slug is None

    def test_a_title_that_another_sheet_bears_is_refused(
        self, client: Client, contributor: User
    ) -> None:
        make("Froid")
        sheet = make("Air comprimé")
        client.force_login(contributor)
        answer = client.post(reverse("sheet_rename", args=[sheet.slug]), {"title": "FROID"})
        assert answer.status_code == 422
        assert 'value="FROID"' in answer.content.decode()

    def test_a_reader_may_not(self, client: Client) -> None:
        sheet = make("Froid")
        assert client.post(reverse("sheet_rename", args=[sheet.slug])).status_code == 302
        client.force_login(User.objects.create_user("lecteur"))
        assert client.post(reverse("sheet_rename", args=[sheet.slug])).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_sheets_that_are_related_are_indexed_side_by_side() -> None:
    """Each writes relations of the others: in any order, none waits for the other or is refused."""
    titles = ["Vapeur", "Froid", "Chaleur"]
    links = " ".join(f"[[{title}]]" for title in titles)
    sheets = [make(title, f"## T\n\nVoir {links}.\n") for title in titles]
    errors: list[Exception] = []

    def relate(first: int) -> None:
        try:
            for turn in range(15):
                update_related(sheets[(first + turn) % len(sheets)])
        except Exception as error:  # noqa: BLE001 (shown by the test)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=relate, args=(first,)) for first in (0, 1, 2, 2, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Relation.objects.count() == len(sheets) * (len(sheets) - 1)
