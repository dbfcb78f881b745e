"""Confirming statements with the keyboard alone, in a browser."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from playwright.sync_api import expect

from sheets.models import Confirmation, Revision, Sheet, SheetType
from sheets.revisions.save import save_revision
from tests.browser.conftest import Live
from tests.sources import read_source
from wikico2.accounts.roles import EXPERT, ensure_roles
from wikico2.models import User

STATEMENTS = 30
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sheet(transactional_db: None) -> Sheet:
    """A sheet with thirty statements in other words than its source."""
    said = [f"Le four numéro {n} demande une pose de filtre" for n in range(1, STATEMENTS + 1)]
    there = [f"Un filtre se pose sur le four numéro {n}." for n in range(1, STATEMENTS + 1)]
    source = read_source("Guide des fours", " ".join(there), media_type="text/plain")
    kind, _made = SheetType.objects.get_or_create(
        key="solution", defaults={"name_fr": "Solution", "plural_fr": "Solutions"}
    )
    made = Sheet.objects.create(sheet_type=kind, title="Fours", slug="fours")
    notes = "\n".join(
        f"[^{n}]: [Guide, p. 1](/sources/{source.pk}/pages/1/) « {quote} »"
        for n, quote in enumerate(there, 1)
    )
    items = "\n".join(f"- {text}[^{n}]" for n, text in enumerate(said, 1))
    save_revision(
        made,
        base=None,
        body=f"## Fonctionnement\n\n{items}\n\n{notes}\n",
        metadata={},
        origin=Revision.Origin.HUMAN,
    )
    return made


@pytest.fixture(autouse=True)
def _no_complaints(complaints: list[str]) -> Iterator[None]:
    yield
    assert complaints == []


def test_thirty_statements_are_judged_with_the_keyboard_alone(live: Live, sheet: Sheet) -> None:
    ensure_roles()
    expert = User.objects.create_user("emile", "emile@example.org", "mot de passe")
    expert.groups.add(Group.objects.get(name=EXPERT))
    page = live(reverse("confirm_sheet", args=[sheet.slug]), user=expert)
    for left in range(STATEMENTS, 1, -1):
        expect(page.locator("p[role=status]")).to_contain_text(f"restent {left}")
        page.keyboard.press("c")
    expect(page.locator("p[role=status]")).to_contain_text("reste 1")
    page.keyboard.press("r")
    page.keyboard.type("la page parle d’un autre four")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_contain_text(sheet.title)
    expect(page.locator("#confirm-form")).to_have_count(0)
    assert Confirmation.objects.filter(accepted=True).count() == STATEMENTS - 1
    assert Confirmation.objects.get(accepted=False).reason == "la page parle d’un autre four"
