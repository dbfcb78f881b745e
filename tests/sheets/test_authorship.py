"""Who is named as the author of a sheet: what wrote it, who modified it, who validated it."""

import pytest
from django.test import Client

from sheets.actions.states import validate_sheet
from sheets.merge import Version
from sheets.models import Generation, Proposal, Sheet, SheetType
from sheets.models.schema_loader import load_template
from sheets.proposals.review import ProposalBase, accept_proposal, create_proposal
from sheets.revisions.authorship import authorship_line, authorship_of, revision_author
from sheets.revisions.edit import restore_revision, save_edit
from sheets.revisions.save import save_revision
from wikico2.models import User

pytestmark = pytest.mark.django_db

BODY = "## 🎯 Résumé (10 secondes)\n\nLa chaleur est récupérée.\n\n## 🧭 Contexte\n\nUn atelier.\n"


@pytest.fixture
def sheet(expert: User) -> Sheet:
    kind = SheetType.objects.get(key="solution")
    made = Sheet.objects.create(sheet_type=kind, title="Chaleur", slug="chaleur")
    run = Generation.objects.create(
        sheet=made, backend="openai", model="mistral-small", prompt_version="3", state="done"
    )
    save_revision(made, base=None, body=BODY, metadata={}, origin="generated", generation=run)
    return made


def line(sheet: Sheet) -> str:
    sheet.refresh_from_db()
    assert sheet.current is not None
    return authorship_line(authorship_of(sheet, sheet.current), sheet)


def edit(sheet: Sheet, user: User, old: str, new: str) -> None:
    sheet.refresh_from_db()
    assert sheet.current is not None
    body = sheet.current.body.replace(old, new)
    save_edit(sheet, user, base=sheet.current, text=Version(body))


MACHINE = "Rédigée automatiquement (mistral-small, prompt 3)"


def test_one_changed_word_makes_nobody_the_author(sheet: Sheet, contributor: User) -> None:
    edit(sheet, contributor, "atelier", "hangar")
    assert line(sheet) == f"{MACHINE} · modifiée par claire"


def test_accepting_a_generated_text_makes_the_expert_no_author(
    sheet: Sheet, contributor: User, expert: User
) -> None:
    edit(sheet, contributor, "atelier", "hangar")
    run = Generation.objects.create(
        sheet=sheet, backend="openai", model="mistral-large", prompt_version="4", state="done"
    )
    proposal = create_proposal(
        sheet,
        start=ProposalBase(sheet.revisions.get(number=1), None),
        text=Version(BODY.replace("récupérée", "récupérée à 90 %")),
        template=load_template(sheet.sheet_type),
        generation=run,
    )
    made = accept_proposal(proposal, expert, onto=2, choices={})
    assert made.author == expert
    assert line(sheet) == (
        "Rédigée automatiquement (mistral-large, prompt 4) · modifiée par claire"
    )
    assert revision_author(made).endswith("prompt 4) · acceptée par emile")


def test_an_accepted_suggestion_is_its_authors(
    sheet: Sheet, contributor: User, expert: User
) -> None:
    assert sheet.current is not None
    proposal = create_proposal(
        sheet,
        start=ProposalBase(sheet.current, None),
        text=Version(BODY.replace("atelier", "hangar")),
        template=load_template(sheet.sheet_type),
        author=contributor,
    )
    made = accept_proposal(proposal, expert, onto=1, choices={})
    assert line(sheet) == f"{MACHINE} · modifiée par claire"
    assert revision_author(made) == "Proposé par claire · acceptée par emile"
    assert Proposal.objects.get().accepted_as == made


def test_restoring_a_version_makes_nobody_an_author(
    sheet: Sheet, contributor: User, expert: User
) -> None:
    edit(sheet, contributor, "atelier", "hangar")
    restored = restore_revision(sheet, expert, sheet.revisions.get(number=1), onto=2, comment="")
    assert "emile" not in line(sheet)
    assert revision_author(restored) == "Rétablie par emile"


def test_who_validated_it_stands_beside(sheet: Sheet, contributor: User, expert: User) -> None:
    validate_sheet(sheet, expert, version=1)
    assert line(sheet) == f"{MACHINE} · validée par emile"
    edit(sheet, contributor, "atelier", "hangar")
    assert line(sheet).endswith("modifiée par claire · une version antérieure validée par emile")


def test_a_text_of_people_names_who_began_it_once(contributor: User, expert: User) -> None:
    kind = SheetType.objects.get(key="solution")
    made = Sheet.objects.create(sheet_type=kind, title="Froid", slug="froid")
    save_edit(made, contributor, base=None, text=Version(BODY))
    edit(made, expert, "atelier", "hangar")
    edit(made, contributor, "hangar", "entrepôt")
    assert line(made) == "Rédigée par claire · modifiée par emile"


def test_many_are_counted(sheet: Sheet) -> None:
    for number in range(8):
        user = User.objects.create_user(f"p{number}")
        edit(sheet, user, "Un", f"Un{number} Un")
    assert "modifiée par p7, p6, p5, p4, p3 et 3 autres" in line(sheet)


def test_the_page_and_the_history_say_so(
    client: Client, sheet: Sheet, contributor: User, expert: User
) -> None:
    edit(sheet, contributor, "atelier", "hangar")
    assert f"{MACHINE} · modifiée par claire" in client.get("/fiches/chaleur/").content.decode()
    history = client.get("/fiches/chaleur/historique/").content.decode()
    assert "Modifiée par claire" in history
