"""Remove the statements of a draft that its passages do not support. Pure."""

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import TypeVar

from ingestion.search.passage import Passage
from sheets.schema.types import DraftStatement, SectionDraft, TableRow
from sheets.verification.levels import NOT_FOUND, check_statement, passage_for_check
from wikico2.text.quotes import find_quote


def drop_unsupported(
    draft: SectionDraft, passages: Mapping[str, Passage], *, keep_broken: bool = False
) -> SectionDraft:
    """Return the draft without the statements that the passages do not support.

    Citations of deleted passages are removed, and statements without any other citation. One that
    is not found is removed too, unless `keep_broken`: it is then marked on the page.
    """
    texts = {label: passage_for_check(p.title, p.headings, p.text) for label, p in passages.items()}

    def is_supported(one: DraftStatement | TableRow) -> bool:
        labels = [c.label for c in one.sources if c.label in texts]
        if not labels or keep_broken:
            return bool(labels)
        text = one.text if isinstance(one, DraftStatement) else " | ".join(one.cells)
        return check_statement(text, texts, labels).level != NOT_FOUND

    fields = [
        replace(
            f,
            statements=tuple(keep_known_sources(s, texts) for s in f.statements if is_supported(s)),
            rows=tuple(keep_known_sources(r, texts) for r in f.rows if is_supported(r)),
        )
        for f in draft.fields
    ]
    return replace(draft, fields=tuple(fields))


StatementOrRow = TypeVar("StatementOrRow", DraftStatement, TableRow)


def keep_known_sources(one: StatementOrRow, known: Container[str]) -> StatementOrRow:
    """Return a statement or row without citations of unknown labels."""
    return replace(one, sources=tuple(c for c in one.sources if c.label in known))


def contains_quote(text: str, quote: str) -> bool:
    """Tell whether the quote stands in the text, as the highlights of its page find it."""
    return bool(find_quote(text, quote))
