"""The demonstration documents: rebuilt to the byte, readable, and holding the gold facts."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pypdfium2
import pytest

DEMO = Path(__file__).parent.parent / "demo"
GOLD = Path(__file__).parent / "gold" / "facts.jsonl"
DOCUMENTS = sorted(path.name for path in DEMO.glob("*.pdf"))
FIELDS = {
    "solution": {
        "resume": {"resume"},
        "contexte": {"objectif", "sites", "inclut", "exclut", "prerequis"},
        "fonctionnement": {"principe", "variantes"},
        "applicabilite": {"pertinent", "eviter", "contraintes"},
        "impacts": {"energie", "co2", "capex", "opex", "roi", "cobenefices"},
        "leviers": {"leviers"},
        "parcours": {"diagnostic", "dimensionnement", "installation", "suivi"},
        "risques": {"risques"},
        "exemples": {"exemples"},
        "ressources": {"ressources"},
    },
    "secteur": {
        "description": {"activites", "sites", "contraintes"},
        "profil": {"procedes", "utilites", "batiment", "deplacements", "dechets"},
        "enjeux": {"enjeux", "reglementations"},
        "systemes": {"systemes"},
        "parcours": {
            "quick_wins",
            "optimisations",
            "investissements",
            "nouvelles_energies",
            "management",
        },
        "cas": {"cas"},
        "ressources": {"ressources"},
    },
}
QUANTITY = re.compile(
    r"\d (?:%|°C|K\b|bar\b|k?g\b|t?CO2e|tCO2e|[kMGT]Wh?\b|€|h/an|m³|m\b|ans\b|mois\b|heures\b)"
)


@cache
def pages(name: str) -> list[str]:
    """Return the text of each page, white space normalised."""
    with pypdfium2.PdfDocument(DEMO / name) as pdf:
        return [" ".join(page.get_textpage().get_text_bounded().split()) for page in pdf]


def facts() -> list[dict[str, str | int]]:
    return [json.loads(line) for line in GOLD.read_text("utf-8").splitlines()]


def test_committed_documents_match_their_text() -> None:
    command = [sys.executable, str(DEMO / "build.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_check_names_the_document_that_differs(tmp_path: Path) -> None:
    for path in [*DEMO.glob("*.py"), *DEMO.glob("content/*.md"), *DEMO.glob("*.pdf")]:
        copy = tmp_path / path.relative_to(DEMO)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    altered = tmp_path / DOCUMENTS[0]
    altered.write_bytes(altered.read_bytes() + b"\n")
    command = [sys.executable, str(tmp_path / "build.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        f"{altered.name} differs from its text: run python demo/build.py"
    ]


def test_manifest_lists_every_document() -> None:
    manifest = json.loads((DEMO / "demo.json").read_text("utf-8"))
    assert sorted(entry["file"] for entry in manifest) == DOCUMENTS
    assert sorted(entry["sheet_type"] for entry in manifest) == ["secteur", "solution", "solution"]
    for entry in manifest:
        kind, printed = entry["title"].split(" – ")
        assert kind
        assert printed in pages(entry["file"])[0]
        assert entry["title"] != entry["sheet_title"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_reads_well(name: str) -> None:
    text = " ".join(pages(name))
    assert 6 <= len(pages(name)) <= 15
    assert {"é", "è", "ê", "à", "ç", "ô", "°", "³", "€", "’", "–"} <= set(text)
    assert not set(text) & {"\x02", "\ufffd", "\u25a0"}
    assert "CO2" in text
    assert len(QUANTITY.findall(text)) >= 80
    assert "Figure 1 – " in text
    assert "Tableau 1 – " in text
    assert "Sources 1. " in text


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_page_carries_its_number(name: str) -> None:
    for number, text in enumerate(pages(name), 1):
        assert f"Page {number} " in f"{text} "


@pytest.mark.parametrize("fact", facts(), ids=lambda fact: str(fact["fact"])[:40])
def test_gold_fact_is_on_its_page(fact: dict[str, str | int]) -> None:
    assert str(fact["fact"]) in pages(str(fact["document"]))[int(fact["page"]) - 1]


def test_gold_facts_cover_every_field() -> None:
    assert len(facts()) >= 70
    for sheet_type, sections in FIELDS.items():
        expected = {(section, field) for section, names in sections.items() for field in names}
        covered = {
            (fact["section"], fact["field"]) for fact in facts() if fact["sheet_type"] == sheet_type
        }
        assert covered == expected
