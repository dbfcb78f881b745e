"""Offer people the sentences, items and rows of the sources that may answer a field."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ingestion.models import Chunk
from ingestion.search.passage import Passage
from ingestion.search.retrieve import retrieve_passages
from sheets.models import VocabularyTerm
from sheets.schema.types import DraftStatement, FieldBrief, SectionBrief
from sheets.writers.candidates import WORTH_SHOWN, rank_candidates
from sheets.writers.context import field_question, pages_of_citations, passages_of
from sheets.writers.numbered import NumberedPassages, set_run
from wikico2.text.normalize import fold_text, stem_set

OFFERED = 5
"""Candidates shown for a field."""

SEARCHED = 40
"""Passages that candidates are taken from."""

SAME = 0.8
"""Share of the stems of the shorter of two candidates from which on one is shown."""

LONGEST_QUERY = 300

MOST_WORDS_OF_A_NAME = 8
"""Words of the longest name of a category, a system or a sector that is taken from a source."""

NAMED = {key for keys in VocabularyTerm.FIELDS.values() for key in keys}
"""The keys of the fields that name terms of the vocabulary."""


@dataclass(frozen=True)
class FieldPick:
    """A statement that may be put into a field word for word, with what it cites.

    `key` names its place: passage, unit and row. `sources` are (title, document, page, quote).
    """

    key: str
    text: str
    passage: Passage
    page: int
    sources: tuple[tuple[str, int, int, str], ...]

    @property
    def heading(self) -> str:
        """Return the heading that it stands under in its source."""
        return self.passage.headings[-1] if self.passage.headings else ""


def holds_a_name(field: FieldBrief) -> bool:
    """Tell whether a field holds names or one of its choices, where a sentence has no place."""
    return field.key in NAMED or bool(field.choices)


def fits(field: FieldBrief, text: str) -> bool:
    """Tell whether a field may hold this text as it stands."""
    if field.choices:
        return fold_text(text) in {fold_text(choice) for choice in field.choices}
    return field.key not in NAMED or len(text.split()) <= MOST_WORDS_OF_A_NAME


def find_picks(
    title: str,
    section: SectionBrief,
    field: FieldBrief,
    document_ids: Sequence[int],
    *,
    query: str = "",
    like: str = "",
    known: Iterable[str] = (),
) -> list[FieldPick]:
    """Return up to `OFFERED` candidates for a field of a sheet, best first.

    With `query` those that contain its words, with `like` those near the candidate of that key.
    Texts that the sheet has already (`known`, as folded text) are left out.
    """
    example = pick_of(like, document_ids) if like else None
    words = (example.text if example else query)[:LONGEST_QUERY]
    question = words or field_question(field)
    about = "" if words else title
    passages = retrieve_passages(question, k=SEARCHED, document_ids=document_ids, about=about)
    usable = passages_of(p.chunk_id for p in passages)
    shown = [usable[p.chunk_id] for p in passages if p.chunk_id in usable]
    numbered = NumberedPassages({f"S{n}": passage for n, passage in enumerate(shown, 1)})
    if words:
        scores = _by_words(words, numbered, nearness=bool(example))
    else:
        scores = _by_worth(title, section, field, numbered)
    taken = [fold_text(text) for text in known]
    if example:
        taken.append(fold_text(example.text))
    return list(_varied(scores, numbered, "\n".join(taken)))


def _by_worth(
    title: str, section: SectionBrief, field: FieldBrief, numbered: NumberedPassages
) -> list[int]:
    """Return the indices of the units by their worth for a field, best first."""
    places = {_place(numbered, index): index for index in numbered.by_number.values()}
    ranked = rank_candidates(title, section, field, list(numbered.shown.values()))
    found = (
        places.get((c.passage.chunk_id, c.position, c.row))
        for c in ranked
        if c.worth >= WORTH_SHOWN
    )
    return [index for index in found if index is not None]


def _by_words(words: str, numbered: NumberedPassages, *, nearness: bool) -> list[int]:
    """Return the indices of the units by the share of the words that they have, best first.

    Passages are in order of their rank, which decides between equals; with `nearness` half of the
    words need not be there.
    """
    wanted = stem_set(words)
    if not wanted:
        return []
    shares = {
        index: len(wanted & stem_set(numbered.units[index].text)) / len(wanted)
        for index in numbered.by_number.values()
    }
    least = 0.15 if nearness else 0.5
    found = [index for index, share in shares.items() if share >= least]
    return sorted(found, key=lambda index: -shares[index])


def _place(numbered: NumberedPassages, index: int) -> tuple[int, int, int | None]:
    unit = numbered.units[index]
    return numbered.shown[unit.label].chunk_id, unit.position, unit.row


def _varied(indices: Iterable[int], numbered: NumberedPassages, known: str) -> Iterable[FieldPick]:
    """Yield the first candidates that differ from each other and from what is known."""
    shown: list[frozenset[str]] = []
    for index in indices:
        if len(shown) == OFFERED:
            return
        statement = set_run(numbered.chain(index), numbered, set())
        stems = stem_set(statement.text)
        if not stems or fold_text(statement.text) in known:
            continue
        if all(len(stems & other) < SAME * min(len(stems), len(other)) for other in shown):
            shown.append(stems)
            yield make_pick(numbered, index, statement)


def make_pick(numbered: NumberedPassages, index: int, statement: DraftStatement) -> FieldPick:
    """Return a unit, set as a statement, as a candidate."""
    unit = numbered.units[index]
    passage = numbered.shown[unit.label]
    pages = pages_of_citations(statement.sources, numbered.shown)
    sources = tuple(
        (
            passage.title,
            passage.document_id,
            pages.get((c.label, c.quote), passage.page_start),
            c.quote,
        )
        for c in statement.sources
    )
    row = "" if unit.row is None else unit.row
    key = f"{passage.chunk_id}-{unit.position}-{row}"
    return FieldPick(key, statement.text, passage, sources[-1][2], sources)


def pick_of(key: str, document_ids: Sequence[int]) -> FieldPick | None:
    """Return the candidate of a key, if it is in one of these sources and may be quoted."""
    parts = key.split("-")
    if len(parts) != 3 or not all(p.isascii() and len(p) < 12 for p in parts):
        return None
    if not (parts[0].isdigit() and parts[1].isdigit() and (parts[2].isdigit() or not parts[2])):
        return None
    chunks: Any = Chunk.objects.filter(pk=int(parts[0]), document__in=document_ids)
    found = passages_of(chunks.values_list("pk", flat=True))
    numbered = NumberedPassages({f"S{pk}": passage for pk, passage in found.items()})
    wanted = int(parts[1]), int(parts[2]) if parts[2] else None
    for index in numbered.by_number.values():
        unit = numbered.units[index]
        if (unit.position, unit.row) == wanted:
            return make_pick(numbered, index, set_run(numbered.chain(index), numbered, set()))
    return None
