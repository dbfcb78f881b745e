"""Experts confirm statements beside their passage; a confirmation belongs to text and passage."""

import pytest
from django.test import Client
from django.urls import reverse

from ingestion.models import Chunk, Document
from sheets.models import Citation, Confirmation, Revision, RevisionCheck, Sheet, SheetType
from sheets.revisions.save import save_revision
from tests.sheets.test_save import write
from wikico2.models import User

pytestmark = pytest.mark.django_db

PASSAGE = (
    "Un échangeur à plaques récupère la chaleur des buées. Son installation demande deux jours."
)
SAID = "La chaleur des buées est reprise par un échangeur à plaques"
OTHER = "L’échangeur se pose en deux jours de travail"


@pytest.fixture
def sheet(document: Document) -> Sheet:
    """A sheet with two statements in other words than its source."""
    Chunk.objects.create(
        document=document, position=90, text=PASSAGE, page_start=1, page_end=1, content_hash="p"
    )
    made = Sheet.objects.create(
        sheet_type=SheetType.objects.get(key="solution"), title="Buées", slug="buees"
    )
    write(made, body(document))
    made.refresh_from_db()
    return made


TABLE = """\
| Branche | Sites | Salariés | Gaz (GWh) |
| --- | ---: | ---: | ---: |
| Papier | 12 | 900 | 80 |
"""


def body(document: Document, said: str = SAID) -> str:
    note = f"[Guide, p. 1](/sources/{document.pk}/pages/1/)"
    return (
        f"## ⚙️ Fonctionnement\n\n### Description du principe\n\n- {said}[^1]\n- {OTHER}[^2]\n\n"
        f"[^1]: {note} « Un échangeur à plaques récupère la chaleur des buées. »\n"
        f"[^2]: {note} « Son installation demande deux jours. »\n"
    )


def levels(sheet: Sheet) -> dict[str, str]:
    sheet.refresh_from_db()
    return {c.marker: c.level for c in Citation.objects.filter(revision=sheet.current)}


def answer(client: Client, sheet: Sheet, **values: str) -> str:
    """Answer the first statement of the desk; return the messages of the page that follows."""
    sheet.refresh_from_db()
    check = RevisionCheck.objects.get(revision=sheet.current)
    index = next(i for i, one in enumerate(check.statements) if one["text"] == SAID)
    data = {"revision": str(sheet.current_id), "index": str(index), "at": "0", **values}
    response = client.post(reverse("confirm_sheet", args=[sheet.slug]), data, follow=True)
    return response.content.decode()


def test_a_confirmed_statement_is_verified_until_its_text_changes(
    client: Client, expert: User, sheet: Sheet, document: Document
) -> None:
    assert levels(sheet) == {"1": "fragile", "2": "fragile"}
    client.force_login(expert)
    assert SAID in client.get(reverse("confirm_sheet", args=[sheet.slug])).content.decode()

    page = answer(client, sheet, answer="confirm")

    assert OTHER in page
    assert levels(sheet) == {"1": "confirmed", "2": "fragile"}
    assert sheet.confidence == 50
    confirmed = Citation.objects.get(revision=sheet.current, marker="1")
    assert str(expert) in confirmed.reason_sentences[0]

    write(sheet, body(document, f"{SAID} chauds"))
    assert levels(sheet) == {"1": "fragile", "2": "fragile"}
    write(sheet, body(document))
    assert levels(sheet) == {"1": "confirmed", "2": "fragile"}, "the same text and passage again"


def test_a_confirmation_lapses_with_its_passage(
    client: Client, expert: User, sheet: Sheet, document: Document
) -> None:
    client.force_login(expert)
    answer(client, sheet, answer="confirm")
    Chunk.objects.filter(content_hash="p").update(text=f"{PASSAGE} Il faut un arrêt du four.")

    write(sheet, f"{body(document)}\n")

    assert levels(sheet)["1"] == "fragile"


def test_a_rejection_needs_a_reason_and_stays_fragile(
    client: Client, expert: User, sheet: Sheet
) -> None:
    client.force_login(expert)
    answer(client, sheet, answer="reject")
    assert not Confirmation.objects.exists()

    answer(client, sheet, answer="reject", reason="la page parle d’eau")

    cited = Citation.objects.get(revision=sheet.current, marker="1")
    assert cited.level == "fragile"
    assert "la page parle d’eau" in cited.reason_sentences[0]
    assert SAID not in client.get(reverse("confirm_sheet", args=[sheet.slug])).content.decode()


def test_an_answer_on_another_version_is_not_taken(
    client: Client, expert: User, sheet: Sheet, document: Document
) -> None:
    client.force_login(expert)
    assert sheet.current
    old = sheet.current.pk
    save_revision(
        sheet,
        base=Revision.objects.get(pk=old),
        body=f"{body(document)}\n",
        metadata={},
        origin=Revision.Origin.HUMAN,
    )
    answer(client, sheet, answer="confirm", revision=str(old))
    assert not Confirmation.objects.exists()


def test_a_reason_that_was_not_stored_comes_back(
    client: Client, expert: User, sheet: Sheet
) -> None:
    client.force_login(expert)
    page = client.get(reverse("confirm_sheet", args=[sheet.slug])).content.decode()
    assert f'name="sheet" value="{sheet.pk}"' in page
    typed = {"answer": "reject", "reason": "la page parle d’eau", "index": "0", "revision": "1"}
    late = client.post(reverse("confirm_sheet", args=[sheet.slug]), typed)
    moved = client.post("/relire/ancienne/", typed | {"sheet": str(sheet.pk)})
    client.logout()
    unknown = client.post(reverse("confirm_sheet", args=[sheet.slug]), typed)

    for response, status in ((late, 409), (moved, 409), (unknown, 401)):
        assert response.status_code == status
        assert "la page parle d’eau</textarea>" in response.content.decode()
    assert not Confirmation.objects.exists()


def test_only_experts_confirm(client: Client, contributor: User, sheet: Sheet) -> None:
    address = reverse("confirm_sheet", args=[sheet.slug])
    assert client.get(address).status_code == 302
    client.force_login(contributor)
    assert client.get(address).status_code == 403
    assert client.post(address, {"answer": "confirm"}).status_code == 403


def test_the_lists_name_the_sheet_and_its_statements(
    client: Client, expert: User, sheet: Sheet
) -> None:
    client.force_login(expert)
    assert sheet.title in client.get(reverse("confirm")).content.decode()
    listed = client.get(reverse("statements", args=[sheet.slug]), {"niveau": "fragile"})
    assert SAID in listed.content.decode()
    assert client.get(reverse("levels")).status_code == 200


@pytest.mark.parametrize("name", ["statements", "confirm_sheet"])
def test_a_quote_of_a_row_is_shown_under_the_headings_of_its_table(
    client: Client, expert: User, sheet: Sheet, document: Document, name: str
) -> None:
    Chunk.objects.create(
        document=document, position=91, text=TABLE, page_start=1, page_end=1, content_hash="t"
    )
    note = f"[Guide, p. 1](/sources/{document.pk}/pages/1/) « Papier 12 900 80 »"
    said = "L’industrie papetière compte douze usines et neuf cents ouvriers"
    text = f"## ⚙️ Fonctionnement\n\n### Description du principe\n\n- {said}[^1]\n\n[^1]: {note}\n"
    write(sheet, text)
    client.force_login(expert)

    page = client.get(reverse(name, args=[sheet.slug])).content.decode()

    assert '<th scope="col">Salariés</th>' in page
    assert '<td>Papier</td><td align="right">12</td>' in page
    assert "Papier 12 900 80" not in page


@pytest.mark.parametrize("name", ["statements", "confirm_sheet"])
def test_a_quote_of_prose_is_no_table(
    client: Client, expert: User, sheet: Sheet, name: str
) -> None:
    client.force_login(expert)
    assert "quoted-table" not in client.get(reverse(name, args=[sheet.slug])).content.decode()
