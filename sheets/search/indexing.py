"""Index sheets: what search reads of them, kept in step with their current revisions."""

from collections.abc import Iterable, Mapping, Sequence

from ingestion.search import postings, spelling
from ingestion.search.bm25 import Space
from ingestion.search.hybrid import Place
from ingestion.vector_index import collections as index
from ingestion.vector_index.collections import Shelf
from ingestion.vector_index.embedders.registry import get_embedder
from ingestion.vector_index.registry import Holding
from sheets.links.wikilinks import note_links
from sheets.markdown.passages import Part, parts, readable
from sheets.models import SearchedSection, SearchedSheet, Sheet
from sheets.models.schema_loader import load_template
from sheets.schema.types import Template
from sheets.writers.vectors import embed_texts, hash_of
from wikico2.llm.client import Patience
from wikico2.text.analyzer import main_lexemes
from wikico2.text.normalize import fold

SECTIONS = Shelf("sections-", "sheet")
SHEETS = Place(Space("sheets_searchedsheet", "sheet_id"), SECTIONS, SearchedSection, single=False)
HOLDING = Holding(
    shelf=SECTIONS,
    allowed=lambda: SearchedSection.objects.exclude(sheet__state=Sheet.State.ARCHIVED),
    due=lambda: SearchedSection.objects.exclude(sheet__state=Sheet.State.ARCHIVED),
    owner="sheet_id",
    text=lambda row: str(row.embedded),
)

SECTOR_KEYS = {"secteur", "secteurs", "sous_secteurs", "sites", "exemples", "cas"}
SYSTEM_KEYS = {"systeme", "systemes", "categorie"}
"""The keys of header data, sections and fields among which `secteur:` and `systeme:` look."""


def index_words(sheet: Sheet, template: Template | None = None) -> None:
    """Write what the sheet is found by, from its current revision; cheap enough for each save."""
    revision = sheet.current
    template = template or load_template(sheet.sheet_type)
    header = {k: readable(v) for k, v in revision.metadata.items()} if revision else {}
    found = parts(revision.body, template) if revision else []
    by_type = sheet.sheet_type.key in SECTOR_KEYS
    sector = [*_about(SECTOR_KEYS, header, found), *([sheet.title] if by_type else [])]
    system = [*_about(SYSTEM_KEYS, header, found), *([] if by_type else [sheet.title])]
    texts = [*header.values(), *(f"{part.heading}\n{part.text}" for part in found)]
    note_links(sheet)
    SearchedSheet(
        sheet=sheet,
        revision=revision,
        title=sheet.title,
        folded=fold(sheet.title)[:250],
        system_name=header.get("systeme", "")[:200],
        category_name=header.get("categorie", "")[:200],
        sector=_lexemes(sector),
        system=_lexemes(system),
        text="\n".join(texts),
    ).save()
    _write_sections(sheet, header, found)


def ensure_words(sheet: Sheet) -> None:
    """Write what the sheet is found by, unless that is what is there."""
    known = SearchedSheet.objects.filter(sheet=sheet, revision=sheet.current_id, title=sheet.title)
    if not known.exists():
        index_words(sheet)


def _about(keys: set[str], header: Mapping[str, str], found: Iterable[Part]) -> list[str]:
    values = [value for key, value in header.items() if key in keys]
    return values + [p.text for p in found if p.key in keys or keys.intersection(p.fields)]


def _lexemes(texts: Iterable[str]) -> str:
    return f" {' '.join(dict.fromkeys(w for text in texts for w in main_lexemes(text)))} "


def _write_sections(sheet: Sheet, header: Mapping[str, str], found: Sequence[Part]) -> None:
    """Make the rows of the sections those of the text; one that has not changed keeps its row."""
    opening = Part("", "", "", " ; ".join([sheet.title, *header.values()]))
    rows = {}
    for position, part in enumerate([opening, *found]):
        row = SearchedSection(
            sheet=sheet,
            position=position,
            heading=part.heading,
            folded=fold(f"{sheet.title} {part.heading}")[:500],
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


def index_meaning(sheet: Sheet, patience: Patience | None = None) -> None:
    """Give the sheet's sections their vectors, in the index and nowhere else for archived ones.

    Raises TransientError when the index or the model service is away.
    """
    embedder = get_embedder()
    if sheet.state == Sheet.State.ARCHIVED:
        forget(sheet.pk)
        return
    rows = {row.pk: row for row in sheet.searched_sections.defer("search")}
    embed_texts(embedder, [row.embedded for row in rows.values()], patience)
    wanted = {pk: row.content_hash for pk, row in rows.items()}
    index.place(SECTIONS, sheet.pk, wanted, embedder.name)


def forget(sheet_id: int) -> None:
    """Take the vectors of a sheet out of the index."""
    index.clear(SECTIONS, sheet_id)


def learn_words(sheet: Sheet) -> None:
    """Remember the words of the sheet, for those who mistype them."""
    searched = SearchedSheet.objects.filter(sheet=sheet).first()
    if searched:
        spelling.learn([searched.title, searched.text])
    postings.fold(SHEETS.space.table)
