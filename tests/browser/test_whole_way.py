"""The whole way, as a contributor goes it: a PDF, a sheet, a footnote, the page it comes from."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ingestion.models import Document
from sheets.models import Sheet
from tests.conftest import AIR, LIGHT, STEAM, make_pdf
from tests.worker import Worker
from wikico2.models import User

pytestmark = pytest.mark.django_db(transaction=True)


def test_from_a_pdf_to_the_highlighted_page(
    page: Page,
    log_in: Callable[[User], None],
    contributor: User,
    worker: Callable[..., Worker],
    complaints: list[str],
    tmp_path: Path,
) -> None:
    worker().wait_until_ready()
    report = tmp_path / "rapport.pdf"
    report.write_bytes(make_pdf(LIGHT, STEAM, AIR, title="Guide de l'énergie"))
    log_in(contributor)

    page.goto("/sources/ajouter/")
    page.set_input_files("[name=uploads]", [report])
    expect(page.locator(".uploads .ready")).to_be_visible(timeout=60_000)

    page.goto("/fiches/nouvelle/")
    page.get_by_label("Solution").check()
    page.locator("[name=title]").fill("Récupération de chaleur")
    page.locator("[name=documents]").first.check()
    page.get_by_role("button", name="Rédiger la fiche").click()
    # What is written can be read before: the page comes anew with each section until the last.
    expect(page.locator(".byline")).to_be_visible(timeout=60_000)
    expect(page.locator("#progress")).to_have_count(0, timeout=60_000)
    marker = page.locator(".sheet-section .cite a").first
    expect(marker).to_be_visible()

    sheet, source = Sheet.objects.get(), Document.objects.get()
    assert sheet.current is not None
    for citation in sheet.current.citations.all():
        assert citation.level == "verbatim"
        assert citation.document == source
    address = marker.get_attribute("href")
    assert address
    assert address.startswith(source.get_absolute_url())
    page.goto(address)
    expect(page.locator(".marks rect").first).to_be_visible(timeout=30_000)
    expect(page.locator(".page-text mark").first).to_be_visible()
    assert complaints == []
