"""A new sheet is made from another one."""

import pytest
from django.test import Client
from django.urls import reverse

from sheets.merge import Version
from sheets.models import Sheet, SheetType
from sheets.revisions.edit import save_edit
from wikico2.models import User

pytestmark = pytest.mark.django_db
BODY = (
    "## 🎯 Résumé {#resume}\n\nLa chaleur sert.[^1]\n\n### Énergie\n\n```\n## code\n```\n\n"
    "[^1]: note\n"
)


@pytest.fixture
def sheet(expert: User) -> Sheet:
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Air comprimé", slug="air")
    save_edit(sheet, expert, base=None, text=Version(BODY, {"categorie": "Froid"}))
    sheet.refresh_from_db()
    return sheet


@pytest.mark.parametrize(
    ("take", "body", "header"),
    [
        ("plan", "## 🎯 Résumé {#resume}\n\n### Énergie\n", {}),
        ("text", BODY, {"categorie": "Froid"}),
    ],
)
def test_plan_or_text_is_taken_over(
    client: Client, sheet: Sheet, contributor: User, take: str, body: str, header: dict[str, str]
) -> None:
    client.force_login(contributor)
    address = reverse("sheet_copy", args=["air"])
    assert client.get(address).status_code == 200
    answer = client.post(address, {"title": "Froid industriel", "take": take})
    copy = Sheet.objects.get(title="Froid industriel")
    assert answer["Location"] == reverse("sheet_edit", args=[copy.slug])
    assert copy.current
    assert (copy.current.body.strip(), copy.current.metadata) == (body.strip(), header)
    assert (copy.state, copy.validated_revision, copy.created_by) == (
        Sheet.State.DRAFT, None, contributor,
    )  # fmt: skip
    sheet.refresh_from_db()
    assert sheet.current is not None
    assert sheet.current.body == BODY


def test_a_title_that_is_taken_is_told(client: Client, sheet: Sheet, contributor: User) -> None:
    client.force_login(contributor)
    answer = client.post(reverse("sheet_copy", args=["air"]), {"title": "air COMPRIME"})
    assert answer.status_code == 422
    assert Sheet.objects.count() == 1
