"""Which rows of a table are headings where the document does not say so."""

from __future__ import annotations

import pytest

from ingestion.readers.text.table_grid import Cell, lay_out_table


def headings_of(*rows: str) -> int:
    return lay_out_table([[Cell(text) for text in row.split("|")] for row in rows]).headings


@pytest.mark.parametrize(
    "rows",
    [
        ("Surface|1 200 m²", "Consommation|85 kWh/m²", "Occupants|40"),
        ("Rendement|0,85", "Puissance|12"),
        ("Gaz|45 %|12", "Bois|55 %|13"),
        ("Isolation|12 500 €|(3,5)", "Fenêtres|8 000 €|"),
    ],
)
def test_a_list_of_names_and_values_has_no_headings(rows: tuple[str, ...]) -> None:
    assert headings_of(*rows) == 0


@pytest.mark.parametrize(
    "rows",
    [
        ("Poste|2019|2023", "Gaz|1,5|2,5"),
        ("Poste|2019", "Gaz|1,5"),
        ("Poste|2019-2023", "Gaz|1,5"),
        ("Durée|10 ans|20 ans", "Coût|1,5|2,5"),
        ("Classe|1|2|3", "Gaz|1,5|2,5|3"),
        ("|45 %|55 %", "Gaz|1,5|2,5"),
        ("Poste|Valeur", "Gaz|1,5"),
        ("Bâtiment|12 bis rue Haute", "Surface|1 200"),
        ("Surface|1 200 m²", "Adresse|12 bis rue Haute"),
        ("Surface|1 200 m²",),
    ],
)
def test_other_first_rows_are_headings(rows: tuple[str, ...]) -> None:
    assert headings_of(*rows) == 1
