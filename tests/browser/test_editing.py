"""Edit, meet another editor, compare, restore: in a browser, with and without scripts."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Dialog, FilePayload, Page, expect

from ingestion.models import Document
from sheets.merge import Version
from sheets.models import EditDraft, Picture, Sheet, SheetType
from sheets.revisions.edit import save_edit
from sheets.revisions.versions import version_of
from tests.browser.conftest import Live
from tests.conftest import run_queue
from wikico2.models import User

pytestmark = pytest.mark.django_db(transaction=True)
BODY = (
    "## 🎯 Résumé (10 secondes)\n\nLa chaleur sert au lavage.\n\n"
    "## 🧭 Contexte & périmètre\n\n### Inclut\n\n- Les compresseurs à vis\n"
)


@pytest.fixture(autouse=True)
def _no_complaints(complaints: list[str]) -> Iterator[None]:
    yield
    assert complaints == []


@pytest.fixture
def sheet(transactional_db: None, expert: User) -> Sheet:
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Air comprimé", slug="air")
    save_edit(sheet, expert, base=None, text=Version(BODY, {"categorie": "Froid"}))
    sheet.refresh_from_db()
    return sheet


def photo() -> FilePayload:
    """Return a photograph that tells where it was taken."""
    image = Image.new("RGB", (2400, 1200), "teal")
    exif = Image.Exif()
    exif[0x010E] = "Usine de Nantes"
    output = io.BytesIO()
    image.save(output, "JPEG", exif=exif)
    return {"name": "mon_atelier.jpg", "mimeType": "image/jpeg", "buffer": output.getvalue()}


def text_of(sheet: Sheet) -> str:
    sheet.refresh_from_db()
    assert sheet.current is not None
    return sheet.current.body


def edit(page: Page, old: str, new: str) -> None:
    area = page.get_by_label("Texte", exact=True)
    area.fill(area.input_value().replace(old, new))


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_section_is_edited(live: Live, sheet: Sheet, contributor: User, scripts: bool) -> None:
    page = live(sheet.get_absolute_url(), user=contributor, java_script_enabled=scripts)
    page.locator("#resume .section-tools a").first.click()
    expect(page.locator("#edit_body")).not_to_have_value(re.compile("Contexte"))
    page.locator("#edit_body").fill("## 🎯 Résumé (10 secondes)\n\nElle **chauffe** l’atelier.\n")
    if not scripts:
        page.locator("[data-preview]").click()
    expect(page.locator("#preview strong")).to_have_text("chauffe")
    page.locator("#edit_comment").fill("Vu sur place")
    page.locator("#edit_minor").check()
    page.locator("[data-save]").click()

    expect(page.locator(".prose")).to_contain_text("Elle chauffe l’atelier.")
    assert text_of(sheet) == BODY.replace(
        "La chaleur sert au lavage.", "Elle **chauffe** l’atelier."
    )
    assert sheet.current is not None
    assert (sheet.current.comment, sheet.current.minor) == ("Vu sur place", True)


def test_tools_keys_and_header(live: Live, sheet: Sheet, contributor: User) -> None:
    page = live(f"{sheet.get_absolute_url()}modifier/", user=contributor, width=390)
    area = page.locator("#edit_body")
    area.evaluate("a => { a.focus(); a.setSelectionRange(a.value.length, a.value.length) }")
    page.keyboard.press("Control+b")
    page.keyboard.type("gras")
    page.locator("[data-open=pick-table]").click()
    page.locator("#table-columns").fill("2")
    page.locator("[data-table]").click()
    expect(area).to_have_value(re.compile(r"\*\*gras\*\*.*\| --- \| --- \|", re.DOTALL))
    page.locator("[data-open=pick-sheet]").click()
    page.locator("#pick-sheet input").fill("air com")
    page.locator("#pick-sheet .pick", has_text="Air comprimé").click()
    expect(area).to_have_value(re.compile(r"\[\[Air comprimé\]\]"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".edit-values summary").click()
    page.locator("#edit_meta_type").select_option("technique")
    page.keyboard.press("Control+s")

    expect(page.locator(".messages")).to_be_visible()
    assert "**gras**" in text_of(sheet)
    assert sheet.current is not None
    assert sheet.current.metadata == {"categorie": "Froid", "type": "technique"}


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_passage_is_cited(
    live: Live, sheet: Sheet, contributor: User, document: Document, scripts: bool
) -> None:
    page = live(
        f"{sheet.get_absolute_url()}modifier/", user=contributor, java_script_enabled=scripts
    )
    area = page.locator("#edit_body")
    if scripts:
        area.evaluate(
            "a => { const n = a.value.indexOf('lavage.') + 7;"
            " a.focus(); a.setSelectionRange(n, n) }"
        )
        page.locator("[data-open=pick-citation]").click()
        page.locator("#pick-citation input").fill("eau à 60 °C pour le lavage")
        page.locator("#pick-citation .pick").first.click()
    else:
        page.locator("summary", has_text="citation").click()
        page.locator("#edit_query").fill("eau à 60 °C pour le lavage")
        page.locator("button[value=find]").click()
        page.locator("button[value^='cite:']").first.click()
        edit(page, "lavage.", "lavage.[^1]")
    expect(area).to_have_value(re.compile(r"lavage\.\[\^1\].*\[\^1\]: \[Guide", re.DOTALL))
    page.locator("[data-save]").click()

    expect(page.locator(".notes li")).to_have_count(1)
    text_of(sheet)
    assert sheet.current is not None
    citation = sheet.current.citations.get()
    assert (citation.document, citation.page) == (document, 1)
    assert "60 °C" in citation.quote


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_picture_is_put_in(live: Live, sheet: Sheet, contributor: User, scripts: bool) -> None:
    page = live(
        f"{sheet.get_absolute_url()}modifier/", user=contributor, java_script_enabled=scripts
    )
    if not scripts:
        page.locator("summary", has_text="citation").click()
    page.locator("#edit_picture").set_input_files(photo())
    if not scripts:
        page.locator("button[value=picture]").click()
    expect(page.locator("#edit_body")).to_have_value(re.compile(r"!\[mon atelier\]\(/images/"))
    page.locator("[data-save]").click()

    shown = page.locator(".prose img")
    expect(shown).to_have_attribute("width", "1600")
    shown.scroll_into_view_if_needed()
    expect(shown).to_have_js_property("naturalWidth", 1600)
    with Picture.objects.get().file.open("rb") as kept:
        content = kept.read()
    assert b"Nantes" not in content
    assert Image.open(io.BytesIO(content)).format == "WEBP"


def test_what_is_no_picture_is_refused_and_the_text_kept(
    live: Live, sheet: Sheet, contributor: User
) -> None:
    page = live(f"{sheet.get_absolute_url()}modifier/", user=contributor)
    edit(page, "lavage", "séchage")
    page.locator("#edit_picture").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": b"<script>alert(1)</script>"}
    )
    expect(page.locator("[data-state]")).to_contain_text("JPEG")
    expect(page.locator("#edit_body")).to_have_value(re.compile("séchage"))


def test_a_crash_and_a_lost_session_lose_nothing(
    live: Live, sheet: Sheet, contributor: User
) -> None:
    address = f"{sheet.get_absolute_url()}modifier/"
    page = live(address, user=contributor)
    edit(page, "lavage", "séchage")
    expect(page.locator("[data-state]")).to_contain_text(":")  # kept on the server, with the time
    page.close(run_before_unload=False)
    assert EditDraft.objects.get().typed["body"] == BODY.replace("lavage", "séchage")

    page = live(address, user=contributor)
    expect(page.locator("#edit_body")).to_have_value(re.compile("séchage"))
    page.context.clear_cookies(name="sessionid")
    edit(page, "séchage", "chauffage")
    expect(page.locator("#edit-trouble")).to_contain_text("session")
    page.locator("[data-save]").click()
    page.locator("#edit_body").wait_for()
    page.locator("[name=username]").fill("claire")
    page.locator("[name=password]").fill("mot de passe")
    page.locator("[data-save]").click()
    expect(page.locator(".prose")).to_contain_text("chauffage")
    assert not EditDraft.objects.exists()


def test_leaving_with_unsaved_text_asks(live: Live, sheet: Sheet, contributor: User) -> None:
    page = live(f"{sheet.get_absolute_url()}modifier/", user=contributor)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.locator("#edit_body").press("End")
    page.keyboard.type("x")
    with page.expect_event("dialog"):
        page.locator(".bar-brand").click(no_wait_after=True)
    assert asked == ["beforeunload"]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_two_people_in_the_same_place(
    live: Live, sheet: Sheet, contributor: User, expert: User, scripts: bool
) -> None:
    page = live(
        f"{sheet.get_absolute_url()}modifier/", user=contributor, java_script_enabled=scripts
    )
    edit(page, "au lavage", "au séchage")
    edit(page, "à vis", "à vis et à pistons")
    base = sheet.current
    text = Version(BODY.replace("au lavage", "au chauffage"), version_of(base).values)
    save_edit(sheet, expert, base=base, text=text)
    page.locator("[data-save]").click()

    place = page.locator(".clash")
    expect(place).to_have_count(1)
    expect(place.locator('[data-side="ours"]')).to_contain_text("chauffage")
    expect(place.locator('[data-side="theirs"]')).to_contain_text("séchage")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("button[value=save]").last.click()  # no choice made
    expect(page.locator(".clash[data-bad]")).to_have_count(1)
    page.locator("button[value=back]").click()  # what was typed is still there
    expect(page.locator("#edit_body")).to_have_value(re.compile("au séchage"))
    page.locator("[data-save]").click()
    place.locator("input[value=edit]").check()
    place.locator("textarea").fill("au chauffage et au séchage")
    page.locator("button[value=save]").last.click()

    expect(page.locator(".prose")).to_contain_text("au chauffage et au séchage")
    assert "à vis et à pistons" in text_of(sheet)
    assert sheet.revisions.count() == 3


def test_history_comparison_and_restoring(
    live: Live, sheet: Sheet, contributor: User, expert: User
) -> None:
    changed = BODY.replace("sert au lavage", "sert au chauffage")
    save_edit(sheet, expert, base=sheet.current, text=Version(changed, {"categorie": "Chaud"}))
    page = live(f"{sheet.get_absolute_url()}historique/", user=contributor, width=390)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".history-do button").click()
    expect(page.locator(".diff-two del")).to_have_text("lavage")
    expect(page.locator(".diff-two ins")).to_have_text("chauffage")
    expect(page.locator(".diff-values")).to_contain_text("Froid")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".tabs a").nth(1).click()
    expect(page.locator(".diff-one")).to_contain_text("sert au lavage chauffage.")
    page.locator(".tabs a").nth(2).click()
    expect(page.locator(".diff-page ins")).to_have_text("chauffage")

    page.goto(f"{sheet.get_absolute_url()}restaurer/1/")
    page.locator("form.restore button").click()
    expect(page.locator(".prose")).to_contain_text("sert au lavage")
    assert text_of(sheet) == BODY
    assert sheet.revisions.count() == 3


def test_a_reader_suggests_and_an_expert_takes_it_in(
    live: Live, sheet: Sheet, expert: User
) -> None:
    page = live(sheet.get_absolute_url(), width=390, java_script_enabled=False)
    page.locator(".toolbar a[href$='/proposer/']").click()
    page.locator("#about").select_option("resume")
    page.locator("form.inline-form button").click()
    page.locator("#edit_remark").fill("Plus précis.")
    page.locator("form.form summary").click()
    edit_body = page.locator("#edit_body")
    edit_body.fill(edit_body.input_value().replace("lavage", "lavage des cuves"))
    page.locator("form.form button").click()
    expect(page.locator(".messages")).to_be_visible()
    assert "cuves" not in text_of(sheet)

    page = live("/propositions/", user=expert)
    page.locator(".row-title").click()
    expect(page.locator(".remark")).to_have_text("Plus précis.")
    page.get_by_role("button", name="Tout accepter").click()
    expect(page.locator(".prose")).to_contain_text("lavage des cuves")


def test_the_wiki_is_exported_and_imported(
    live: Live, sheet: Sheet, administrator: User, tmp_path: Path
) -> None:
    page = live("/wiki/", user=administrator, width=390)
    page.locator("button[name=files][value='1']").click()
    expect(page.locator("#export progress")).to_be_visible()
    run_queue()
    with page.expect_download() as download:
        page.locator("#export a[download]").click()
    file = tmp_path / "wiki.zip"
    download.value.save_as(file)
    sheet.delete()
    page.locator(".crumbs a").first.click()
    page.locator("#id_archive").set_input_files(file)
    page.locator("#import-form button").click()
    expect(page.locator("#import progress")).to_be_visible()
    run_queue()
    page.locator("#import").get_by_role("link", name="air", exact=True).click()
    expect(page.locator(".prose")).to_contain_text("La chaleur sert au lavage.")
