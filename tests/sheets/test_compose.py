"""Drafts become Markdown whose statements keep their sources."""

from sheets.markdown.compose import SectionSources, compose_sheet
from sheets.markdown.parse import body_statements, split_notes
from sheets.schema.types import CitedPassage, DraftStatement, FieldDraft, SectionDraft, TableRow
from tests.sheets.factories import TEMPLATE, passage

SHOWN = {
    "S1": passage(11, "On récupère 90 % de la chaleur.", page_start=2, page_end=3),
    "S2": passage(12, "Le coût va de 10 à 60 k€.", page_start=5, page_end=5),
}
QUOTE = "On récupère 90 % de la chaleur."
DRAFTS = {
    "fiche": SectionDraft(
        "fiche",
        (
            FieldDraft(
                "categorie", (DraftStatement("Air *comprimé*", (CitedPassage("S2", "coût"),)),)
            ),
        ),
    ),
    "impacts": SectionDraft(
        "impacts",
        (
            FieldDraft(
                "energie",
                (
                    DraftStatement("90 % [S1] récupérés", (CitedPassage("S1", QUOTE),)),
                    DraftStatement("<script>", (CitedPassage("S1", QUOTE),)),
                ),
            ),
            FieldDraft(
                "capex", (DraftStatement("De 10 à 60 k€", (CitedPassage("S2", "Le coût"),)),)
            ),
        ),
    ),
    "risques": SectionDraft(
        "risques",
        (
            FieldDraft(
                "risques",
                (),
                ("Risque", "Parade"),
                (TableRow(("Encras|sement", ""), (CitedPassage("S1", QUOTE),)),),
            ),
        ),
    ),
}
SOURCES = {
    key: SectionSources(SHOWN, {("S1", QUOTE): 3})
    for key in ("fiche", "resume", "impacts", "risques")
}


def test_the_body_reads_back_as_the_drafts() -> None:
    body, header = compose_sheet(TEMPLATE, DRAFTS, SOURCES)
    found = [(s.field, s.text, len(s.markers)) for s in body_statements(body, TEMPLATE)]

    assert found == [
        ("energie", "90 % [S1] récupérés", 1),
        ("energie", "<script>", 1),
        ("capex", "De 10 à 60 k€", 1),
        ("risques", "Encras|sement", 1),
    ]
    assert header == {"categorie": r"Air \*comprimé\*[^1]"}


def test_a_quote_is_numbered_once_and_keeps_its_own_page() -> None:
    body, _header = compose_sheet(TEMPLATE, DRAFTS, SOURCES)
    _text, notes = split_notes(body)

    assert list(notes) == ["1", "2", "3"]
    assert (notes["2"].page, notes["2"].quote) == (3, QUOTE)


def test_empty_fields_keep_their_heading() -> None:
    body, _header = compose_sheet(TEMPLATE, DRAFTS, SOURCES, emoji=False)

    assert "## Résumé (10 secondes)\n\n## Impacts attendus" in body
    assert "### CO₂\n\n### Capex" in body
