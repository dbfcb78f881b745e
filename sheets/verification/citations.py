"""Remove the statements of a draft that its passages do not support. Pure."""

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import TypeVar

from ingestion.search.passage import Passage
from sheets.schema.types import DraftStatement, DroppedDraft, SectionDraft, TableRow
from sheets.verification.levels import (
    FRAGILE,
    NOT_FOUND,
    Finding,
    check_statement,
    passage_for_check,
)
from wikico2.text.quotes import find_quote


def drop_unsupported(
    draft: SectionDraft, passages: Mapping[str, Passage], *, keep_broken: bool = False
) -> SectionDraft:
    """Return the draft without what its passages do not support, which `dropped` lists.

    Citations of deleted passages are removed, and statements without any other citation. One that
    is not found is removed too, unless `keep_broken`: it is then marked on the page.
    """
    texts = {label: passage_for_check(p.title, p.headings, p.text) for label, p in passages.items()}

    dropped = list(draft.dropped)

    def is_supported(field: str, one: DraftStatement | TableRow) -> bool:
        labels = [c.label for c in one.sources if c.label in texts]
        text = one.text if isinstance(one, DraftStatement) else " | ".join(one.cells)
        finding = Finding(NOT_FOUND, (("source_missing", ""),))
        if labels:
            finding = Finding(FRAGILE) if keep_broken else check_statement(text, texts, labels)
        if finding.level == NOT_FOUND:
            known = tuple(c for c in one.sources if c.label in texts)
            dropped.append(DroppedDraft(field, text, finding.reasons, known))
        return finding.level != NOT_FOUND

    fields = [
        replace(
            f,
            statements=tuple(
                keep_known_sources(s, texts) for s in f.statements if is_supported(f.key, s)
            ),
            rows=tuple(keep_known_sources(r, texts) for r in f.rows if is_supported(f.key, r)),
        )
        for f in draft.fields
    ]
    return replace(draft, fields=tuple(fields), dropped=tuple(dropped))


StatementOrRow = TypeVar("StatementOrRow", DraftStatement, TableRow)


def keep_known_sources(one: StatementOrRow, known: Container[str]) -> StatementOrRow:
    """Return a statement or row without citations of unknown labels."""
    return replace(one, sources=tuple(c for c in one.sources if c.label in known))


def contains_quote(text: str, quote: str) -> bool:
    """Tell whether the quote stands in the text, as the highlights of its page find it."""
    return bool(find_quote(text, quote))
