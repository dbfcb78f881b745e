"""Each section of texts that people write is opened, edited and saved; the rest stays as it was."""

import os

import pytest
from playwright.sync_api import expect

from sheets.models import Sheet, SheetType
from sheets.revisions.save import save_revision
from tests.browser.conftest import Live
from tests.sheets.test_markdown_cases import CASES, written
from wikico2.models import User

pytestmark = pytest.mark.django_db(transaction=True)
SAMPLE = ("pasted bullets", "footnote of two paragraphs", "four backticks")
TEXTS = tuple(CASES) if os.environ.get("MARKDOWN_AGREEMENT") == "all" else SAMPLE
HEADINGS = {"debut": "## Début", "suite": "## Suite"}


def test_editing_a_section_leaves_the_rest_alone(
    live: Live, complaints: list[str], contributor: User
) -> None:
    kind = SheetType.objects.get(key="solution")
    page = live(user=contributor)
    for number, case in enumerate(TEXTS):
        sheet = Sheet.objects.create(sheet_type=kind, title=f"Cas {number}", slug=f"cas-{number}")
        body = written(case)
        save_revision(sheet, base=None, body=body, metadata={}, origin="human")
        for section, heading in HEADINGS.items():
            page.goto(sheet.get_absolute_url())
            page.locator(f"#{section} .section-tools a").first.click()
            area = page.locator("#edit_body")
            area.fill(area.input_value().replace(heading, f"{heading}\n\nMot.", 1))
            page.locator("[data-save]").click()
            expect(page.locator(f"#{section} p").first).to_have_text("Mot.")
            body = body.replace(heading, f"{heading}\n\nMot.", 1)
            sheet.refresh_from_db()
            assert sheet.current is not None
            assert sheet.current.body == body, case
    assert complaints == []
