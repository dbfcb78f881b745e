"""A prompt is looked at and tried on one section before it becomes a version."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from ingestion.models import Document
from sheets.generation.request import request_sheet
from sheets.models import Prompt, Sheet, SheetType, Spending
from tests.conftest import run_queue
from tests.fake_ai import FakeAI
from wikico2.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def sheet(document: Document) -> Sheet:
    solution = SheetType.objects.get(key="solution")
    return request_sheet(solution, "Récupération de chaleur", [document], None)


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root", "root@example.org", "mot de passe"))
    return client


def texts(**changed: str) -> dict[str, str]:
    current = Prompt.objects.current()
    return {f: getattr(current, f) for f in ("mode", "system", "request", "repair")} | changed


def test_the_form_begins_with_the_current_version(admin: Client) -> None:
    page = admin.get(reverse("admin:sheets_prompt_add")).content.decode()
    assert "Vous composez en français" in page
    assert reverse("admin:sheets_prompt_trial") in page


def test_a_new_version_is_added_with_its_author(admin: Client) -> None:
    admin.post(reverse("admin:sheets_prompt_add"), texts(system="Soyez bref.", comment="Essai"))
    newest = Prompt.objects.current()
    assert (newest.version, newest.system) == (3, "Soyez bref.")
    assert str(newest.author) == "root"
    assert admin.get(reverse("admin:sheets_prompt_change", args=[newest.pk])).status_code == 200


def test_a_preview_shows_what_is_told_and_asks_nobody(
    admin: Client, sheet: Sheet, fake_ai: FakeAI
) -> None:
    values = texts(system="Soyez bref.") | {"sheet": str(sheet.pk), "section": "impacts"}
    page = admin.post(reverse("admin:sheets_prompt_trial"), values | {"look": "1"}).content.decode()
    assert "<pre>Soyez bref.</pre>" in page
    assert "Un compresseur d&#x27;air transforme plus de 90 %" in page
    assert not [r for r in fake_ai.requests if r.path.endswith("completions")]
    assert Prompt.objects.count() == 2


def test_a_trial_shows_statements_with_their_verdicts_and_counts_the_tokens(
    admin: Client, sheet: Sheet, fake_ai: FakeAI
) -> None:
    fake_ai.answers.append(
        '{"resume": [{"text": "Un compresseur d\'air transforme 97 % de l\'électricité en chaleur",'
        ' "sources": ["S1"]}, {"text": "Une phrase", "sources": ["S9"]}]}'
    )
    values = texts() | {"sheet": str(sheet.pk), "section": "resume", "ask": "1"}
    page = admin.post(reverse("admin:sheets_prompt_trial"), values).content.decode()
    assert "transforme 97 %" in page
    assert "non retrouvé" in page
    assert "Une phrase" in page
    assert Spending.objects.today().tokens() > 0
    assert not sheet.revisions.exists()


def test_a_failure_is_said_in_words(
    admin: Client, sheet: Sheet, fake_ai: FakeAI, settings: Settings
) -> None:
    settings.AI_RETRIES = 0
    fake_ai.answers.extend(["rien", "toujours rien"])
    values = texts() | {"sheet": str(sheet.pk), "section": "resume", "ask": "1"}
    page = admin.post(reverse("admin:sheets_prompt_trial"), values).content.decode()
    assert "JSON" in page


def test_a_section_that_is_not_there_is_named(admin: Client, sheet: Sheet) -> None:
    values = texts() | {"sheet": str(sheet.pk), "section": "profil"}
    page = admin.post(reverse("admin:sheets_prompt_trial"), values).content.decode()
    assert "Sections de ce type" in page
    assert "Impacts attendus" in page


def test_the_form_of_a_new_version_leads_to_the_choice_of_a_sheet(
    admin: Client, sheet: Sheet
) -> None:
    page = admin.post(reverse("admin:sheets_prompt_trial"), texts(comment="Essai"))
    html = page.content.decode()
    assert "errorlist" not in html
    assert "Vous composez en français" in html
    assert page.context["form"]["comment"].value() == "Essai"


def test_restoring_a_version_of_the_other_way_of_writing_says_that_it_is_not_used(
    admin: Client,
) -> None:
    before = Prompt.objects.current()
    old = Prompt.objects.exclude(mode=before.mode).earliest("version")
    page = admin.post(reverse("admin:sheets_prompt_restore", args=[old.pk]), follow=True)
    assert f"{before.name} reste en service" in page.content.decode()
    assert Prompt.objects.current() == before
    same = admin.post(reverse("admin:sheets_prompt_add"), texts(system="Autre.", comment="x"))
    assert same.status_code == 302
    page = admin.post(reverse("admin:sheets_prompt_restore", args=[before.pk]), follow=True)
    assert "est maintenant en service" in page.content.decode()


def test_others_may_not_try(client: Client, contributor: User, sheet: Sheet) -> None:
    client.force_login(contributor)
    assert client.post(reverse("admin:sheets_prompt_trial"), texts()).status_code in (302, 403)
    run_queue()
