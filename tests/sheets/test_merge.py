"""Two versions of a sheet become one, and what cannot be is shown whole to a person."""

import pytest

from sheets.markdown.parse import split_notes
from sheets.merge import (
    BOTH,
    MINE,
    THEIRS,
    Conflict,
    ConflictChoice,
    MergeResult,
    UnresolvedConflicts,
    Version,
    merge_bodies,
    merge_values,
    merge_versions,
    resolve_conflicts,
    resolve_value_conflicts,
)
from sheets.merge.tokenize import cut_blocks
from tests.cost import processor_time

BASE = """\
## 🎯 Résumé

La chaleur fatale des compresseurs est récupérée. Elle chauffe les locaux en hiver.

## 📊 Impacts attendus

### Énergie

- Gain de 20 % sur le chauffage
- Moins d’air à ventiler

### CO₂

| Poste | Part |
| --- | --- |
| Chauffage | 30 % |
| Process | 70 % |

```python
x = 1
y = 2
z = 3
```
"""


def settled(merged: MergeResult) -> str:
    assert merged.conflicts == []
    return merged.text


def only(merged: MergeResult) -> Conflict:
    assert len(merged.conflicts) == 1, merged.conflicts
    return merged.conflicts[0]


def changed(*edits: tuple[str, str], text: str = BASE) -> str:
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


class TestWhatTheTwoSidesDidApart:
    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            (("récupérée", "captée"), ("20 %", "25 %")),  # two blocks
            (("La chaleur fatale", "L’énergie"), ("en hiver", "de bureaux")),  # two sentences
            (("- Moins d’air", "- Moins de bruit\n- Moins d’air"), ("20 %", "25 %")),  # two items
            (("30 %", "35 %"), ("70 %", "65 %")),  # two rows, side by side
            (("## 🎯 Résumé", "## Résumé"), ("La chaleur", "Une chaleur")),  # heading and text
            (("x = 1", "x = 0"), ("z = 3", "z = 4")),  # lines of one code fence
            (("### CO₂", "### Climat"), ("- Moins d’air à ventiler\n", "")),  # change and removal
            (("- Moins d’air à ventiler\n\n", ""), ("- Gain de 20 % sur le chauffage\n", "")),
        ],
    )
    def test_is_all_kept(self, ours: tuple[str, str], theirs: tuple[str, str]) -> None:
        merged = merge_bodies(BASE, changed(ours), changed(theirs))

        assert settled(merged) == changed(ours, theirs)

    def test_a_whole_new_section_goes_beside_an_edit(self) -> None:
        section = "## ⚠️ Risques\n\n- Encrassement\n\n"
        ours = changed(("## 📊", section + "## 📊"))
        theirs = changed(("locaux", "bureaux"))

        assert settled(merge_bodies(BASE, ours, theirs)) == changed(
            ("locaux", "bureaux"), text=ours
        )

    def test_the_same_change_on_both_sides_is_made_once(self) -> None:
        both = changed(("20 %", "25 %"), ("- Moins d’air", "- Silence\n- Moins d’air"))
        ours, theirs = changed(("hiver", "été"), text=both), changed(("x = 1", "x = 0"), text=both)

        merged = settled(merge_bodies(BASE, ours, theirs))

        assert merged == changed(("hiver", "été"), ("x = 1", "x = 0"), text=both)
        assert merged.count("- Silence") == 1

    def test_a_list_that_goes_on_and_a_list_that_begins_after_it(self) -> None:
        base = "- un\n\n## Fin\n"
        merged = merge_bodies(
            base, "- un\n- deux\n\n## Fin\n", "- un\n\nAutres :\n- trois\n\n## Fin\n"
        )

        assert settled(merged) == "- un\n- deux\n\nAutres :\n- trois\n\n## Fin\n"

    def test_both_take_away_what_overlaps(self) -> None:
        base = "un\n\ndeux\n\ntrois\n\nquatre\n"

        assert settled(merge_bodies(base, "un\n\nquatre\n", "un\n\ndeux\n")) == "un\n"

    def test_an_indent_and_the_words_of_an_item_are_two_things(self) -> None:
        base = "- un\n- deux mots ici\n"
        merged = merge_bodies(base, "- un\n    - deux mots ici\n", "- un\n- deux mots là\n")

        assert settled(merged) == "- un\n    - deux mots là\n"

    @pytest.mark.parametrize("flip", [False, True])
    def test_a_block_that_one_moves_takes_the_other_s_change_along(self, flip: bool) -> None:
        blocks = ["## Un", "Un texte long qui change de place.", "Deux.", "## Trois", "Quatre."]
        base = "\n\n".join(blocks) + "\n"
        moved = "\n\n".join([blocks[0], *blocks[2:4], blocks[1], blocks[4]]) + "\n"
        edited = base.replace("long", "très long")
        merged = merge_bodies(base, edited, moved) if flip else merge_bodies(base, moved, edited)

        assert settled(merged) == moved.replace("long", "très long")

    def test_a_moved_item_that_meets_a_new_one_is_not_lost(self) -> None:
        base = "- eau\n- gaz\n- bois\n- vent\n"
        merged = merge_bodies(
            base, base.replace("- gaz", "- air\n- gaz"), "- eau\n- vent\n- gaz\n- bois\n"
        )

        assert settled(merged) == "- eau\n- air\n- vent\n- gaz\n- bois\n"

    def test_a_section_that_both_moved_to_one_place_stands_there_once(self) -> None:
        base, moved = sections("ABCD"), sections("DABC")
        merged = merge_bodies(base, moved, moved.replace("partie B", "partie B modifiée"))

        assert settled(merged) == moved.replace("partie B", "partie B modifiée")

    def test_a_new_paragraph_goes_along_with_its_moved_section(self) -> None:
        base = sections("ABC")
        longer = base.replace("partie B.", "partie B.\n\nUn ajout à la partie B.")
        merged = merge_bodies(base, longer, sections("BAC"))

        assert settled(merged) == sections("BAC").replace(
            "partie B.", "partie B.\n\nUn ajout à la partie B."
        )

    def test_a_new_section_does_not_take_in_what_was_moved_there(self) -> None:
        base = sections("AB") + "\nUne phrase que l'autre côté déplace plus haut.\n"
        head, _sign, tail = sections("AB").partition("\n## B")
        ours = f"{head}\n## N\n\nUne partie nouvelle.\n\n## B{base.partition('## B')[2]}"
        theirs = f"{head}\nUne phrase que l'autre côté déplace plus haut.\n\n## B{tail}"
        text = settled(merge_bodies(base, ours, theirs))

        assert text.index("plus haut") < text.index("## N") < text.index("## B")

    def test_paragraphs_stay_apart_when_what_was_between_them_goes(self) -> None:
        base = "Avant.\n## Titre\nAprès.\n"
        merged = merge_bodies(base, "Avant.\n\nAprès.\n", "Avant.\n## Titre\nNouveau.\n\nAprès.\n")

        assert [b.text for b in cut_blocks(settled(merged))[0]] == ["Avant.", "Nouveau.", "Après."]


def sections(names: str) -> str:
    return "\n".join(f"## {n}\n\nCe que l'on sait de la partie {n}.\n" for n in names)


class TestPlaces:
    """Both sides moved one section, to different places."""

    BASE, OURS, THEIRS = sections("ABCD"), sections("DABC"), sections("ADBC")

    def test_its_place_is_one_conflict(self) -> None:
        merged = merge_bodies(self.BASE, self.OURS, self.THEIRS)
        conflict = only(merged)

        assert conflict.kind == "place"
        assert conflict.ours == conflict.theirs == sections("D").strip()
        assert (conflict.ours_after, conflict.theirs_after) == (
            "", "Ce que l'on sait de la partie A.",
        )  # fmt: skip
        assert resolve_conflicts(merged, {conflict.id: MINE}) == self.OURS
        assert resolve_conflicts(merged, {conflict.id: THEIRS}) == self.THEIRS
        both = resolve_conflicts(merged, {conflict.id: BOTH})
        assert both.count("## D") == both.count("partie D") == 1

    def test_what_each_wrote_in_it_is_part_of_it(self) -> None:
        ours = self.OURS.replace("l'on sait de la partie D", "nous savons de la partie D")
        merged = merge_bodies(self.BASE, ours, self.THEIRS)

        assert resolve_conflicts(merged, {only(merged).id: MINE}) == ours
        assert "nous savons de la partie D" in resolve_conflicts(merged, {only(merged).id: THEIRS})

    def test_a_conflict_in_it_is_settled_with_its_place(self) -> None:
        ours = self.OURS.replace("de la partie D", "ici de D")
        theirs = self.THEIRS.replace("de la partie D", "là de D")
        merged = merge_bodies(self.BASE, ours, theirs)

        assert resolve_conflicts(merged, {only(merged).id: MINE}) == ours
        assert resolve_conflicts(merged, {only(merged).id: THEIRS}) == theirs


class TestWhatBothChanged:
    def test_is_a_conflict_with_all_three_texts(self) -> None:
        conflict = only(merge_bodies(BASE, changed(("20 %", "25 %")), changed(("20 %", "15 %"))))

        assert conflict.base == "- Gain de 20 % sur le chauffage"
        assert conflict.ours == "- Gain de 25 % sur le chauffage"
        assert conflict.theirs == "- Gain de 15 % sur le chauffage"
        assert (conflict.section, conflict.field) == ("📊 Impacts attendus", "Énergie")
        assert conflict.kind == "blocks"

    def test_a_number_and_its_unit_are_not_changed_by_two_hands(self) -> None:
        base = "Le gain annuel moyen de chaque site suivi par le programme est de 20 % du total.\n"
        ours, theirs = base.replace("20", "300"), base.replace("%", "kWh")

        conflict = only(merge_bodies(base, ours, theirs))

        assert "300 %" in conflict.ours
        assert "20 kWh" in conflict.theirs

    def test_words_are_not_put_into_a_sentence_that_was_rewritten(self) -> None:
        base = "Un. Le gain moyen est de 20 % sur le chauffage des locaux. Trois.\n"
        ours = "Un. On économise bien plus quand les bureaux sont proches, des locaux. Trois.\n"
        theirs = base.replace("20", "25")

        conflict = only(merge_bodies(base, ours, theirs))

        assert "25" in conflict.theirs
        assert "On économise" in conflict.ours

    def test_only_the_sentence_is_in_conflict(self) -> None:
        merged = merge_bodies(
            BASE, changed(("récupérée", "captée")), changed(("récupérée", "valorisée"))
        )
        conflict = only(merged)

        assert conflict.ours == "La chaleur fatale des compresseurs est captée."
        assert conflict.theirs == "La chaleur fatale des compresseurs est valorisée."
        assert resolve_conflicts(merged, {conflict.id: THEIRS}) == changed(
            ("récupérée", "valorisée")
        )

    def test_removed_by_one_and_changed_by_the_other(self) -> None:
        ours = changed(("- Gain de 20 % sur le chauffage\n", ""))
        theirs = changed(("20 %", "15 %"))
        merged = merge_bodies(BASE, ours, theirs)
        conflict = only(merged)

        assert (conflict.ours, conflict.theirs) == ("", "- Gain de 15 % sur le chauffage")
        assert resolve_conflicts(merged, {conflict.id: MINE}) == ours
        assert resolve_conflicts(merged, {conflict.id: THEIRS}) == theirs

    def test_a_row_of_a_table_is_judged_whole(self) -> None:
        conflict = only(merge_bodies(BASE, changed(("30 %", "31 %")), changed(("30 %", "32 %"))))

        assert conflict.ours == "| Chauffage | 31 % |"

    def test_a_code_fence_is_judged_whole(self) -> None:
        conflict = only(
            merge_bodies(BASE, changed(("x = 1", "x = 0")), changed(("x = 1", "x = 9")))
        )

        assert conflict.ours == "```python\nx = 0\ny = 2\nz = 3\n```"

    def test_few_pieces_rather_than_splinters(self) -> None:
        base = "Le gain moyen est de 20 % sur le chauffage des grands locaux en hiver.\n"
        ours = "Le gain réel est de 25 % sur le chauffage des petits locaux en été.\n"
        theirs = "Le gain annuel est de 15 % sur le chauffage des vieux locaux en mars.\n"

        conflict = only(merge_bodies(base, ours, theirs))

        assert conflict.ours + "\n" == ours
        assert conflict.theirs + "\n" == theirs

    def test_names_stay_the_same_in_the_next_merge_and_for_the_other_side(self) -> None:
        ours, theirs = changed(("20 %", "25 %")), changed(("20 %", "15 %"))
        name = only(merge_bodies(BASE, ours, theirs)).id
        longer = changed(("hiver", "été"), text=ours)

        assert only(merge_bodies(BASE, longer, theirs)).id == name
        assert only(merge_bodies(BASE, theirs, ours)).id == name

    def test_two_conflicts_alike_have_names_of_their_own(self) -> None:
        base = "\n\n".join(["- même texte"] * 2 + ["## Milieu"] + ["- même texte"] * 2)
        merged = merge_bodies(base, base.replace("même", "mon"), base.replace("même", "ton"))

        assert len({c.id for c in merged.conflicts}) == len(merged.conflicts) > 1


class TestChoosing:
    ours, theirs = changed(("20 %", "25 %")), changed(("20 %", "15 %"))

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            (MINE, "- Gain de 25 % sur le chauffage\n- Moins"),
            (THEIRS, "- Gain de 15 % sur le chauffage\n- Moins"),
            (BOTH, "- Gain de 25 % sur le chauffage\n- Gain de 15 % sur le chauffage\n- Moins"),
            (ConflictChoice("edit", "- Gain de 15 à 25 %"), "- Gain de 15 à 25 %\n- Moins"),
            (ConflictChoice("edit", ""), "### Énergie\n\n- Moins"),
        ],
    )
    def test_each_choice(self, choice: ConflictChoice, expected: str) -> None:
        merged = merge_bodies(BASE, self.ours, self.theirs)

        assert expected in resolve_conflicts(merged, {only(merged).id: choice})

    def test_nothing_is_settled_without_a_choice(self) -> None:
        merged = merge_bodies(BASE, self.ours, self.theirs)

        with pytest.raises(UnresolvedConflicts) as error:
            resolve_conflicts(merged, {})
        assert error.value.ids == [only(merged).id]

    def test_the_first_words_of_a_paragraph_may_be_chosen_away(self) -> None:
        rest = "reste ici avec bien assez de mots pour que la phrase soit longue et garde son sens"
        base = f"Début. Un début qui {rest}.\n"
        merged = merge_bodies(base, f"Un début qui {rest}.\n", f"Amorce. Un début qui {rest}.\n")

        assert resolve_conflicts(merged, {only(merged).id: MINE}) == f"Un début qui {rest}.\n"
        assert (
            resolve_conflicts(merged, {only(merged).id: THEIRS})
            == f"Amorce. Un début qui {rest}.\n"
        )


class TestWhatOthersGotWrong:
    BASE = "Première ligne.\n\nDeuxième ligne d’origine.\n\nTroisième ligne.\n"
    OURS = "Première ligne.\n\nDeuxième ligne corrigée.\n\nTroisième ligne.\n"

    def test_replaced_lines_never_come_back(self) -> None:
        theirs = self.BASE.replace("Troisième", "Dernière")

        text = settled(merge_bodies(self.BASE, self.OURS, theirs))

        assert "origine" not in text
        assert text.splitlines()[::2] == [
            "Première ligne.",
            "Deuxième ligne corrigée.",
            "Dernière ligne.",
        ]

    def test_no_marks_of_a_tool_in_the_text(self) -> None:
        theirs = self.BASE.replace("d’origine", "réécrite autrement")
        merged = merge_bodies(self.BASE, self.OURS, theirs)
        name = only(merged).id

        texts = [merged.text, *(resolve_conflicts(merged, {name: c}) for c in (MINE, THEIRS, BOTH))]
        conflict = only(merged)
        for text in [*texts, conflict.base, conflict.ours, conflict.theirs]:
            assert not any(m in text for m in ("<<<", ">>>", "===", "|||", "\0", "^"))
            assert not any(line.startswith(("? ", "+ ", "- ")) for line in text.splitlines())
        assert conflict.ours in self.OURS
        assert conflict.theirs in theirs

    def test_the_first_editor_is_never_overwritten_in_silence(self) -> None:
        second = self.BASE.replace("d’origine", "du second")
        merged = merge_bodies(self.BASE, self.OURS, second)

        assert only(merged).ours == "Deuxième ligne corrigée."
        assert only(merged).theirs == "Deuxième ligne du second."
        with pytest.raises(UnresolvedConflicts):
            resolve_conflicts(merged, {})

    def test_the_machine_never_wins_where_a_merge_is_not_possible(self) -> None:
        machine = "Tout autre chose.\n\nSans rien de commun.\n"
        person = self.OURS + "\nUn ajout de la personne.\n"
        merged = merge_bodies(self.BASE, person, machine)

        assert merged.conflicts
        assert "corrigée" in merged.text
        assert "ajout de la personne" in merged.text
        assert all(c.ours in merged.text for c in merged.conflicts)

    def test_an_empty_generation_takes_no_edited_words(self) -> None:
        merged = merge_bodies(self.BASE, self.OURS, "")

        assert "corrigée" in merged.text
        assert any("corrigée" in c.ours and not c.theirs for c in merged.conflicts)


def cites(label: str, page: int, quote: str, title: str = "Guide") -> str:
    return f"[^{label}]: [{title}, p. {page}](/sources/7/pages/{page}/) « {quote} »"


def said(text: str) -> dict[str, str]:
    """Return what each statement of a text cites: the quote, or the note's words."""
    body, notes = split_notes(text)
    found = {}
    for line in body.splitlines():
        for marker in notes:
            if f"[^{marker}]" in line:
                key = line.partition("[^")[0].strip("- ")
                found[key] = notes[marker].quote or notes[marker].text
    return found


class TestFootnotes:
    BASE = f"- Un[^1]\n\n- Deux[^2]\n\n{cites('1', 4, 'premier')}\n{cites('2', 5, 'second')}\n"

    def test_two_notes_with_one_number_are_told_apart(self) -> None:
        ours = self.BASE.replace("- Un", "- À moi[^3]\n\n- Un") + cites("3", 8, "le mien") + "\n"
        theirs = self.BASE.replace("Deux[^2]\n", "Deux[^2]\n\n- À elle[^3]\n")
        theirs += cites("3", 9, "le sien") + "\n"

        text = settled(merge_bodies(self.BASE, ours, theirs))

        assert said(text) == {
            "À moi": "le mien",
            "Un": "premier",
            "Deux": "second",
            "À elle": "le sien",
        }
        assert text.count("[^1]:") == text.count("[^2]:") == 1

    def test_one_citation_with_two_numbers_is_one_note(self) -> None:
        ours = self.BASE.replace("- Un", "- À moi[^3]\n\n- Un") + cites("3", 8, "commun") + "\n"
        theirs = self.BASE.replace("Deux[^2]\n", "Deux[^2]\n\n- À elle[^9]\n")
        theirs += cites("9", 8, "commun", title="Le guide") + "\n"

        text = settled(merge_bodies(self.BASE, ours, theirs))

        assert said(text)["À moi"] == said(text)["À elle"] == "commun"
        assert text.count("« commun »") == 1

    def test_renumbering_on_one_side_is_no_conflict(self) -> None:
        theirs = (
            f"- Un[^2]\n\n- Deux[^1]\n\n{cites('1', 5, 'second')}\n{cites('2', 4, 'premier')}\n"
        )
        ours = self.BASE.replace("- Deux", "- Deux fois")

        text = settled(merge_bodies(self.BASE, ours, theirs))

        assert said(text) == {"Un": "premier", "Deux fois": "second"}

    def test_the_note_of_a_removed_statement_goes_with_it(self) -> None:
        ours = self.BASE.replace("- Un[^1]\n\n", "").replace(cites("1", 4, "premier") + "\n", "")
        theirs = self.BASE.replace("Deux", "Trois")

        text = settled(merge_bodies(self.BASE, ours, theirs))

        assert text == f"- Trois[^2]\n\n{cites('2', 5, 'second')}\n"

    def test_notes_follow_what_is_chosen(self) -> None:
        ours = self.BASE.replace("Un[^1]", "Mon texte[^3]") + cites("3", 8, "le mien") + "\n"
        theirs = self.BASE.replace("Un[^1]", "Son texte[^3]") + cites("3", 9, "le sien") + "\n"
        merged = merge_bodies(self.BASE, ours, theirs)
        name = only(merged).id

        mine, other, both = (resolve_conflicts(merged, {name: c}) for c in (MINE, THEIRS, BOTH))

        assert said(mine) == {"Mon texte": "le mien", "Deux": "second"}
        assert said(other) == {"Son texte": "le sien", "Deux": "second"}
        assert said(both) == {"Mon texte": "le mien", "Son texte": "le sien", "Deux": "second"}

    def test_words_and_the_source_they_were_given_for_are_one_thing(self) -> None:
        said = "- Le gain moyen des sites suivis par le programme est bon[^1]\n\n"
        base = said + cites("1", 4, "q") + "\n"
        ours = base.replace("bon", "mauvais")
        theirs = base.replace(cites("1", 4, "q"), cites("1", 9, "autre"))

        conflict = only(merge_bodies(base, ours, theirs))

        assert conflict.ours.startswith("- Le gain moyen")
        assert "mauvais" in conflict.ours
        assert "bon" in conflict.theirs

    def test_a_change_of_source_is_not_lost_among_statements_alike(self) -> None:
        notes = "\n\n" + "\n".join(cites(str(n), n, f"q{n}") for n in range(1, 5)) + "\n"
        base = "- b4 dit cela[^2]\n- b5 dit cela[^4]\n- b6 dit cela[^1]" + notes
        ours = "- b4 dit cela[^2]\n- b5 dit cela[^4]" + notes
        theirs = "- b5 dit cela[^1]" + notes

        text = settled(merge_bodies(base, ours, theirs))

        assert said(text) == {"b5 dit cela": "q1"}

    def test_a_statement_that_one_replaced_does_not_come_back_in_another_s_place(self) -> None:
        base = "- b1 dit cela\n- b2 dit cela\n- b3 dit cela\n"
        merged = merge_bodies(
            base, "- o1 dit cela\n- b3 dit cela\n", "- t1 dit cela\n- b1 dit cela\n"
        )

        text = resolve_conflicts(merged, {c.id: MINE for c in merged.conflicts})

        assert text == "- t1 dit cela\n- o1 dit cela\n- b3 dit cela\n"

    def test_a_note_that_nothing_calls_is_kept_if_nobody_removed_it(self) -> None:
        base = self.BASE + "[^lire]: À lire un jour\n"
        ours, theirs = base.replace("Un", "Une"), base.replace("Deux", "Trois")

        assert "[^lire]: À lire un jour" in settled(merge_bodies(base, ours, theirs))

    def test_a_definition_is_found_where_a_side_lost_it(self) -> None:
        ours = self.BASE.replace(cites("2", 5, "second") + "\n", "").replace("Un", "Une")
        theirs = self.BASE.replace("Deux", "Trois")

        assert said(settled(merge_bodies(self.BASE, ours, theirs)))["Trois"] == "second"

    def test_a_marker_in_code_is_text(self) -> None:
        base = "```\n[^1]\n```\n\nTexte[^1]\n\n" + cites("1", 4, "premier") + "\n"
        ours = base.replace("Texte", "Mot[^2] texte") + cites("2", 5, "a") + "\n"
        theirs = base.replace("[^1]", "[^7]").replace("```\n[^7]", "```\n[^1]") + "\nFin\n"

        assert "```\n[^1]\n```" in settled(merge_bodies(base, ours, theirs))

    def test_header_data_and_body_share_their_notes(self) -> None:
        base = Version("Texte[^1]\n\n" + cites("1", 4, "premier") + "\n", {"cout": "?"})
        ours = Version(
            base.body.replace("Texte", "Mon texte") + cites("2", 5, "coût") + "\n",
            {"cout": "10 k€[^2]"},
        )
        theirs = Version(
            base.body.replace("[^1]\n\n", "[^1]\n\nEt plus.[^2]\n\n")
            + cites("2", 6, "plus")
            + "\n",
            {"cout": "?"},
        )

        merged = merge_versions(base, ours, theirs)
        _body, notes = split_notes(settled(merged))

        marker = merged.values["cout"].removeprefix("10 k€[^").removesuffix("]")
        assert notes[marker].quote == "coût"
        assert {n.quote for n in notes.values()} == {"premier", "coût", "plus"}


class TestHeaderData:
    def test_keys_are_merged_one_by_one(self) -> None:
        base = {"systeme": "air", "cout": "1", "type": "a", "gone": "x"}
        ours = {"systeme": "vapeur", "cout": "1", "type": "a", "neu": "n", "gone": "x"}
        theirs = {"systeme": "air", "cout": "2", "type": "a"}

        values, conflicts = merge_values(base, ours, theirs)

        assert conflicts == []
        assert values == {"systeme": "vapeur", "cout": "2", "type": "a", "neu": "n"}

    def test_a_key_changed_in_two_ways_is_a_conflict(self) -> None:
        versions = [Version("Texte\n", {"cout": v}) for v in ("1", "2", "3")]
        merged = merge_versions(*versions)
        conflict = only(merged)

        assert (conflict.field, conflict.ours, conflict.theirs) == ("cout", "2", "3")
        assert conflict.kind == "value"
        assert merged.values == {"cout": "2"}
        assert resolve_value_conflicts(merged, {conflict.id: THEIRS}) == {"cout": "3"}
        assert resolve_value_conflicts(merged, {conflict.id: ConflictChoice("edit", "")}) == {}
        assert resolve_conflicts(merged, {conflict.id: MINE}) == "Texte\n"


@pytest.mark.parametrize(
    "base",
    [" ".join(f"mot{n % 997}" for n in range(20_000)), "même ligne\n\n" * 20_000],
    ids=["one long line", "the same line again and again"],
)
def test_a_monotonous_text_is_merged_in_little_time(base: str) -> None:
    ours, theirs = "début " + base[: len(base) // 2], base[100:] + " fin"
    merged: list[MergeResult] = []

    assert processor_time(lambda: merged.append(merge_bodies(base, ours, theirs))) < 5
    assert len(merged[0].conflicts) < 3


def test_windows_line_ends_are_no_change() -> None:
    ours = changed(("hiver", "été")).replace("\n", "\r\n")

    assert settled(merge_bodies(BASE, ours, changed(("20 %", "25 %")))) == changed(
        ("hiver", "été"), ("20 %", "25 %")
    )


def test_a_section_that_one_side_moves_and_both_rename_stands_once() -> None:
    kept = "## Contexte\n\nLe séchage prend la moitié de la vapeur du site."
    body = "Le condensat gèle parfois en hiver."
    base = f"{kept}\n\n## Risques\n\n{body}\n"
    ours = f"## Risques et freins\n\n{body}\n\n{kept}\n"
    theirs = base.replace("## Risques", "## Risques connus")

    merged = merge_bodies(base, ours, theirs)

    (conflict,) = merged.conflicts
    for choice, heading in ((MINE, "## Risques et freins"), (THEIRS, "## Risques connus")):
        text = resolve_conflicts(merged, {conflict.id: choice})
        assert text == f"{heading}\n\n{body}\n\n{kept}\n"
