"""Offer people the sentences, items and rows of the sources that may answer a field."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ingestion.models import Chunk
from ingestion.search.passage import Passage
from ingestion.search.retrieve import retrieve_passages
from sheets.models import VocabularyTerm
from sheets.schema.types import DraftStatement, FieldBrief
from sheets.writers.candidates import WORTH_SHOWN, rank_candidates
from sheets.writers.context import field_question, pages_of_citations, passages_of
from sheets.writers.numbered import NumberedPassages, set_run
from sheets.writers.repeats import without_near_duplicates
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
        scores = _by_worth(title, field, numbered)
    taken = [fold_text(text) for text in known]
    if example:
        taken.append(fold_text(example.text))
    return list(_new_picks(scores, numbered, "\n".join(taken)))


def _by_worth(title: str, field: FieldBrief, numbered: NumberedPassages) -> list[int]:
    """Return the indices of the units by their worth for a field, best first."""
    places = {numbered.place(numbered.units[i]): i for i in numbered.by_number.values()}
    ranked = rank_candidates(title, field, list(numbered.shown.values()))
    return [places[c.place] for c in ranked if c.worth >= WORTH_SHOWN and c.place in places]


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


def _new_picks(
    indices: Iterable[int], numbered: NumberedPassages, known: str
) -> Iterator[FieldPick]:
    """Yield the first candidates that differ from each other and from what is known."""
    found = ((index, set_run(numbered.chain(index), numbered, set())) for index in indices)
    fresh = (
        (index, statement)
        for index, statement in found
        if stem_set(statement.text) and fold_text(statement.text) not in known
    )
    varied = without_near_duplicates(fresh, lambda pair: pair[1].text, SAME)
    return (make_pick(numbered, *pair) for pair in islice(varied, OFFERED))


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
