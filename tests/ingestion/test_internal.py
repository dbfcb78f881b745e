"""What readers without an account learn of internal sources: what sheets quote, nothing else."""

import pytest
from django.test import Client

from ingestion.models import Document
from sheets.models import Sheet, SheetType
from sheets.revisions.save import save_revision
from sheets.sources.visibility import sources_visible_to
from tests.conftest import AIR
from wikico2.models import User

SECRETS = ("Projet Zéphyr", "zephyr-confidentiel", "par claire")
PATHS = (
    "/",
    "/sources/",
    "/sources/?q=zephyr",
    "/sources/?access=internal",
    "/taches/",
    "/fiches/",
    "/recherche/?q=chaleur",
    "/recherche/?q=chaleur&type=sources",
)


@pytest.fixture
def secret(document: Document) -> Document:
    """An internal source on which a sheet draws."""
    Document.objects.filter(pk=document.pk).update(
        title="Projet Zéphyr", filename="zephyr-confidentiel.pdf", access="internal"
    )
    document.refresh_from_db()
    return document


@pytest.fixture
def sheet(secret: Document, expert: User) -> Sheet:
    """A published sheet that draws on it, and quotes it where the test says so."""
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(
        sheet_type=kind, title="Chaleur fatale", slug="chaleur", state="published"
    )
    sheet.documents.add(secret)
    reason = {"code": "document_added", "document": str(secret.pk), "title": secret.title}
    Sheet.objects.filter(pk=sheet.pk).update(stale_reasons=[reason])
    written(sheet, "La chaleur se récupère.", expert)
    return sheet


def written(sheet: Sheet, text: str, author: User) -> None:
    save_revision(
        sheet,
        base=sheet.current,
        body=f"## Résumé (10 secondes)\n\n{text}",
        metadata={},
        origin="human",
        author=author,
    )
    sheet.refresh_from_db()


def leaks(client: Client, *paths: str) -> list[tuple[str, str]]:
    found = []
    for path in paths:
        html = client.get(path, follow=True).content.decode()
        found += [(path, secret) for secret in SECRETS if secret in html]
    return found


def own(secret: Document) -> list[str]:
    base = f"/sources/{secret.pk}/"
    parts = ("", "progression/", "fichier/", "pages/1/", "pages/1/image/", "pages/99/")
    return [base + part for part in parts]


@pytest.mark.parametrize("state", ["ready", "failed", "extracting"])
def test_nothing_of_what_no_sheet_quotes(
    client: Client, secret: Document, sheet: Sheet, state: str
) -> None:
    Document.objects.filter(pk=secret.pk).update(
        state=state,
        failed_step="extracting",
        error_code="too_large",
        error_details={"size": "zephyr-confidentiel", "limit": 1},
    )
    paths = (*PATHS, *own(secret), f"/fiches/{sheet.slug}/", f"/fiches/{sheet.slug}/?auteurs=1")
    assert leaks(client, *paths) == []
    assert secret not in sources_visible_to(client.get("/").wsgi_request.user)


def test_of_what_a_sheet_quotes_its_title_alone(
    client: Client, secret: Document, sheet: Sheet, expert: User
) -> None:
    note = f"[^1]: [Projet Zéphyr, p. 1](/sources/{secret.pk}/pages/1/) « {AIR[1]} »"
    written(sheet, f"- {AIR[1]}[^1]\n\n{note}", expert)
    if not secret.citations.current().exists():
        pytest.fail("the sheet does not quote the source")
    found = leaks(client, *own(secret), f"/fiches/{sheet.slug}/", "/sources/", "/taches/")
    assert {title for _path, title in found} == {"Projet Zéphyr"}
    assert ("/sources/", "Projet Zéphyr") not in found
    assert ("/taches/", "Projet Zéphyr") not in found


def test_what_another_sheet_quotes_is_not_named_on_this_one(
    client: Client, secret: Document, sheet: Sheet, expert: User
) -> None:
    kind = SheetType.objects.get(key="solution")
    other = Sheet.objects.create(sheet_type=kind, title="Autre", slug="autre", state="published")
    note = f"[^1]: [Projet Zéphyr, p. 1](/sources/{secret.pk}/pages/1/) « {AIR[1]} »"
    written(other, f"- {AIR[1]}[^1]\n\n{note}", expert)
    assert leaks(client, f"/fiches/{other.slug}/") == [(f"/fiches/{other.slug}/", SECRETS[0])]
    assert leaks(client, f"/fiches/{sheet.slug}/") == []
    written(other, "La chaleur se perd.", expert)
    assert leaks(client, f"/fiches/{other.slug}/", f"/fiches/{sheet.slug}/") == []


def test_who_has_an_account_sees_all(client: Client, secret: Document, contributor: User) -> None:
    client.force_login(contributor)
    html = client.get(f"/sources/{secret.pk}/").content.decode()
    assert all(secret in html for secret in SECRETS)
    assert "Projet Zéphyr" in client.get("/sources/").content.decode()
