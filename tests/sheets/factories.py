"""Values for tests without a database: a sheet template and passages."""

from ingestion.search.passage import Passage
from sheets.schema.types import FieldBrief, SectionBrief, SheetTemplate


def field(key: str, heading: str, shape: str = "list", **extra: object) -> FieldBrief:
    return FieldBrief(key, heading, f"Question sur {heading} ?", "", shape, **extra)  # type: ignore[arg-type]


TEMPLATE = SheetTemplate(
    "solution",
    (
        SectionBrief(
            "fiche", "Fiche d’identité", "", "header", (field("categorie", "Catégorie", "value"),)
        ),
        SectionBrief(
            "resume", "Résumé (10 secondes)", "🎯", "body", (field("resume", "Résumé", "text"),)
        ),
        SectionBrief(
            "impacts",
            "Impacts attendus",
            "📊",
            "body",
            (field("energie", "Énergie"), field("co2", "CO₂"), field("capex", "Capex")),
        ),
        SectionBrief(
            "risques",
            "Risques / freins & solutions",
            "⚠️",
            "body",
            (field("risques", "Risques et parades", "table", columns=("Risque", "Parade")),),
        ),
    ),
)


def passage(chunk_id: int, text: str, **extra: object) -> Passage:
    values: dict[str, object] = {
        "document_id": 1,
        "title": "Guide de l’air comprimé",
        "page_start": 1,
        "page_end": 1,
        "headings": (),
        "kind": "text",
        "score": 1.0,
    }
    return Passage(chunk_id=chunk_id, text=text, **(values | extra))  # type: ignore[arg-type]
