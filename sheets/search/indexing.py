"""Index the current revisions of sheets: words in PostgreSQL, vectors in the vector index."""

from collections.abc import Iterable, Mapping, Sequence

from ingestion.search import postings, spelling
from ingestion.search.bm25 import SearchTable
from ingestion.search.hybrid import SearchTarget
from ingestion.vector_index.collections import VectorCollection, delete_owner_vectors, sync_vectors
from ingestion.vector_index.embedders.registry import get_embedder
from ingestion.vector_index.registry import IndexedModel
from sheets.links.terms import save_terms
from sheets.links.wikilinks import save_links
from sheets.markdown.parse import readable_text
from sheets.markdown.passages import SheetPassage, split_passages
from sheets.models import SearchedSection, SearchedSheet, Sheet, VocabularyTerm
from sheets.models.schema_loader import load_template
from sheets.schema.types import SheetTemplate
from sheets.writers.vectors import embed_texts, hash_of
from wikico2.llm.client import RetryPolicy
from wikico2.text.analyzer import main_lexemes
from wikico2.text.normalize import fold_text

SECTIONS = VectorCollection("sections-", "sheet")
SHEETS = SearchTarget(
    SearchTable("sheets_searchedsheet", "sheet_id", "sheet_id"),
    SECTIONS,
    SearchedSection,
    single=False,
)
INDEXED_SECTIONS = IndexedModel(
    kind=SECTIONS,
    allowed=lambda: SearchedSection.objects.exclude(sheet__state=Sheet.State.ARCHIVED),
    due=lambda: SearchedSection.objects.exclude(sheet__state=Sheet.State.ARCHIVED),
    owner="sheet_id",
    text=lambda row: str(row.embedded),
)

SECTOR_KEYS = {"secteur", "secteurs", "sous_secteurs", "sites", "exemples", "cas"}
SYSTEM_KEYS = {"systeme", "systemes", "categorie"}
"""The keys of header data, sections and fields that `secteur:` and `systeme:` search."""


def index_words(sheet: Sheet, template: SheetTemplate | None = None) -> None:
    """Index the words and links of the current revision; cheap enough for each save."""
    revision = sheet.current
    template = template or load_template(sheet.sheet_type)
    header = {k: readable_text(v) for k, v in revision.metadata.items()} if revision else {}
    found = split_passages(revision.body, template) if revision else []
    by_type = sheet.sheet_type.key in SECTOR_KEYS
    sector = [*_indexed_fields(SECTOR_KEYS, header, found), *([sheet.title] if by_type else [])]
    system = [*_indexed_fields(SYSTEM_KEYS, header, found), *([] if by_type else [sheet.title])]
    texts = [*header.values(), *(f"{part.heading}\n{part.text}" for part in found)]
    save_links(sheet)
    terms = save_terms(sheet, revision.metadata if revision else {})
    SearchedSheet(
        sheet=sheet,
        revision=revision,
        title=sheet.title,
        folded=fold_text(sheet.title)[:250],
        system_name=next((term.name for term in terms[VocabularyTerm.Kind.SYSTEM]), ""),
        category_name=next((term.name for term in terms[VocabularyTerm.Kind.CATEGORY]), ""),
        sector=_text_lexemes(sector),
        system=_text_lexemes(system),
        text="\n".join(texts),
    ).save()
    _write_sections(sheet, header, found)


def ensure_indexed_words(sheet: Sheet) -> None:
    """Index the words of the sheet unless the index has this revision and title."""
    known = SearchedSheet.objects.filter(sheet=sheet, revision=sheet.current_id, title=sheet.title)
    if not known.exists():
        index_words(sheet)


def _indexed_fields(
    keys: set[str], header: Mapping[str, str], found: Iterable[SheetPassage]
) -> list[str]:
    values = [value for key, value in header.items() if key in keys]
    return values + [p.text for p in found if p.key in keys or keys.intersection(p.fields)]


def _text_lexemes(texts: Iterable[str]) -> str:
    return f" {' '.join(dict.fromkeys(w for text in texts for w in main_lexemes(text)))} "


def _write_sections(sheet: Sheet, header: Mapping[str, str], found: Sequence[SheetPassage]) -> None:
    """Replace the rows of changed sections; an unchanged section keeps its row."""
    opening = SheetPassage("", "", "", " ; ".join([sheet.title, *header.values()]))
    rows = {}
    for position, part in enumerate([opening, *found]):
        row = SearchedSection(
            sheet=sheet,
            position=position,
            heading=part.heading,
            folded=fold_text(f"{sheet.title} {part.heading}")[:500],
            anchor=part.anchor,
            text=part.text,
        )
        row.content_hash = hash_of(row.embedded)
        rows[position, row.content_hash, row.anchor, row.folded] = row
    known = sheet.searched_sections.values_list(
        "position", "content_hash", "anchor", "folded", "pk"
    )
    there = {row[:-1]: row[-1] for row in known}
    gone = [pk for key, pk in there.items() if key not in rows]
    sheet.searched_sections.filter(pk__in=gone).delete()
    SearchedSection.objects.bulk_create([row for key, row in rows.items() if key not in there])


def index_vectors(sheet: Sheet, retry_policy: RetryPolicy | None = None) -> None:
    """Compute and index the vectors of the sheet's sections; an archived sheet's are removed.

    Raise TransientError if the index or the model service cannot be reached.
    """
    embedder = get_embedder()
    if sheet.state == Sheet.State.ARCHIVED:
        remove_sheet_vectors(sheet.pk)
        return
    rows = {row.pk: row for row in sheet.searched_sections.defer("search")}
    embed_texts(embedder, [row.embedded for row in rows.values()], retry_policy)
    wanted = {pk: row.content_hash for pk, row in rows.items()}
    sync_vectors(SECTIONS, sheet.pk, wanted, embedder.name)


def remove_sheet_vectors(sheet_id: int) -> None:
    """Remove the vectors of a sheet from the index."""
    delete_owner_vectors(SECTIONS, sheet_id)


def learn_sheet_words(sheet: Sheet) -> None:
    """Add the words of the sheet to the spelling dictionary."""
    searched = SearchedSheet.objects.filter(sheet=sheet).first()
    if searched:
        spelling.learn_words([searched.title, searched.text])
    postings.compact_tallies(SHEETS.space.table)
