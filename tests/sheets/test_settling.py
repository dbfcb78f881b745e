"""Proposals are settled item by item, remarks are answered, and nothing is filed for nothing."""

import re
from html import unescape
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from sheets.merge import Version
from sheets.models import Proposal, Revision, Sheet
from sheets.proposals.review import accept_proposal
from sheets.proposals.suggestions import create_suggestion
from tests.conftest import run_queue
from tests.sheets.test_proposals import (
    IMPACTS,
    RESUME,
    RISKS,
    Write,
    machine,
    person,
    sheet,
    text,
)
from wikico2.models import User

pytestmark = pytest.mark.django_db
__all__ = ["machine", "sheet"]
TABLE = "| Système | Impact |\n| --- | --- |\n| Vapeur | fort |\n| Froid | moyen |\n"
NOTES = "\n[^g1]: Une note.\n[^7]: Une deuxième note.\n"


@pytest.fixture
def page(client: Client, expert: User) -> Client:
    client.force_login(expert)
    return client


def shown(client: Client, proposal: Proposal) -> str:
    return unescape(client.get(proposal.get_absolute_url()).content.decode()).replace("\xa0", " ")


def suggest(sheet: Sheet, body: str, **more: Any) -> Proposal:
    assert sheet.current is not None
    return create_suggestion(sheet, base=sheet.current, text=Version(body), sender="x", **more)


def left_boxes(html: str) -> list[str]:
    return re.findall(r'name="left" value="(\w+)"', html)


class TestItems:
    @pytest.fixture
    def proposal(self, sheet: Sheet, expert: User) -> Proposal:
        person(sheet, text(), expert)
        return suggest(
            sheet, text("Autre résumé.", IMPACTS + "\n\nAjout A.\n\nAjout B.", "Risque.")
        )

    def test_one_change_is_left_out_and_the_others_taken(
        self, page: Client, sheet: Sheet, proposal: Proposal
    ) -> None:
        html = shown(page, proposal)
        boxes = left_boxes(html)
        assert len(boxes) == 4
        assert "4 changements sans conflit" in html
        assert "fusionné" not in html
        found = html.index("Ajout A.")
        box = max((b for b in boxes if html.index(b) < found), key=html.index)
        page.post(proposal.get_absolute_url(), {"onto": "1", "do": "accept", "left": box})
        sheet.refresh_from_db()
        assert sheet.current is not None
        assert sheet.current.body == text("Autre résumé.", IMPACTS + "\n\nAjout B.", "Risque.")

    def test_what_is_left_out_is_kept_for_later(self, page: Client, proposal: Proposal) -> None:
        first, second, *_rest = left_boxes(shown(page, proposal))
        address = proposal.get_absolute_url()
        html = shown(page, proposal)
        assert ">Tout accepter<" in html
        assert 'value="save">Enregistrer mes choix' in html
        page.post(address, {"onto": "1", "do": "save", "left": [first, second]})
        assert shown(page, proposal).count("checked") == 2
        assert ">Accepter le reste<" in shown(page, proposal)
        page.post(address, {"onto": "1", "do": "save", "left": second})
        html = shown(page, proposal)
        assert html.count("checked") == 1
        assert re.search(rf'value="{second}"\s+checked', html)

    def test_of_one_section_and_all_left(
        self, page: Client, sheet: Sheet, proposal: Proposal
    ) -> None:
        boxes = left_boxes(shown(page, proposal))
        answer = page.post(
            proposal.get_absolute_url(),
            {"onto": "1", "do": "accept", "left": boxes},
            follow=True,
        )
        assert "inchangée" in answer.content.decode()
        proposal.refresh_from_db()
        assert (proposal.state, proposal.accepted_as) == ("closed", None)
        assert sheet.revisions.count() == 1

    def test_nonsense_leaves_nothing_out(
        self, page: Client, sheet: Sheet, proposal: Proposal
    ) -> None:
        sent = {"onto": "1", "do": "accept", "left": ["x", "'\"", "0badcafe"]}
        page.post(proposal.get_absolute_url(), sent)
        sheet.refresh_from_db()
        assert sheet.current is not None
        assert "Ajout A." in sheet.current.body

    def test_a_change_that_shares_a_block_with_a_conflict_goes_with_it(
        self, sheet: Sheet, page: Client, expert: User
    ) -> None:
        words = "Un compresseur chauffe un atelier de quarante mètres pendant tout le long hiver."
        person(sheet, text(words), expert)
        theirs = words.replace("quarante", "cinquante").replace("long hiver", "bref hiver")
        proposal = suggest(sheet, text(theirs, IMPACTS + " Encore."))
        person(sheet, text(words.replace("quarante", "trente")), expert)
        html = shown(page, proposal)
        assert len(left_boxes(html)) == 1
        (key,) = Proposal.objects.get(pk=proposal.pk).conflicts
        sent = {"onto": "2", "do": "accept", f"take_{key}": "mine", "left": left_boxes(html)}
        page.post(proposal.get_absolute_url(), sent)
        sheet.refresh_from_db()
        assert sheet.current is not None
        assert "trente mètres pendant tout le bref hiver" in sheet.current.body
        assert "Encore." not in sheet.current.body

    def test_a_table_is_shown_as_one_and_notes_by_the_numbers_of_the_page(
        self, sheet: Sheet, page: Client, expert: User
    ) -> None:
        body = text(RESUME + "[^7]", IMPACTS + "[^g1]", TABLE)
        person(sheet, body + NOTES, expert)
        other = body.replace("| Froid | moyen |", "| Froid | faible[^g1] |[^n]")
        other = other.replace("faible[^g1] |[^n]", "faible[^g1][^n] |")
        proposal = suggest(sheet, other + NOTES + "[^n]: Neuve.\n")
        html = shown(page, proposal)
        assert '<th scope="col">Système</th>' in html
        row = html[html.index("faible") :]
        labels = re.findall(r'note-label">([^<]+)<', row)[:2]
        assert labels == ["2", "3"]
        assert "| Froid" not in html
        assert html.count("<tr>") == 4  # on each side its head and the row that changes
        (box,) = left_boxes(html)
        page.post(proposal.get_absolute_url(), {"onto": "1", "do": "accept", "left": box})
        assert sheet.revisions.count() == 1

    def test_a_note_whose_text_changes_keeps_the_number_of_the_page(
        self, sheet: Sheet, page: Client, expert: User
    ) -> None:
        body = text(RESUME + "[^7]", IMPACTS + "[^g1]", RISKS + "[^8]")
        person(sheet, body + NOTES + "[^8]: Une huitième.\n", expert)
        proposal = suggest(
            sheet,
            body.replace(RISKS, RISKS + " Et la poussière.[^n]")
            + NOTES.replace("Une note.", "Une note revue.")
            + "[^8]: Une huitième.\n[^n]: Neuve.\n",
        )
        html = shown(page, proposal)
        assert re.findall(r'<sup class="note-label">([^<]+)<', html) == ["2", "2", "3", "4", "3"]
        assert "Une note <ins>revue</ins>" in html.replace("</ins><ins>", "")

    def test_the_contents_lead_to_each_section(self, page: Client, proposal: Proposal) -> None:
        html = shown(page, proposal)
        for key in ("resume", "impacts", "risques"):
            assert f'href="#part-{key}"' in html
            assert f'id="part-{key}"' in html


class TestNothing:
    def test_a_generation_that_changes_nothing_is_not_filed(
        self, sheet: Sheet, machine: Write, expert: User
    ) -> None:
        machine(text())
        person(sheet, text(resume="Mes mots."), expert)
        for same in (text(), text(resume="Mes mots."), text() + "\n"):
            answer = machine(same)
            assert isinstance(answer, Revision)
        assert sheet.proposals.count() == 0
        assert isinstance(machine(text(risks=RISKS + " Plus.")), Proposal)

    def test_it_takes_the_place_of_what_waited(
        self, sheet: Sheet, machine: Write, expert: User
    ) -> None:
        machine(text())
        person(sheet, text(resume="Mes mots."), expert)
        waiting = machine(text(risks="Autres risques que le bruit, bien plus graves pour tous."))
        assert isinstance(waiting, Proposal)
        machine(text())
        waiting.refresh_from_db()
        assert waiting.state == "replaced"

    def test_accepting_what_stands_there_makes_no_version(self, sheet: Sheet, expert: User) -> None:
        person(sheet, text(), expert)
        proposal = suggest(sheet, text("Autre."))
        person(sheet, text("Autre."), expert)
        current = accept_proposal(proposal, expert, onto=2, choices={})
        assert current.number == 2
        proposal.refresh_from_db()
        assert proposal.state == "closed"


def letters_to(address: str) -> list[Any]:
    """Return the e-mails sent to an address, and none of those to who decides."""
    return [letter for letter in mail.outbox if letter.to == [address]]


class TestRemarks:
    @pytest.fixture
    def remark(self, sheet: Sheet, expert: User, settings: Settings) -> Proposal:
        settings.EMAIL_HOST = "smtp.example.org"
        person(sheet, text(impacts=IMPACTS + "[^7]") + NOTES, expert)
        address = reverse("sheet_suggest", args=[sheet.slug])
        sent = {
            "base": "1", "section": "impacts", "remark": "Facteur gaz 0,215 depuis 2024.",
            "reply_to": "lea@example.org", "signed": "Léa",
            "body": f"## 📊 Impacts attendus\n\n### Énergie\n\n{IMPACTS}[^7]\n\n"
            "[^7]: Une deuxième note.\n",
        }  # fmt: skip
        assert Client().post(address, sent).status_code == 302
        return Proposal.objects.get()

    def test_is_shown_with_its_section_and_its_words(self, page: Client, remark: Proposal) -> None:
        html = shown(page, remark)
        assert "Facteur gaz 0,215 depuis 2024." in html
        assert "moitié du gaz" in html
        assert RESUME not in html
        assert "Impacts attendus" in html
        for wrong in ("ne change rien", "Accepter", "contient déjà", "lea@example.org"):
            assert wrong not in html

    def test_is_answered_and_the_answer_reaches_its_author(
        self, page: Client, remark: Proposal, sheet: Sheet
    ) -> None:
        address = remark.get_absolute_url()
        assert page.post(address, {"do": "answer", "reason": " "}).status_code == 422
        page.post(address, {"do": "answer", "reason": "Merci, corrigé."})
        run_queue()
        (letter,) = letters_to("lea@example.org")
        assert "Merci, corrigé." in str(letter.body)
        assert "0,215" in str(letter.body)
        remark.refresh_from_db()
        assert (remark.state, remark.reply_to) == ("closed", "")
        html = shown(page, remark)
        assert "Merci, corrigé." in html
        assert "Acceptée" not in html
        assert sheet.revisions.count() == 1
        assert page.post(address, {"do": "answer", "reason": "Encore"}).status_code in (302, 409)

    def test_is_closed_without_an_answer(self, page: Client, remark: Proposal) -> None:
        answer = page.post(remark.get_absolute_url(), {"do": "close"}, follow=True)
        assert "Acceptée" not in answer.content.decode()
        run_queue()
        assert letters_to("lea@example.org") == []
        remark.refresh_from_db()
        assert (remark.state, remark.reply_to) == ("closed", "")

    def test_who_left_no_address_is_not_told_and_may_not_come_back(
        self, page: Client, remark: Proposal
    ) -> None:
        assert "Elle est envoyée à la personne" in shown(page, remark)
        Proposal.objects.update(reply_to="")
        assert "n’est pas prévenue" in shown(page, remark)
        assert "pour les personnes connectées" in shown(page, remark)
        assert Client().get(remark.get_absolute_url()).status_code == 302

    def test_who_may_not_decide_only_reads(
        self, client: Client, remark: Proposal, contributor: User
    ) -> None:
        client.force_login(contributor)
        assert "<textarea" not in shown(client, remark)
        assert client.post(remark.get_absolute_url(), {"do": "close"}).status_code == 403

    def test_no_address_is_asked_of_members_or_where_no_mail_is_sent(
        self, page: Client, remark: Proposal, sheet: Sheet, settings: Settings
    ) -> None:
        address = reverse("sheet_suggest", args=[sheet.slug])
        assert "reply_to" in Client().get(address).content.decode()
        assert "reply_to" not in page.get(address).content.decode()
        settings.EMAIL_HOST = ""
        assert "reply_to" not in Client().get(address).content.decode()

    def test_a_refusal_reaches_its_author_too(
        self, page: Client, sheet: Sheet, expert: User, settings: Settings
    ) -> None:
        settings.EMAIL_HOST = "smtp.example.org"
        person(sheet, text(), expert)
        proposal = suggest(sheet, text("Autre."), reply_to="lea@example.org")
        assert "envoyée à son auteur" in shown(page, proposal)
        assert "envoyée à son auteur" not in shown(page, suggest(sheet, text("Sans adresse.")))
        sent = {"onto": "1", "do": "refuse", "reason": "La source manque."}
        page.post(proposal.get_absolute_url(), sent)
        run_queue()
        (letter,) = letters_to("lea@example.org")
        assert "La source manque." in str(letter.body)
