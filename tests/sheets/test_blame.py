"""Each block tells who or what last wrote it, from the chain of revisions alone."""

import random
import re

import pytest
from django.test import Client

from sheets.merge import THEIRS
from sheets.models import Generation, Proposal, Revision, SectionRun, Sheet, SheetType
from sheets.models.schema_loader import load_template
from sheets.proposals.review import accept_proposal, save_or_propose
from sheets.revisions.blame import Origin, Step, blocks_of, origins_of, trace_origins
from sheets.revisions.save import save_revision
from wikico2.models import User

FIRST = """\
## Résumé (10 secondes)

Un compresseur chauffe l’air des ateliers.

- Un point
- Deux points
"""
TABLE = """\
## Tableau

| Frein | Parade |
| --- | --- |
| Bruit | Capot[^n] |

[^n]: Une note.
"""


def texts(body: str, origins: list[Origin]) -> dict[str, tuple[int, bool]]:
    blocks = blocks_of(body)
    assert len(blocks) == len(origins)
    return {b: (o.revision, o.machine) for b, o in zip(blocks, origins, strict=True)}


class TestTracing:
    def first(self) -> tuple[Step, list[Origin]]:
        step = Step(1, FIRST)
        return step, trace_origins(None, [], step, by_machine=True)

    def test_what_is_left_as_it_was_keeps_its_origin(self) -> None:
        before, origins = self.first()
        body = FIRST.replace("Deux points", "Deux points, relus")
        found = texts(body, trace_origins(before, origins, Step(2, body)))

        assert found["- Un point"] == (1, True)
        assert found["- Deux points, relus"] == (2, False)

    def test_what_is_moved_keeps_its_origin(self) -> None:
        before, origins = self.first()
        body = "## Autre\n\nUn début.\n\n" + FIRST
        body = body.replace("Un début.", "Un compresseur chauffe l’air des ateliers.", 1)
        body = body.replace("secondes)\n\nUn compresseur chauffe l’air des ateliers.", "secondes)")
        found = texts(body, trace_origins(before, origins, Step(2, body)))

        assert found["Un compresseur chauffe l’air des ateliers."] == (1, True)
        assert found["## Autre"] == (2, False)

    def test_another_number_of_the_same_footnote_is_no_authorship(self) -> None:
        note = "[Guide, p. 1](/sources/1/pages/1/) « Un compresseur. »"
        before = Step(1, f"Un compresseur.[^1]\n\n[^1]: {note}\n")
        body = f"Un compresseur.[^4]\n\nAutre.\n\n[^4]: {note}\n"
        origins = trace_origins(before, trace_origins(None, [], before), Step(2, body))

        assert [o.revision for o in origins] == [1, 2]

    def test_a_merge_has_the_machines_blocks_and_the_persons(self) -> None:
        before, origins = self.first()
        merged = FIRST + "\n\nLes mots de la machine.\n\nLes miens.\n"
        step = Step(3, merged, given=FIRST + "\n\nLes mots de la machine.\n")
        found = texts(merged, trace_origins(before, origins, step))

        assert found["Les mots de la machine."] == (3, True)
        assert found["Les miens."] == (3, False)

    def test_what_is_restored_is_whose_it_was(self) -> None:
        before, origins = self.first()
        emptied = Step(2, "## Résumé (10 secondes)\n")
        now = trace_origins(before, origins, emptied)
        known = {"- Un point": Origin(1, True)}
        found = texts(FIRST, trace_origins(emptied, now, Step(3, FIRST), known=known))

        assert found["- Un point"] == (1, True)
        assert found["- Deux points"] == (3, False)

    @pytest.mark.parametrize("seed", range(60))
    def test_every_block_has_one_origin_and_old_ones_stood_there_before(self, seed: int) -> None:
        chance = random.Random(seed)
        lines = [f"- Point {n} des ateliers de la fabrique\n" for n in range(12)]
        body = "".join(lines)
        step = Step(1, body)
        origins = trace_origins(None, [], step)
        said = {1: set(blocks_of(body))}
        for number in range(2, 8):
            for _edit in range(chance.randint(0, 3)):
                place = chance.randrange(len(lines))
                kind = chance.choice("aedm")
                if kind == "a":
                    lines.insert(place, f"- Nouveau {number} {chance.random():.6f} dans la liste\n")
                elif kind == "e":
                    lines[place] = lines[place].rstrip("\n") + f" revu {number}\n"
                elif kind == "d" and len(lines) > 3:
                    lines.pop(place)
                else:
                    lines.insert(chance.randrange(len(lines)), lines.pop(place))
            after = Step(number, "".join(lines))
            origins = trace_origins(step, origins, after)
            step = after
            said[number] = set(blocks_of(step.body))
            blocks = blocks_of(step.body)
            assert len(blocks) == len(origins)
            for block, origin in zip(blocks, origins, strict=True):
                assert block in said[origin.revision]
                if origin.revision == number:
                    assert block not in said[number - 1]


@pytest.mark.django_db
class TestOnTheSheet:
    @pytest.fixture
    def sheet(self, contributor: User, expert: User) -> Sheet:
        sheet = Sheet.objects.create(
            sheet_type=SheetType.objects.get(key="solution"), title="Air", slug="air"
        )

        def machine(body: str) -> Revision | Proposal:
            run = Generation.objects.create(
                sheet=sheet, backend="openai", model="mixtral", prompt_version="section-7"
            )
            template = load_template(sheet.sheet_type)
            SectionRun.objects.bulk_create(
                SectionRun(generation=run, key=s.key, order=n)
                for n, s in enumerate(template.written)
            )
            return save_or_propose(run, template, body, {})

        machine(FIRST)
        sheet.refresh_from_db()
        edited = FIRST.replace("Deux points", "Deux points de Claire")
        save_revision(
            sheet, base=sheet.current, body=edited, metadata={}, origin="human", author=contributor
        )
        proposal = machine(FIRST.replace("- Un point\n", "- Un point\n- Un autre de la machine\n"))
        assert isinstance(proposal, Proposal)
        choices = dict.fromkeys(proposal.conflicts, THEIRS)
        accept_proposal(proposal, expert, onto=2, choices=choices)
        sheet.refresh_from_db()
        return sheet

    def test_is_traced_through_edits_and_merges_and_kept(self, sheet: Sheet) -> None:
        assert sheet.current is not None
        found = texts(sheet.current.body, origins_of(sheet.current))
        assert found["- Un point"] == (1, True)
        assert found["- Deux points de Claire"] == (2, False)
        assert found["- Un autre de la machine"] == (3, True)

        kept = Revision.objects.get(pk=sheet.current.pk)
        assert texts(kept.body, origins_of(kept)) == found
        assert "body" in kept.rendered

    def test_a_reader_sees_it_on_demand(self, sheet: Sheet, client: Client) -> None:
        plain = client.get(sheet.get_absolute_url()).content.decode()
        assert "?auteurs=1" in plain
        assert 'class="by"' not in plain

        html = client.get(sheet.get_absolute_url() + "?auteurs=1").content.decode()
        shown = {
            m[2]: m[1] for m in re.finditer(r"([^<>]+?) <a class=\"by\"[^>]*>([^<]+)</a>", html)
        }
        assert shown["claire"].startswith("Deux points de Claire")
        assert "mixtral" in shown
        assert "section-7" in html
        assert "\ue000" not in html

    def test_a_table_and_its_footnotes_stay_whole(
        self, sheet: Sheet, client: Client, contributor: User
    ) -> None:
        sheet.refresh_from_db()
        save_revision(
            sheet, base=sheet.current, body=TABLE, metadata={}, origin="human", author=contributor
        )
        html = client.get(sheet.get_absolute_url() + "?auteurs=1").content.decode()
        assert re.search(r"<td>Capot<sup.*?</sup> <a class=\"by\"", html)
        assert "Une note." in html
