"""The first minutes: the home page shows how a statement leads to its page, and help is there."""

from typing import Any

import pytest
from django.test import Client

from ingestion.models import Chunk, Document
from sheets.generation.request import create_sheet
from sheets.merge import Version
from sheets.models import Generation, Revision, Sheet, SheetType
from sheets.rendering.citation_example import citation_example
from sheets.revisions.edit import save_edit
from sheets.revisions.save import save_revision
from tests.sources import read_source
from wikico2.models import User

QUOTE = "La chaleur récupérée sur les compresseurs couvre 70 % des besoins du site."
ROW = "| Laiterie | 12 | 70 |"
pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> Document:
    return read_source("Guide de l’air comprimé", QUOTE, 14, media_type="application/pdf")


@pytest.fixture
def sheet(source: Document) -> Sheet:
    sheet = create_sheet(SheetType.objects.get(key="solution"), "Récupération de chaleur", None)
    sheet.documents.add(source)
    note = f"[^1]: [{source.title}, p. 14](/sources/{source.pk}/pages/14/) « {QUOTE} »\n"
    save_revision(
        sheet,
        base=None,
        body=f"## Contexte & périmètre\n\n### Objectif principal\n\n{QUOTE}[^1]\n\n{note}",
        metadata={},
        origin=Revision.Origin.GENERATED,
        generation=Generation.objects.create(sheet=sheet, backend="local", state="done"),
    )
    return sheet


def test_home_leads_from_a_statement_to_its_page(
    client: Client, sheet: Sheet, source: Document
) -> None:
    html = client.get("/").content.decode()
    assert "D’un énoncé à sa page" in html
    assert f'href="{sheet.get_absolute_url()}#s-' in html
    assert f'href="/sources/{source.pk}/pages/14/?citation=' in html
    assert "mot pour mot" in html


def test_the_public_is_shown_an_example_of_the_text_that_it_reads(
    client: Client, sheet: Sheet, contributor: User, settings: Any
) -> None:
    settings.SHOW_UNVALIDATED = False
    Sheet.objects.update(validated_revision=sheet.current)
    save_edit(sheet, contributor, base=sheet.current, text=Version("## Contexte\n\nAutre.\n"))
    assert "D’un énoncé à sa page" in client.get("/").content.decode()
    client.force_login(contributor)
    assert "D’un énoncé à sa page" not in client.get("/").content.decode()


def test_an_internal_source_is_no_example(sheet: Sheet) -> None:
    assert citation_example([sheet.current_id])
    Document.objects.update(access=Document.Access.INTERNAL)
    assert citation_example([sheet.current_id]) is None


def test_a_source_without_pages_has_no_picture(sheet: Sheet) -> None:
    example = citation_example([sheet.current_id])
    assert example
    assert "/pages/14/image/" in example.picture_url
    Document.objects.update(media_type="text/markdown")
    example = citation_example([sheet.current_id])
    assert example
    assert example.picture_url == ""


def test_a_statement_from_a_table_is_no_example(sheet: Sheet) -> None:
    Chunk.objects.update(kind=Chunk.Kind.TABLE)
    assert citation_example([sheet.current_id]) is None
    assert citation_example([None]) is None


def test_the_example_costs_one_query(sheet: Sheet, django_assert_max_num_queries: object) -> None:
    with django_assert_max_num_queries(1):  # type: ignore[operator]
        assert citation_example([sheet.current_id])


def test_the_first_steps_stay_until_a_sheet_rests_on_a_report_of_ones_own(
    client: Client, sheet: Sheet, source: Document, contributor: User
) -> None:
    steps = "Une première fiche en trois étapes"
    assert steps not in client.get("/").content.decode(), "a reader cannot take them"
    client.force_login(contributor)
    assert steps in client.get("/").content.decode()
    Document.objects.update(uploaded_by=contributor)
    assert steps not in client.get("/").content.decode()


@pytest.mark.parametrize(
    ("language", "said"), [("fr", "Qui peut faire quoi"), ("en", "Who may do what")]
)
def test_help_is_linked_and_in_both_languages(client: Client, language: str, said: str) -> None:
    client.cookies["django_language"] = language
    assert 'href="/aide/"' in client.get("/").content.decode()
    html = client.get("/aide/").content.decode()
    assert said in html
    for part in ("search", "levels", "edit", "sources", "roles"):
        assert f'id="{part}"' in html
        assert f'href="#{part}"' in html
