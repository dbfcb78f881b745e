"""Revisions are only appended, from the latest one, and never over a person's words."""

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from ingestion.models import Document
from sheets.merge import Version
from sheets.models import Citation, Generation, Revision, RevisionCheck, Sheet, SheetType
from sheets.queueing import SHEET_RECHECK
from sheets.revisions.errors import LossyText, PersonalText, StaleBase
from sheets.revisions.save import find_losses, outdated_checks, save_revision
from tests.conftest import run_queue
from tests.sheets.factories import TEMPLATE
from wikico2.jobs.queue import start_job
from wikico2.models import User

HUMAN, GENERATED = Revision.Origin.HUMAN, Revision.Origin.GENERATED


@pytest.fixture
def sheet(db: None) -> Sheet:
    return Sheet.objects.create(
        sheet_type=SheetType.objects.get(key="solution"), title="Air", slug="air"
    )


@pytest.fixture
def generation(sheet: Sheet) -> Generation:
    return Generation.objects.create(sheet=sheet, backend="local", model="extraction")


def write(sheet: Sheet, body: str, origin: str = HUMAN, **values: object) -> Revision:
    base = Sheet.objects.get(pk=sheet.pk).current
    given: dict[str, Any] = {"base": base, "body": body, "metadata": {}, "origin": origin}
    return save_revision(sheet, **(given | values))


def test_revisions_are_numbered_and_linked(sheet: Sheet) -> None:
    first, second = write(sheet, "un"), write(sheet, "deux")

    assert (first.number, second.number) == (1, 2)
    assert second.parent == first
    assert sheet.current == second


def test_a_stale_save_writes_nothing(sheet: Sheet) -> None:
    first = write(sheet, "un")
    second = write(sheet, "deux")

    with pytest.raises(StaleBase) as caught:
        write(sheet, "trois", base=first)

    assert caught.value.current == second
    assert sheet.revisions.count() == 2


def test_a_generated_text_never_follows_a_persons(sheet: Sheet, generation: Generation) -> None:
    write(sheet, "à la main")

    with pytest.raises(PersonalText):
        write(sheet, "par la machine", GENERATED, generation=generation)


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (10, 6, None),
        (10, 5, None),  # half may go
        (10, 4, "shrunk"),
        (9, 5, None),
        (9, 4, "shrunk"),
        (10, 1, "shrunk"),
        (10, 0, "empty"),
        (1, 0, "empty"),
        (1, 1, None),
        (4, 40, None),
    ],
)
def test_more_than_half_of_a_section_is_a_loss(before: int, after: int, code: str | None) -> None:
    def version(count: int) -> Version:
        return Version(f"## 🎯 Résumé (10 secondes)\n\n{'mot ' * count}\n", {"categorie": "Air"})

    found = find_losses(version(before), version(after), TEMPLATE)
    expected = {"code": code, "section": "resume", "before": before, "after": after}
    assert found == ([expected] if code else [])


def test_a_generated_text_that_loses_more_than_half_is_refused(
    sheet: Sheet, generation: Generation
) -> None:
    def body(count: int) -> str:
        return f"## 🎯 Résumé (10 secondes)\n\n{'mot ' * count}\n"

    write(sheet, body(20), GENERATED, generation=generation)
    write(sheet, body(10), GENERATED, generation=generation)
    later = Generation.objects.create(sheet=sheet, backend="local")
    with pytest.raises(LossyText) as caught:
        write(sheet, body(4), GENERATED, generation=later)
    assert caught.value.notices == [
        {"code": "shrunk", "section": "resume", "before": 10, "after": 4}
    ]
    assert sheet.revisions.count() == 2


def test_the_database_refuses_what_the_code_did_not(sheet: Sheet, generation: Generation) -> None:
    first = write(sheet, "à la main")
    values: dict[str, Any] = {"sheet": sheet, "body": "x", "generation": generation}
    refused: list[dict[str, Any]] = [
        {"number": 2, "parent": first, "origin": GENERATED},  # over a person's words
        {"number": 3, "parent": first, "origin": HUMAN},  # a number is left out
        {"number": 2, "parent": None, "origin": HUMAN},  # grows from nothing
        {"number": 1, "parent": None, "origin": HUMAN},  # a number twice
    ]
    for given in refused:
        with pytest.raises(DatabaseError), transaction.atomic():
            Revision.objects.create(**values, **given)
    assert sheet.revisions.count() == 1


def test_a_revision_is_neither_changed_nor_deleted(sheet: Sheet) -> None:
    first = write(sheet, "un")

    for statement in (
        "UPDATE sheets_revision SET body = 'autre' WHERE id = %s",
        "UPDATE sheets_revision SET metadata = '{\"a\": 1}' WHERE id = %s",
        "DELETE FROM sheets_revision WHERE id = %s",
    ):
        with (
            pytest.raises(IntegrityError),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, [first.pk] * statement.count("%s"))
    first.refresh_from_db()
    assert first.body == "un"


def test_the_current_revision_belongs_to_its_sheet(sheet: Sheet) -> None:
    other = Sheet.objects.create(sheet_type=sheet.sheet_type, title="Autre", slug="autre")
    revision = write(sheet, "un")

    with pytest.raises(IntegrityError), transaction.atomic():  # noqa: PT012 (deferred)
        Sheet.objects.filter(pk=other.pk).update(current=revision)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_an_account_may_go_and_its_text_stays(sheet: Sheet, contributor: User) -> None:
    revision = write(sheet, "un", author=contributor)
    contributor.delete()

    revision.refresh_from_db()
    assert revision.author is None
    assert revision.body == "un"


def test_a_sheet_is_deleted_with_its_history(sheet: Sheet) -> None:
    write(sheet, "un")
    write(sheet, "deux")

    Sheet.objects.filter(pk=sheet.pk).delete()

    assert not Revision.objects.exists()


def test_citations_are_checked_against_the_page(sheet: Sheet, document: Document) -> None:
    def note(marker: str, quote: str, number: int = document.pk) -> str:
        return f"[^{marker}]: [Guide, p. 1](/sources/{number}/pages/1/) « {quote} »"

    quote = "Un compresseur d'air transforme plus de 90 % de l'électricité en chaleur."
    revision = write(
        sheet,
        "## Impacts attendus\n\n### Énergie\n\n"
        "- Un compresseur d'air transforme plus de 90 % de l'électricité en chaleur[^1]\n"
        "- Un compresseur d'air transforme plus de 95 % de l'électricité en chaleur[^2]\n"
        "- Une phrase[^3]\n- Une phrase[^4]\n\n"
        + "\n".join(
            [
                note("1", quote),
                note("2", "Un compresseur d'air"),
                note("3", "inventé"),
                note("4", "x", 999),
            ]
        ),
    )
    found = {c.marker: (c.level, [r[0] for r in c.reasons]) for c in revision.citations.all()}

    assert found == {
        "1": ("verbatim", []),
        "2": ("not_found", ["number_not_found"]),
        "3": ("not_found", ["quote_not_found"]),
        "4": ("not_found", ["source_missing"]),
    }
    cited = revision.citations.get(marker="1")
    assert cited.document == document
    assert cited.chunk is not None
    assert "90 %" in cited.chunk.text
    sheet.refresh_from_db()
    assert sheet.confidence == 25
    assert (
        f'href="/sources/{document.pk}/pages/1/?citation={cited.pk}"' in revision.rendered["body"]
    )


def test_current_revisions_of_an_older_check_are_checked_again(
    sheet: Sheet, document: Document
) -> None:
    quote = "Un compresseur d'air transforme plus de 90 % de l'électricité en chaleur."
    body = (
        f"## Impacts attendus\n\n### Énergie\n\n- {quote}[^1]\n\n"
        f"[^1]: [Guide, p. 1](/sources/{document.pk}/pages/1/) « {quote} »"
    )
    old = write(sheet, body)
    current = write(sheet, f"{body}\n")
    Citation.objects.update(level="")
    RevisionCheck.objects.all().delete()

    start_job(SHEET_RECHECK)
    run_queue()

    assert current.citations.get().level == "verbatim"
    assert RevisionCheck.objects.get(revision=current).levels == {"verbatim": 1}
    assert old.citations.get().level == "", "an older version shows no level"
    assert not outdated_checks().exists()
