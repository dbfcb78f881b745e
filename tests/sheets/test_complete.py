"""Empty fields say what was looked for; people complete them from the sources."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from ingestion.models import Document
from sheets.generation.request import request_generation, request_sheet
from sheets.models import DroppedStatement, Revision, SectionRun, Sheet, SheetType
from tests.conftest import run_queue
from tests.fake_ai import FakeAI
from wikico2.models import User

pytestmark = pytest.mark.django_db

CARGO = "Un compresseur d'air transforme 97 % de l'électricité en chaleur."


@pytest.fixture
def sheet(document: Document, fake_ai: FakeAI, settings: Settings) -> Sheet:
    """A sheet whose model chose nothing, but for one statement that the source does not bear."""
    settings.LLM_BACKEND = "openai"
    solution = SheetType.objects.get(key="solution")
    solution.sections.exclude(key__in=("fiche", "contexte", "impacts")).delete()

    def answer(body: Any) -> str:
        if "Impacts attendus" not in body["messages"][1]["content"]:
            return '{"objectif": [], "categorie": []}'
        return json.dumps({"energie": [{"text": CARGO, "numbers": [1]}], "co2": []})

    fake_ai.answer = answer
    sheet = request_sheet(solution, "Récupération de chaleur", [document], None)
    run_queue()
    sheet.refresh_from_db()
    return sheet


@pytest.fixture
def editor(client: Client, contributor: User) -> Client:
    client.force_login(contributor)
    return client


def address(sheet: Sheet, section: str = "impacts") -> str:
    return reverse("complete_section", args=[sheet.slug, section])


class TestGaps:
    def test_what_is_empty_is_one_line_a_section_with_what_was_searched(
        self, sheet: Sheet, client: Client
    ) -> None:
        page = client.get(sheet.get_absolute_url()).content.decode()
        assert page.count('class="empty-fields"') == 2
        assert "Aucune information" not in page
        assert "rien trouvé dans 3 passages lus de 1 source." in page
        assert "<h3" not in page[page.index('class="prose"') : page.index("empty-fields")]
        assert "data-complete-link" not in page  # for those who may edit

    def test_what_was_left_out_is_told_and_counted(self, sheet: Sheet, client: Client) -> None:
        page = client.get(sheet.get_absolute_url()).content.decode()
        assert "<b>Énergie</b>\u00a0: 1 énoncé a été écarté." in page
        assert "1 énoncé que les sources ne portent pas" in page

    def test_a_section_that_failed_says_so(self, sheet: Sheet, client: Client) -> None:
        SectionRun.objects.filter(key="contexte").update(state="failed")
        sheet.updated_at = sheet.created_at
        sheet.save()
        page = client.get(sheet.get_absolute_url()).content.decode()
        assert "la rédaction de cette section a échoué" in page

    def test_a_sheet_that_nobody_searched_for_claims_nothing(
        self, client: Client, contributor: User
    ) -> None:
        from sheets.generation.request import create_sheet
        from sheets.revisions.save import save_revision

        bare = create_sheet(SheetType.objects.get(key="solution"), "Vide", contributor)
        body = "## Impacts attendus\n\n### Énergie\n\n### CO₂\n\nUn mot.\n"
        human = Revision.Origin.HUMAN
        save_revision(bare, base=None, body=body, metadata={}, origin=human, author=contributor)
        page = client.get(bare.get_absolute_url()).content.decode()
        assert "les sources n’ont pas été interrogées" in page

    def test_the_identity_card_names_what_it_lacks(self, sheet: Sheet, editor: Client) -> None:
        page = editor.get(sheet.get_absolute_url()).content.decode()
        assert f"{address(sheet, 'fiche')}?champ=categorie#champ-categorie" in page
        taken = editor.get(address(sheet, "fiche"), {"champ": "cout", "q": "luminaires diodes"})
        key = taken.content.decode().partition('name="extrait" value="')[2].partition('"')[0]
        sent = {"champ": "cout", "extrait": key, "sheet": str(sheet.pk)}
        editor.post(address(sheet, "fiche"), sent)
        sheet.refresh_from_db()
        assert sheet.current is not None
        assert sheet.current.metadata["cout"].startswith("Des luminaires à diodes")


class TestRescue:
    def test_editors_see_it_with_its_reason_and_its_page(
        self, sheet: Sheet, editor: Client
    ) -> None:
        page = editor.get(address(sheet)).content.decode()
        assert "transforme 97 %" in page
        assert "97 %" in page.split("transforme 97 %")[1]  # the reason
        assert "Guide de l&#x27;énergie, p. 1" in page

    def test_it_goes_in_as_a_persons_edit_and_is_marked(
        self, sheet: Sheet, editor: Client, contributor: User
    ) -> None:
        row = DroppedStatement.objects.get(sheet=sheet)
        sent = {"champ": "energie", "ecarte": str(row.pk), "sheet": str(sheet.pk)}
        editor.post(address(sheet), sent)
        sheet.refresh_from_db()
        row.refresh_from_db()

        assert sheet.current is not None
        assert (sheet.current.origin, sheet.current.author) == (Revision.Origin.HUMAN, contributor)
        assert "- Un compresseur d'air transforme 97 %" in sheet.current.body
        assert sheet.current.citations.get().level == "not_found"
        assert row.rescued_by == contributor
        assert editor.post(address(sheet), sent).status_code == 404  # once is enough

    def test_the_next_text_forgets_what_the_last_one_left_out(self, sheet: Sheet) -> None:
        request_generation(sheet, None)
        run_queue()
        assert DroppedStatement.objects.filter(sheet=sheet).count() == 1


class TestCandidates:
    def pick(self, editor: Client, sheet: Sheet, **query: str) -> tuple[str, str]:
        """Return the key of the first candidate, and the page."""
        page = editor.get(address(sheet), query).content.decode()
        _before, found, rest = page.partition('name="extrait" value="')
        assert found, page
        return rest[: rest.index('"')], page

    def test_a_search_within_the_sources_at_the_field(self, sheet: Sheet, editor: Client) -> None:
        _key, page = self.pick(editor, sheet, champ="co2", q="fumées de la chaudière")
        assert "économiseur préchauffe" in page
        assert "diodes" not in page
        nothing = editor.get(address(sheet), {"champ": "co2", "q": "blanquette"}).content.decode()
        assert "Rien trouvé dans les sources de la fiche." in nothing

    def test_a_click_takes_it_in_word_for_word_and_cited(
        self, sheet: Sheet, editor: Client, contributor: User
    ) -> None:
        key, _page = self.pick(editor, sheet, champ="co2", q="gain du combustible")
        sent = {"champ": "co2", "extrait": key, "sheet": str(sheet.pk)}
        answer = editor.post(address(sheet), sent)
        sheet.refresh_from_db()

        assert answer["Location"] == f"{sheet.get_absolute_url()}#impacts"
        assert sheet.current is not None
        assert sheet.current.author == contributor
        citation = sheet.current.citations.get()
        assert (citation.level, citation.page) == ("verbatim", 2)
        assert "### CO₂\n\n- Le gain atteint 5 % du combustible" in sheet.current.body
        # What the sheet says is not offered again.
        page = editor.get(address(sheet), {"champ": "co2", "q": "gain du combustible"})
        assert key not in page.content.decode()

    def test_a_sentence_is_no_name_of_a_category(self, sheet: Sheet, editor: Client) -> None:
        key, _page = self.pick(editor, sheet, champ="co2", q="gain du combustible")
        asked = {"champ": "categorie", "q": "gain du combustible"}
        page = editor.get(address(sheet, "fiche"), asked).content.decode()
        assert "Le gain atteint 5 % du combustible" in page
        assert key not in page.replace(f"comme={key}", "")
        assert f"/fiches/{sheet.slug}/modifier/?section=fiche" in page
        for field in ("categorie", "type"):
            sent = {"champ": field, "extrait": key, "sheet": str(sheet.pk)}
            answer = editor.post(address(sheet, "fiche"), sent, follow=True)
            assert "contient un nom court, pas une phrase" in answer.content.decode()
        sheet.refresh_from_db()
        assert sheet.revisions.count() == 1

    def test_more_like_this_leaves_the_example_out(self, sheet: Sheet, editor: Client) -> None:
        key, _page = self.pick(editor, sheet, champ="co2", q="fumées chaudière")
        other, _page = self.pick(editor, sheet, champ="co2", comme=key)
        assert other != key

    def test_a_part_of_the_page_is_sent_to_scripts(self, sheet: Sheet, editor: Client) -> None:
        part = editor.get(address(sheet), headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in part
        assert "data-complete" in part

    @pytest.mark.parametrize(
        "key", ["", "1", "0-0-", "9999999999-1-", "a-b-c", "1-1-1-1", "²-1-", "1-9999-"]
    )
    def test_a_passage_that_is_not_there_is_said(
        self, sheet: Sheet, editor: Client, key: str
    ) -> None:
        sent = {"champ": "co2", "extrait": key, "sheet": str(sheet.pk)}
        assert editor.post(address(sheet), sent).status_code == 302
        sheet.refresh_from_db()
        assert sheet.revisions.count() == 1

    def test_readers_and_other_sections_get_nothing(
        self, sheet: Sheet, client: Client, contributor: User
    ) -> None:
        assert client.get(address(sheet)).status_code == 302
        client.force_login(contributor)
        assert client.get(address(sheet, "nulle-part")).status_code == 404
