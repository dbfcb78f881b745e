"""The comparison as a reader gets it: what is folded, and the page with marks."""

import re

import pytest

from sheets.merge import Version
from sheets.rendering.footnotes import reading_order
from sheets.revisions import compare
from sheets.revisions.compare import compare_versions, render_changes
from tests.sheets.factories import TEMPLATE

TABLE = "| Risque | Parade |\n|---|---|\n" + "\n".join(
    f"| Risque numéro {n} | Parade numéro {n} |" for n in range(1, 9)
)
GAINS = "\n".join(f"- Un gain de {n} % en atelier." for n in range(1, 9))
OLD = f"""## 🎯 Résumé (10 secondes)

Le compresseur rend sa chaleur.

## 📊 Impacts attendus

### Énergie

{GAINS}

### CO₂

Moins de gaz est brûlé.

## ⚠️ Risques / freins & solutions

{TABLE}
"""


def page(new: str, *, whole: bool = False) -> str:
    changes = compare_versions(Version(OLD), Version(new), TEMPLATE).changes
    return render_changes(changes, {}, TEMPLATE, {}, whole=whole)


def test_the_page_shows_what_differs_and_counts_the_rest() -> None:
    html = page(OLD.replace("Un gain de 6 %", "Un gain de 60 %"))
    assert "<ins>60</ins>" in html
    assert "<del>6</del>" in html
    assert "Un gain de 5" in html
    assert "Un gain de 2" not in html
    assert "Risque numéro 3" not in html
    assert html.count('class="diff-fold"') == 2


def test_a_block_stands_under_its_headings() -> None:
    html = page(OLD.replace("Moins de gaz", "Moins de fioul"))
    assert html.index('id="impacts"') < html.index('id="impacts-co2"') < html.index("fioul")
    assert "Énergie</h3>" not in html
    assert "Résumé" not in html


def test_a_row_stands_under_the_head_of_its_table() -> None:
    html = page(OLD.replace("Parade numéro 7", "Garde numéro 7"))
    assert html.index('<th scope="col">Risque</th>') < html.index("<ins>Garde</ins>")
    assert "Parade numéro 2" not in html


def test_the_whole_page_where_it_is_asked_for() -> None:
    html = page(OLD.replace("Parade numéro 7", "Garde numéro 7"), whole=True)
    assert "Parade numéro 2" in html
    assert "diff-fold" not in html


def test_very_much_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "MOST_RENDERED", 10)
    html = page(OLD.replace("sa chaleur", "son froid").replace("de gaz", "de fioul"))
    assert "froid" in html
    assert "fioul" not in html
    assert "tout=1" in html


def test_signs_that_mark_changes_are_not_taken_from_the_text() -> None:
    html = page(OLD.replace("gaz", "\ue010gaz\ue0149\ue016"))
    assert "\ue010" not in html
    assert "9" in html


NOTED = """## 🎯 Résumé (10 secondes)

Le compresseur rend sa chaleur.[^a]

## 📊 Impacts attendus

Un premier gain.[^b]

Un deuxième gain.[^c]

Un troisième gain.[^a]

Un quatrième gain.[^d]

Un dernier gain, sans source.
"""
NOTES = {"a": "Relevé A", "b": "Relevé B", "c": "Relevé C", "d": "Relevé D"}


def noted(new: str) -> str:
    ends = "".join(f"\n[^{marker}]: {text}" for marker, text in NOTES.items())
    order = reading_order(Version(new + ends, {"cout": "10 €[^d]"}), TEMPLATE)
    changes = compare_versions(Version(NOTED), Version(new), TEMPLATE).changes
    return render_changes(changes, NOTES, TEMPLATE, {}, order=order)


def test_notes_have_the_numbers_of_the_whole_version() -> None:
    html = noted(NOTED.replace("quatrième", "autre"))
    assert 'id="ref-1-1"' in html, "the header's note is the first of the page"
    assert 'id="ref-2-1"' in html, "the summary's is the second, used here once"
    assert re.findall(r'<li id="note-(\d)" value="(\d)"', swapped(html)) == [("1", "1"), ("2", "2")]
    assert "Relevé B" not in html, "a note that no shown block uses is not listed"


def test_a_note_that_only_the_former_version_has_comes_after_the_others() -> None:
    html = noted(NOTED.replace("Un deuxième gain.[^c]\n\n", ""))
    assert '<li value="4" id="note-4">Relevé C' in html


def swapped(html: str) -> str:
    return re.sub(r'<li (value="\d+") (id="note-\d+")', r"<li \2 \1", html)


def test_signs_go_with_their_words() -> None:
    html = page(OLD.replace("Le compresseur rend sa chaleur.", "Rien, ou presque (5 %)."))
    assert "<ins>Rien, ou presque (5 %).</ins>" in html.replace("\u202f", " ").replace("\xa0", " ")
