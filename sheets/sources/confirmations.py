"""Confirmations of statements by people: looked up by the hashes of text and passages."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format

from sheets.models import Confirmation, Judgement, Sheet
from sheets.verification.levels import (
    CONFIRMED,
    JUDGED,
    JUDGED_LEVELS,
    VERBATIM,
    Finding,
    at_best_fragile,
)
from sheets.verification.verbatim import exact_words

Keys = tuple[str, str]


@dataclass(frozen=True)
class Said:
    """What a person said of a statement: confirmed or not, by whom and when, and why not."""

    accepted: bool
    by: str
    reason: str = ""
    is_model: bool = False
    is_writer: bool = False
    """The judging model is the writing one."""


def confirmation_key(text: str, passages: Sequence[str]) -> Keys:
    """Return the hashes of a statement and of its passages, whatever their typography."""
    return _digest(exact_words(text)), _digest(passages)


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def sheet_confirmations(sheet: Sheet) -> dict[Keys, Said]:
    """Return what people said of statements of a sheet, by their keys."""
    rows = Confirmation.objects.filter(sheet=sheet).select_related("by")
    return {(row.text_hash, row.passage_hash): said_by(row) for row in rows}


def statement_judgements(keys: Iterable[Keys]) -> dict[Keys, Said]:
    """Return what models answered of statements, by their keys; the last answer counts."""
    texts = {text for text, _passage in keys if text}
    rows = Judgement.objects.filter(text_hash__in=texts, model=settings.JUDGE_MODEL).order_by("at")
    is_writer = settings.JUDGE_MODEL == settings.LLM_MODEL
    return {
        (row.text_hash, row.passage_hash): Said(row.accepted, row.model, "", True, is_writer)
        for row in rows
    }


def said_by(row: Confirmation) -> Said:
    """Return what a row says, with the person and the date as one text."""
    date = date_format(timezone.localtime(row.at), "SHORT_DATE_FORMAT")
    return Said(row.accepted, f"{row.by or '–'}, {date}", row.reason)


def apply_confirmation(finding: Finding, keys: Keys, said: Mapping[Keys, Said]) -> Finding:
    """Return the level of a statement with what a person said of it."""
    one = said.get(keys)
    if one is None or (one.accepted and finding.level == VERBATIM):
        return finding
    if one.is_model:
        if not one.accepted or finding.level not in JUDGED_LEVELS:
            return finding
        return Finding(JUDGED, (("judged_by_writer" if one.is_writer else "judged_by", one.by),))
    if one.accepted:
        return Finding(CONFIRMED, (("confirmed_by", one.by),))
    level = at_best_fragile(finding.level)
    return Finding(level, (("rejected_by", f"{one.by} : {one.reason}"), *finding.reasons))
