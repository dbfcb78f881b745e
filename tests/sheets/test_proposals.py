"""What a machine writes never takes the place of a person's words: it is proposed and merged."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from ingestion.models import Document
from sheets.generation.request import cancel_generation, request_generation
from sheets.markdown.parse import MARKER, split_notes
from sheets.merge import BOTH, MINE, THEIRS, ConflictChoice, UnresolvedConflicts
from sheets.models import Generation, Proposal, Revision, SectionRun, Sheet, SheetType
from sheets.models.schema_loader import load_template
from sheets.proposals.review import (
    ProposalClosed,
    accept_proposal,
    lock_section,
    reject_proposal,
    reject_section,
    save_choices,
    save_or_propose,
)
from sheets.revisions.errors import LossyText, StaleBase
from sheets.revisions.save import save_revision
from tests.conftest import run_queue
from wikico2.errors import UserError
from wikico2.models import User

pytestmark = pytest.mark.django_db

RESUME = "Un compresseur d'air chauffe beaucoup, et cette chaleur peut servir dans les ateliers."
IMPACTS = "L'économie atteint la moitié du gaz que la chaudière brûlait pour les mêmes ateliers."
RISKS = "Le bruit gêne les voisins quand la gaine débouche sur la rue sans silencieux."


def text(resume: str = RESUME, impacts: str = IMPACTS, risks: str = RISKS) -> str:
    return (
        f"## 🎯 Résumé (10 secondes)\n\n{resume}\n\n"
        f"## 📊 Impacts attendus\n\n### Énergie\n\n{impacts}\n\n"
        f"## ⚠️ Risques / freins & solutions\n\n{risks}\n"
    )


@pytest.fixture
def sheet(db: None) -> Sheet:
    return Sheet.objects.create(
        sheet_type=SheetType.objects.get(key="solution"), title="Air", slug="air"
    )


Write = Callable[..., Revision | Proposal]


@pytest.fixture
def machine(sheet: Sheet) -> Write:
    """Let the machine write: `machine(text(…), sections=["resume"], header={…})`."""

    def write(
        body: str, *, sections: list[str] | None = None, header: dict[str, str] | None = None
    ) -> Revision | Proposal:
        template = load_template(sheet.sheet_type)
        run = Generation.objects.create(sheet=sheet, backend="local", state=Generation.State.DONE)
        keys = sections or [s.key for s in template.written]
        SectionRun.objects.bulk_create(
            SectionRun(generation=run, key=key, order=n) for n, key in enumerate(keys)
        )
        return save_or_propose(run, template, body, header or {})

    return write


def person(sheet: Sheet, body: str, user: User, **values: Any) -> Revision:
    sheet.refresh_from_db()
    given: dict[str, Any] = {"metadata": {}, "origin": Revision.Origin.HUMAN, "author": user}
    return save_revision(sheet, base=sheet.current, body=body, **(given | values))


def proposed(written: Revision | Proposal) -> Proposal:
    assert isinstance(written, Proposal)
    return written


def conflicts(proposal: Proposal) -> list[str]:
    proposal.refresh_from_db()
    keys: list[str] = proposal.conflicts
    return keys


def number(sheet: Sheet) -> int:
    sheet.refresh_from_db()
    assert sheet.current is not None
    return sheet.current.number


def body(sheet: Sheet) -> str:
    sheet.refresh_from_db()
    assert sheet.current is not None
    return sheet.current.body


class TestWhatAMachineWrites:
    def test_follows_a_machines_text(self, sheet: Sheet, machine: Write) -> None:
        machine(text())
        machine(text(resume=RESUME + " Elle est gratuite."))

        assert number(sheet) == 2
        assert "gratuite" in body(sheet)
        assert not Proposal.objects.exists()

    def test_waits_beside_a_persons(self, sheet: Sheet, machine: Write, expert: User) -> None:
        machine(text())
        mine = person(sheet, text(resume="Mes mots."), expert)
        proposal = proposed(machine(text(impacts=IMPACTS + " Vraiment.")))

        assert number(sheet) == mine.number
        assert proposal.base is not None
        assert proposal.base.number == 1
        assert proposal.conflicts == []
        assert "Mes mots." in proposal.merged
        assert "Vraiment." in proposal.merged

    def test_of_one_section_leaves_the_others_and_their_sources(
        self, sheet: Sheet, machine: Write, document: Document
    ) -> None:
        def note(marker: str, quote: str) -> str:
            return f"[^{marker}]: [Guide, p. 1](/sources/{document.pk}/pages/1/) « {quote} »"

        machine(
            text(RESUME + "[^1]", IMPACTS + "[^2]", RISKS + "[^1]")
            + "\n"
            + note("1", "Un compresseur")
            + "\n"
            + note("2", "60 °C")
            + "\n"
        )
        machine(
            text(
                "", "Le gain est chiffré dans le guide, pour la même chaleur de chaudière.[^1]", ""
            )
            + "\n"
            + note("1", "plus de 90 %")
            + "\n",
            sections=["impacts"],
        )
        written = body(sheet)
        said, notes = split_notes(written)
        quotes = {
            line: [notes[m].quote for m in MARKER.findall(line)] for line in said.splitlines()
        }

        assert quotes[RESUME + "[^1]"] == ["Un compresseur"]
        assert quotes[RISKS + "[^1]"] == ["Un compresseur"]
        assert [q for line, q in quotes.items() if line.startswith("Le gain")] == [["plus de 90 %"]]
        assert "60 °C" not in written  # nothing calls it any more

    @pytest.mark.parametrize(
        ("said", "code"), [("", "empty"), ("Un compresseur chauffe.", "shrunk")]
    )
    def test_that_loses_too_much_is_only_proposed(
        self, sheet: Sheet, machine: Write, said: str, code: str
    ) -> None:
        machine(text())
        proposal = proposed(machine(text(resume=said)))

        assert number(sheet) == 1
        (notice,) = proposal.notices
        assert (notice["code"], notice["section"]) == (code, "resume")
        assert notice["before"] == 14

    def test_leaves_a_locked_section_alone(
        self, sheet: Sheet, machine: Write, expert: User
    ) -> None:
        machine(text())
        lock_section(sheet, "resume", expert)
        machine(text(resume="Autre chose, de la même longueur, pour que rien ne se perde ici bas."))

        assert number(sheet) == 2
        assert RESUME in body(sheet)

    def test_is_not_even_asked_for_locked_sections(
        self, sheet: Sheet, document: Document, expert: User
    ) -> None:
        sheet.documents.add(document)
        lock_section(sheet, "resume", expert)
        run = request_generation(sheet, None)
        assert "resume" not in run.sections.values_list("key", flat=True)

        cancel_generation(run)
        with pytest.raises(UserError) as caught:
            request_generation(sheet, None, ["resume"])
        assert caught.value.code == "nothing_to_write"

    def test_on_a_sheet_that_only_people_wrote_changes_nothing_by_itself(
        self, sheet: Sheet, machine: Write, expert: User
    ) -> None:
        person(sheet, text(resume="Mes mots à moi."), expert)
        proposal = proposed(machine(text(resume="Des mots de machine.")))

        assert proposal.conflicts
        assert "Mes mots à moi." in proposal.merged
        assert "machine" not in proposal.merged

    def test_takes_the_place_of_what_it_proposed_before(
        self, sheet: Sheet, machine: Write, expert: User
    ) -> None:
        machine(text())
        person(sheet, text(resume="Mes mots."), expert)
        first = proposed(machine(text(resume="Un.", impacts=IMPACTS + " Un.")))
        save_choices(first, {conflicts(first)[0]: ConflictChoice("edit", "Mon essai")})
        second = proposed(machine(text(resume="Un.", impacts=IMPACTS + " Deux.")))

        first.refresh_from_db()
        assert first.state == Proposal.State.REPLACED
        assert second.choices[second.conflicts[0]]["text"] == "Mon essai"

    def test_of_other_sections_leaves_the_rest_of_a_waiting_proposal(
        self, sheet: Sheet, machine: Write, expert: User
    ) -> None:
        machine(text())
        person(sheet, text(resume="Mes mots."), expert)
        first = proposed(machine(text(impacts=IMPACTS + " Un.", risks=RISKS + " Un.")))
        proposed(machine(text(impacts=IMPACTS + " Deux."), sections=["impacts"]))

        first.refresh_from_db()
        assert first.is_open
        assert "impacts" in first.decided
        assert RISKS + " Un." in first.merged
        assert IMPACTS + " Un." not in first.merged


class TestDeciding:
    @pytest.fixture
    def proposal(self, sheet: Sheet, machine: Write, expert: User) -> Proposal:
        """Clashes in the summary, and brings a sentence to the impacts and one to the risks."""
        machine(text(), header={"categorie": "Froid"})
        person(sheet, text(resume="Mes mots."), expert, metadata={"categorie": "Air comprimé"})
        return proposed(
            machine(
                text("Leurs mots.", IMPACTS + " Davantage.", RISKS + " Parfois."),
                header={"categorie": "Chaleur"},
            )
        )

    def test_accepting_makes_one_revision_with_two_parents(
        self, sheet: Sheet, proposal: Proposal, expert: User
    ) -> None:
        assert len(proposal.conflicts) == 2
        before = sheet.revisions.count()
        choices = dict.fromkeys(proposal.conflicts, THEIRS)
        merged = accept_proposal(proposal, expert, onto=2, choices=choices)

        assert sheet.revisions.count() == before + 1
        assert merged.origin == Revision.Origin.MERGE
        assert merged.author == expert
        assert merged.parent is not None
        assert (merged.parent.number, merged.second_parent) == (2, proposal.base)
        assert merged.generation == proposal.generation
        assert "Leurs mots." in merged.body
        assert "Davantage." in merged.body
        assert merged.metadata == {"categorie": "Chaleur"}
        proposal.refresh_from_db()
        assert (proposal.state, proposal.accepted_as) == ("accepted", merged)

    @pytest.mark.parametrize(
        ("choice", "there", "gone"),
        [
            (MINE, ["Mes mots."], ["Leurs mots."]),
            (THEIRS, ["Leurs mots."], ["Mes mots."]),
            (BOTH, ["Mes mots.", "Leurs mots."], []),
            (
                ConflictChoice("edit", "D’autres mots."),
                ["D’autres mots."],
                ["Leurs mots.", "Mes mots."],
            ),
        ],
    )
    def test_each_conflict_is_settled_by_itself(
        self,
        sheet: Sheet,
        proposal: Proposal,
        expert: User,
        choice: ConflictChoice,
        there: list[str],
        gone: list[str],
    ) -> None:
        choices = dict.fromkeys(proposal.conflicts, choice)
        merged = accept_proposal(proposal, expert, onto=2, choices=choices).body

        for words in there:
            assert words in merged
        for words in gone:
            assert words not in merged

    def test_nothing_is_written_while_a_conflict_is_open(
        self, sheet: Sheet, proposal: Proposal, expert: User
    ) -> None:
        with pytest.raises(UnresolvedConflicts):
            accept_proposal(proposal, expert, onto=2, choices={})
        assert number(sheet) == 2
        proposal.refresh_from_db()
        assert proposal.is_open

    def test_one_section_at_a_time(self, sheet: Sheet, proposal: Proposal, expert: User) -> None:
        accept_proposal(proposal, expert, onto=2, choices={}, sections=["impacts"])
        assert "Davantage." in body(sheet)
        assert "Parfois." not in body(sheet)
        assert "Mes mots." in body(sheet)
        proposal.refresh_from_db()
        assert proposal.is_open

        reject_section(proposal, expert, "risques")
        choices = dict.fromkeys(conflicts(proposal), MINE)
        accept_proposal(proposal, expert, onto=3, choices=choices)
        assert "Parfois." not in body(sheet)
        proposal.refresh_from_db()
        assert proposal.state == Proposal.State.ACCEPTED

    def test_refusing_keeps_the_sheet_and_the_reason(
        self, sheet: Sheet, proposal: Proposal, expert: User
    ) -> None:
        reject_proposal(proposal, expert, "Trop vague.")
        assert number(sheet) == 2
        proposal.refresh_from_db()
        assert (proposal.state, proposal.reason) == ("refused", "Trop vague.")
        with pytest.raises(ProposalClosed):
            accept_proposal(proposal, expert, onto=2, choices={})

    def test_what_was_accepted_is_where_the_next_one_starts(
        self, sheet: Sheet, proposal: Proposal, machine: Write, expert: User
    ) -> None:
        choices = dict.fromkeys(proposal.conflicts, MINE)
        accept_proposal(proposal, expert, onto=2, choices=choices)
        again = proposed(
            machine(
                text("Leurs mots.", IMPACTS + " Davantage.", RISKS + " Toujours."),
                header={"categorie": "Chaleur"},
            )
        )
        assert again.base_proposal == proposal
        assert again.conflicts == []  # what a person settled is not asked again
        assert "Mes mots." in again.merged
        assert "Toujours." in again.merged

    def test_a_base_that_has_moved_on_is_merged_again(
        self, sheet: Sheet, proposal: Proposal, expert: User
    ) -> None:
        person(sheet, text(resume="Mes mots.", risks=RISKS + " Parfois."), expert)
        proposal.refresh_from_db()
        assert proposal.is_open
        assert proposal.merged_onto == Sheet.objects.get(pk=sheet.pk).current
        with pytest.raises(StaleBase):
            accept_proposal(proposal, expert, onto=2, choices={})
        choices = dict.fromkeys(conflicts(proposal), MINE)
        accept_proposal(proposal, expert, onto=3, choices=choices)
        assert body(sheet).count("Parfois.") == 1
        assert "Davantage." in body(sheet)

    def test_two_who_accept_make_one_revision(
        self, sheet: Sheet, proposal: Proposal, expert: User
    ) -> None:
        choices = dict.fromkeys(proposal.conflicts, MINE)
        accept_proposal(proposal, expert, onto=2, choices=choices)
        with pytest.raises(ProposalClosed):
            accept_proposal(proposal, expert, onto=2, choices=choices)
        assert number(sheet) == 3


class TestTheDatabase:
    def test_refuses_what_goes_round_the_code(
        self, sheet: Sheet, machine: Write, expert: User
    ) -> None:
        machine(text())
        mine = person(sheet, text(resume="Mes mots."), expert)
        proposal = proposed(machine(text(resume="Leurs mots.")))
        other = Generation.objects.create(sheet=sheet, backend="local")
        values: dict[str, Any] = {"sheet": sheet, "number": 3, "parent": mine, "body": "x"}
        merge = {"origin": "merge", "author": expert, "generation": proposal.generation}
        refused: list[dict[str, Any]] = [
            {"origin": "generated", "generation": other},
            {"origin": "human", "author": expert, "generation": other},  # in disguise
            {"origin": "restore", "author": expert, "generation": other},
            merge | {"author": None},  # nobody decided
            merge | {"generation": other},  # nobody was asked
            merge | {"generation": None},  # one parent
        ]
        for given in refused:
            with pytest.raises(DatabaseError), transaction.atomic():
                Revision.objects.create(**values, **given)
        assert sheet.revisions.count() == 2

    def test_refuses_to_empty_a_machines_sheet(self, sheet: Sheet, machine: Write) -> None:
        machine(text())
        first = sheet.revisions.get()
        run = Generation.objects.create(sheet=sheet, backend="local")
        with pytest.raises(LossyText):
            save_revision(
                Sheet.objects.get(pk=sheet.pk),
                base=first,
                body="## Résumé\n",
                metadata={},
                origin="generated",
                generation=run,
            )
        with pytest.raises(DatabaseError), transaction.atomic():
            Revision.objects.create(
                sheet=sheet, number=2, parent=first, body=" \n", origin="generated", generation=run
            )

    def test_keeps_proposals_and_decisions(
        self, sheet: Sheet, machine: Write, expert: User
    ) -> None:
        machine(text())
        person(sheet, text(resume="Mes mots."), expert)
        proposal = proposed(machine(text(resume="Leurs mots.")))
        reject_proposal(proposal, expert, "Non.")
        for statement in (
            "UPDATE sheets_proposal SET body = 'autre' WHERE id = %s",
            "UPDATE sheets_proposal SET state = 'open' WHERE id = %s",
            "UPDATE sheets_proposal SET reason = 'Oui.' WHERE id = %s",
            "DELETE FROM sheets_proposal WHERE id = %s",
        ):
            with (
                pytest.raises(DatabaseError),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement, [proposal.pk])
        expert.delete()
        Sheet.objects.get(pk=sheet.pk).delete()
        assert not Proposal.objects.exists()


class TestPages:
    """Everything works without JavaScript."""

    @pytest.fixture
    def proposal(self, sheet: Sheet, machine: Write, expert: User) -> Proposal:
        machine(text())
        person(sheet, text(resume="Mes mots."), expert)
        return proposed(machine(text("Leurs mots.", IMPACTS + " Davantage.", RISKS)))

    @pytest.fixture
    def page(self, client: Client, expert: User) -> Client:
        client.force_login(expert)
        return client

    def test_shows_both_sides_of_each_conflict(self, page: Client, proposal: Proposal) -> None:
        html = page.get(proposal.get_absolute_url()).content.decode()
        key = proposal.conflicts[0]

        assert "Mes" in html
        assert "Leurs" in html
        for take in ("mine", "theirs", "both", "edit"):
            assert f'name="take_{key}" value="{take}"' in html
        assert "Davantage." in html

    def test_the_place_of_a_section_that_both_moved_is_chosen(
        self, page: Client, sheet: Sheet, machine: Write, expert: User
    ) -> None:
        parts = [f"## {n}\n\nCe que l'on sait de la partie {n}.\n" for n in "ABCD"]
        order = ("ABCD", "DABC", "ADBC")
        base, ours, theirs = ("\n".join(parts["ABCD".index(n)] for n in row) for row in order)
        machine(base)
        person(sheet, ours, expert)
        proposal = proposed(machine(theirs))
        html = page.get(proposal.get_absolute_url()).content.decode()
        key = proposal.conflicts[0]

        assert "Déplacé au début" in html
        assert "Déplacé après" in html
        assert f'name="take_{key}" value="both"' not in html
        given = {"onto": 2, f"take_{key}": "theirs", "do": "accept"}
        page.post(proposal.get_absolute_url(), given)
        assert body(sheet) == theirs

    def test_accepting_settles_and_leads_to_the_sheet(
        self, page: Client, proposal: Proposal, sheet: Sheet
    ) -> None:
        key = proposal.conflicts[0]
        given = {"onto": 2, f"take_{key}": "edit", f"text_{key}": "Nos mots.", "do": "accept"}
        answer = page.post(proposal.get_absolute_url(), given)

        assert answer["Location"] == sheet.get_absolute_url()
        assert "Nos mots." in body(sheet)
        assert "Davantage." in body(sheet)

    def test_an_open_conflict_is_marked_and_the_rest_kept(
        self, page: Client, proposal: Proposal, sheet: Sheet
    ) -> None:
        key = proposal.conflicts[0]
        given = {"onto": 2, f"text_{key}": "Nos mots.", "do": "accept"}
        answer = page.post(proposal.get_absolute_url(), given)

        assert answer.status_code == 422
        assert "data-bad" in answer.content.decode()
        assert "Nos mots." in answer.content.decode()
        assert number(sheet) == 2

    def test_a_stale_form_is_merged_again_with_its_choices(
        self, page: Client, proposal: Proposal, sheet: Sheet, expert: User
    ) -> None:
        key = proposal.conflicts[0]
        person(sheet, text(resume="Mes mots.", risks=RISKS + " Rarement."), expert)
        given = {"onto": 2, f"take_{key}": "edit", f"text_{key}": "Nos mots.", "do": "accept"}
        answer = page.post(proposal.get_absolute_url(), given)
        html = answer.content.decode()

        assert answer.status_code == 409
        assert f'name="take_{key}" value="edit" checked' in html
        assert "Nos mots." in html
        assert 'name="onto" value="3"' in html
        assert number(sheet) == 3

    def test_words_typed_for_a_place_that_is_gone_are_shown(
        self, page: Client, proposal: Proposal, sheet: Sheet, expert: User
    ) -> None:
        key = proposal.conflicts[0]
        person(sheet, text(resume="Tout autre chose encore."), expert)
        given = {"onto": 2, f"take_{key}": "edit", f"text_{key}": "Nos mots.", "do": "accept"}
        page.post(proposal.get_absolute_url(), given)
        html = page.get(proposal.get_absolute_url()).content.decode()

        assert "Nos mots." in html
        assert f"take_{key}" not in html

    def test_refusing_wants_a_reason(self, page: Client, proposal: Proposal) -> None:
        answer = page.post(proposal.get_absolute_url(), {"onto": 2, "do": "refuse", "reason": " "})
        assert answer.status_code == 422
        page.post(proposal.get_absolute_url(), {"onto": 2, "do": "refuse", "reason": "Vague."})
        proposal.refresh_from_db()
        assert proposal.reason == "Vague."
        assert "Vague." in page.get(proposal.get_absolute_url()).content.decode()

    def test_one_section_by_its_button(
        self, page: Client, proposal: Proposal, sheet: Sheet
    ) -> None:
        answer = page.post(proposal.get_absolute_url(), {"onto": 2, "do": "accept:impacts"})
        assert answer["Location"] == proposal.get_absolute_url()
        assert "Davantage." in body(sheet)
        assert "Mes mots." in body(sheet)

    def test_a_contributor_sees_and_does_not_decide(
        self, client: Client, proposal: Proposal, contributor: User, sheet: Sheet
    ) -> None:
        client.force_login(contributor)
        html = client.get(proposal.get_absolute_url()).content.decode()
        assert "Leurs" in html
        assert 'value="accept"' not in html
        given = {"onto": 2, "do": "accept"}
        assert client.post(proposal.get_absolute_url(), given).status_code == 403
        assert number(sheet) == 2

    def test_a_reader_is_sent_to_log_in(self, client: Client, proposal: Proposal) -> None:
        answer = client.post(proposal.get_absolute_url(), {"onto": 2, "do": "accept"})
        assert "/compte/connexion/" in answer["Location"]

    def test_markup_in_the_texts_is_shown_not_obeyed(
        self, page: Client, sheet: Sheet, proposal: Proposal, expert: User
    ) -> None:
        person(sheet, text(resume="<script>alert(1)</script> [x](javascript:alert(1))"), expert)
        html = page.get(proposal.get_absolute_url()).content.decode()
        assert "<script>alert" not in html
        assert 'href="javascript:' not in html

    def test_sections_are_regenerated_and_locked_by_their_buttons(
        self, page: Client, sheet: Sheet, document: Document, machine: Write
    ) -> None:
        machine(text())
        sheet.documents.add(document)
        address = f"/fiches/{sheet.slug}/regenerer/"
        html = page.get(sheet.get_absolute_url()).content.decode()
        assert f"{address}?section=impacts" in html

        page.post(f"/fiches/{sheet.slug}/verrou/", {"section": "resume", "locked": "1"})
        html = page.get(address).content.decode()
        assert 'name="section" value="impacts"' in html
        assert 'type="checkbox" name="section" value="resume"' not in html

        assert page.post(address, {"what": "chosen"}).status_code == 422
        page.post(address, {"what": "chosen", "section": ["impacts"]})
        run = sheet.generations.latest("pk")
        assert list(run.sections.values_list("key", flat=True)) == ["impacts"]
        run_queue()

        page.post(f"/fiches/{sheet.slug}/verrou/", {"section": "resume", "locked": "0"})
        assert sheet.locked_keys() == set()

    def test_only_an_expert_locks(self, client: Client, sheet: Sheet, contributor: User) -> None:
        client.force_login(contributor)
        given = {"section": "resume", "locked": "1"}
        assert client.post(f"/fiches/{sheet.slug}/verrou/", given).status_code == 403
