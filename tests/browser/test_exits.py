"""Each way out of the editor that is not a save, in a browser, with and without scripts."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Page, expect

from sheets.links.rename import rename_sheet
from sheets.merge import Version
from sheets.models import EditDraft, Revision, Sheet, SheetType
from sheets.revisions.edit import save_edit
from tests.browser.conftest import Live
from wikico2.accounts.roles import CONTRIBUTOR
from wikico2.models import User

pytestmark = pytest.mark.django_db(transaction=True)
BODY = "## 🎯 Résumé (10 secondes)\n\nLa chaleur sert au lavage.\n"
SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])


@pytest.fixture(autouse=True)
def _no_complaints(complaints: list[str]) -> Iterator[None]:
    yield
    assert complaints == []


@pytest.fixture
def sheet(transactional_db: None, expert: User) -> Sheet:
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Air comprimé", slug="air")
    save_edit(sheet, expert, base=None, text=Version(BODY))
    sheet.refresh_from_db()
    return sheet


def current(sheet: Sheet) -> Revision:
    sheet.refresh_from_db()
    assert sheet.current is not None
    return sheet.current


def typing(page: Page, text: str) -> None:
    page.locator("#edit_body").fill(BODY.replace("lavage", text))


def keep(page: Page) -> None:
    """Have the draft sent at once, as when the network comes back."""
    page.evaluate("dispatchEvent(new Event('online'))")


def copies(page: Page) -> int:
    """Return how many texts this browser keeps."""
    script = "Object.keys(localStorage).filter((key) => key.startsWith('wikico2:edit')).length"
    return int(page.evaluate(script))


@SCRIPTS
def test_renamed_deleted_role_withdrawn(
    live: Live, sheet: Sheet, contributor: User, expert: User, scripts: bool
) -> None:
    page = live("/fiches/air/modifier/", user=contributor, java_script_enabled=scripts)
    typing(page, "séchage")
    rename_sheet(sheet, "Compresseurs", expert)
    page.locator("[data-save]").click()  # the sheet has another address: saved all the same
    expect(page.locator(".prose")).to_contain_text("séchage")
    if scripts:
        assert copies(page) == 0

    page.goto("/fiches/compresseurs/modifier/")
    typing(page, "chauffage")
    contributor.groups.clear()
    if scripts:
        keep(page)
        expect(page.locator("#edit-trouble")).to_contain_text("Brouillon non enregistré")
        expect(page.locator("[data-state]")).to_have_text("")
    page.locator("[data-save]").click()
    expect(page.locator("#edit_body")).to_have_value(BODY.replace("lavage", "chauffage"))
    page.locator("button[formaction$='/proposer/']").click()
    expect(page.locator(".messages")).to_be_visible()
    assert "chauffage" in sheet.proposals.get().body

    contributor.groups.add(Group.objects.get(name=CONTRIBUTOR))
    page.goto("/fiches/compresseurs/modifier/")
    typing(page, "séchage des cuves")
    sheet.delete()
    page.locator("[data-save]").click()
    expect(page.locator("#edit_body")).to_have_value(BODY.replace("lavage", "séchage des cuves"))
    expect(page.locator("[name=title]")).to_have_value("Compresseurs")
    page.locator("button[formaction$='/texte/']").click()
    expect(page.locator(".prose")).to_contain_text("séchage des cuves")
    assert Sheet.objects.get().slug == "compresseurs"


@SCRIPTS
def test_lost_session_and_expired_form(
    live: Live, sheet: Sheet, contributor: User, scripts: bool
) -> None:
    page = live("/fiches/air/modifier/", user=contributor, java_script_enabled=scripts)
    typing(page, "séchage")
    page.context.clear_cookies(name="sessionid")
    page.locator("[data-save]").click()
    page.locator("[name=username]").fill("claire")
    page.locator("[name=password]").fill("mot de passe")
    page.locator("[data-save]").click()
    expect(page.locator(".prose")).to_contain_text("séchage")

    page.goto("/fiches/air/modifier/")
    typing(page, "chauffage")
    page.context.clear_cookies(name="csrftoken")
    page.locator("[data-save]").click()
    expect(page.locator("h1")).to_have_text("Ce formulaire avait expiré")
    expect(page.locator("#edit_body")).to_have_value(BODY.replace("lavage", "chauffage"))
    page.locator("[data-save]").click()
    expect(page.locator(".prose")).to_contain_text("chauffage")
    assert current(sheet).number == 3
    if scripts:
        assert copies(page) == 0


@SCRIPTS
def test_back_and_save_again(live: Live, sheet: Sheet, contributor: User, scripts: bool) -> None:
    page = live("/fiches/air/modifier/", user=contributor, java_script_enabled=scripts)
    for number, text in enumerate(("séchage", "chauffage"), start=2):
        typing(page, text)
        page.locator("[data-save]").click()
        expect(page.locator(".prose")).to_contain_text(text)
        assert (current(sheet).number, current(sheet).origin) == (number, "human")
        page.go_back()
        expect(page.locator("#edit_body")).to_have_value(re.compile(text))


def test_each_tab_has_its_own_draft(live: Live, sheet: Sheet, contributor: User) -> None:
    one = live("/fiches/air/modifier/", user=contributor)
    two, three = one.context.new_page(), one.context.new_page()
    for page in (two, three):
        page.goto("/fiches/air/modifier/")
    for page, text in ((one, "séchage"), (two, "chauffage")):
        with page.expect_request(lambda request: "apercu" in request.url) as preview:
            typing(page, text)
        assert "turn" in (preview.value.post_data or "")  # so that a later one overtakes it
        keep(page)
        expect(page.locator("[data-state]")).to_contain_text(":")
    with three.expect_response(lambda answer: "brouillon" in answer.url):
        keep(three)  # the untouched one speaks up too
    texts = {row.typed["body"] for row in EditDraft.objects.with_text()}
    assert texts == {BODY.replace("lavage", text) for text in ("séchage", "chauffage")}
    for page in (one, two):
        page.close(run_before_unload=False)

    three.reload()
    expect(three.locator("#edit_body")).to_have_value(re.compile("chauffage"))
    three.locator(".draft-text summary").first.click()
    expect(three.locator(".draft-text ins").first).to_have_text("séchage")
    three.locator(".notice:has(.draft-text) a").click()
    expect(three.locator("#edit_body")).to_have_value(re.compile("séchage"))


def test_a_server_that_is_away_is_told_and_asked_again(
    live: Live, sheet: Sheet, contributor: User, complaints: list[str]
) -> None:
    page = live("/fiches/air/modifier/", user=contributor)
    page.context.set_offline(True)
    typing(page, "séchage")
    keep(page)
    alarm = page.locator("#edit-trouble")
    expect(alarm).to_contain_text("Le serveur ne répond pas")
    expect(alarm).to_contain_text("gardé dans ce navigateur")
    assert alarm.get_attribute("role") == "alert"
    page.context.set_offline(False)
    keep(page)
    expect(alarm).to_be_hidden()
    expect(page.locator("[data-state]")).to_contain_text("brouillon")
    complaints[:] = [line for line in complaints if "Failed to fetch" not in line]
    EditDraft.objects.all().delete()  # and another browser of this person knows nothing
    page.close(run_before_unload=False)

    rename_sheet(sheet, "Compresseurs", None)  # the copy belongs to the sheet, not to its address
    page = page.context.new_page()
    page.goto("/fiches/compresseurs/modifier/")
    page.locator("#edit-kept [data-take]").click()
    expect(page.locator("#edit_body")).to_have_value(BODY.replace("lavage", "séchage"))
    page.locator("[data-save]").click()
    expect(page.locator(".prose")).to_contain_text("séchage")
    assert copies(page) == 0
