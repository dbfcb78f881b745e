"""Suggestions: any reader's words wait for an expert; machines and floods are kept out."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from sheets.merge import Version
from sheets.models import Proposal, Sheet, SheetType
from sheets.revisions.edit import save_edit
from tests.cost import processor_time
from wikico2.models import User

BODY = "## 🎯 Résumé (10 secondes)\n\nA.\n\n## 🧭 Contexte & périmètre\n\nB.\n"


@pytest.fixture
def sheet(contributor: User) -> Sheet:
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Air", slug="air")
    save_edit(sheet, contributor, base=None, text=Version(BODY))
    return sheet


def send(client: Client, **given: str) -> Any:
    return client.post(reverse("sheet_suggest", args=["air"]), {"base": "1", "body": BODY, **given})


def test_a_reader_without_account_proposes_other_words(
    client: Client, sheet: Sheet, contributor: User
) -> None:
    answer = send(
        client,
        section="resume",
        body="## 🎯 Résumé (10 secondes)\n\nMieux dit.\n",
        remark="Plus clair.",
        signed="Paul",
    )

    assert answer.status_code == 302
    proposal = Proposal.objects.get()
    assert proposal.body == BODY.replace("A.", "Mieux dit.")
    assert (proposal.sections, proposal.by_whom) == (["resume"], "Paul")
    assert sheet.revisions.count() == 1
    assert client.get(proposal.get_absolute_url()).status_code == 302  # not for everybody yet
    client.force_login(contributor)
    page = client.get(proposal.get_absolute_url()).content.decode()
    assert "Mieux dit." in page
    assert "Plus clair." in page


def test_an_expert_takes_it_in_and_its_author_is_named(
    client: Client, sheet: Sheet, expert: User
) -> None:
    send(client, section="resume", body="## 🎯 Résumé (10 secondes)\n\nMieux.\n", signed="Paul")
    client.force_login(expert)
    proposal = Proposal.objects.get()
    client.post(proposal.get_absolute_url(), {"onto": "1", "do": "accept"})

    sheet.refresh_from_db()
    assert sheet.current is not None
    assert "Mieux." in sheet.current.body
    assert "Paul" in sheet.current.comment
    assert sheet.current.author == expert


def test_a_remark_alone_waits_too(client: Client, sheet: Sheet, expert: User) -> None:
    send(client, remark="Le chiffre date de 2010.")

    client.force_login(expert)
    assert "2010" in client.get(reverse("proposals")).content.decode()
    proposal = Proposal.objects.get()
    client.post(proposal.get_absolute_url(), {"onto": "1", "do": "accept"})
    proposal.refresh_from_db()
    assert proposal.state == Proposal.State.CLOSED
    assert sheet.revisions.count() == 1


def test_nothing_said_is_told(client: Client, sheet: Sheet) -> None:
    assert send(client).status_code == 422
    assert not Proposal.objects.exists()


def test_a_machine_that_fills_in_everything_gets_nothing_in(client: Client, sheet: Sheet) -> None:
    assert send(client, remark="Achetez", website="http://example.org").status_code == 302
    assert not Proposal.objects.exists()


def test_a_flood_is_stopped_and_the_text_kept(
    client: Client, sheet: Sheet, settings: Settings
) -> None:
    settings.SUGGESTIONS_PER_HOUR = 2
    for n in range(2):
        assert send(client, remark=f"Remarque {n}").status_code == 302
    answer = send(client, remark="Une de trop")

    assert answer.status_code == 422
    assert "Une de trop" in answer.content.decode()
    other = Client(REMOTE_ADDR="192.0.2.7")
    assert send(other, remark="Un autre lecteur").status_code == 302


def test_a_flood_is_stopped_before_its_text_is_read(
    client: Client, sheet: Sheet, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SUGGESTIONS_PER_HOUR = 1
    assert send(client, remark="Une remarque").status_code == 302

    def fail(*args: object) -> None:
        raise AssertionError("the text was read")

    readers = "left_plain put_section repair_footnotes undefined_markers"
    for reader in readers.split():
        monkeypatch.setattr(f"sheets.forms.edit.{reader}", fail)
    answer = send(client, section="resume", body="## Résumé (10 secondes)\n\nMieux dit.\n")

    assert answer.status_code == 422
    assert "Mieux dit." in answer.content.decode()


def test_a_suggestion_much_longer_than_the_sheet_is_refused_and_kept(
    client: Client, sheet: Sheet
) -> None:
    answer = send(client, section="resume", body="mot " * 3_000 + "fin")

    assert answer.status_code == 422
    page = answer.content.decode()
    assert "10000" in page
    assert "mot mot fin" in page
    assert not Proposal.objects.exists()


@pytest.mark.parametrize("text", ["a" + "\n" * 40_000 + "b", "a" + "\n" * 9_000 + "b"])
def test_a_suggestion_of_line_ends_costs_little(client: Client, sheet: Sheet, text: str) -> None:
    assert processor_time(lambda: send(client, section="resume", body=text)) < 1


def test_where_anonymous_readers_may_not_they_log_in(
    client: Client, sheet: Sheet, settings: Settings, contributor: User
) -> None:
    settings.ANONYMOUS_SUGGESTIONS = False
    refused = send(client, remark="Moi")
    assert refused.status_code == 401
    assert "Moi</textarea>" in refused.content.decode()
    assert 'name="password"' in refused.content.decode()
    client.force_login(contributor)
    send(client, remark="Moi")
    assert Proposal.objects.get().author == contributor


def test_choosing_another_section_keeps_what_was_typed(client: Client, sheet: Sheet) -> None:
    sent = {"section": "resume", "body": "## Résumé\n\nUn autre.\n", "remark": "Plus précis"}

    answer = send(client, **sent, do="about", about="impacts")

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Plus précis</textarea>" in page
    assert "Un autre." in page
    assert 'name="section" value="impacts"' in page
    assert not Proposal.objects.exists()
