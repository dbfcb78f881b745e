"""Fill a section with a language model that answers in JSON, each statement with its passages.

An answer that cannot be used is requested once more, with the error in the conversation.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings

from ingestion.search.passage import Passage
from sheets.markdown.sentences import quotable_units
from sheets.schema.prompt import PromptText, prompt_messages, repair_messages
from sheets.schema.types import (
    CitedPassage,
    DraftStatement,
    Evidence,
    FieldBrief,
    FieldDraft,
    SectionBrief,
    SectionDraft,
    TableRow,
)
from sheets.writers.base import AnswerRefused
from wikico2.errors import UserError
from wikico2.llm.client import ChatAnswer, RetryPolicy, request_chat
from wikico2.text.exponents import DOUBTFUL
from wikico2.text.normalize import stem_set

LONGEST_STATEMENT = 1_500
MOST_STATEMENTS = 40
SHOWN_BACK = 6_000
# Errors reported to the model about its answer, in the language of the prompts.
WRONG = {
    "answer_cut": "Elle a été coupée après {tokens} jetons : elle est trop longue.",
    "not_json": "Ce n’est pas un objet JSON valide ({reason}).",
    "wrong_schema": "Elle n’a pas la forme demandée ; revoyez : {reason}.",
}


class ModelWriter:
    """The writer that calls a language model."""

    backend = "openai"
    passages_per_field = 8

    def __init__(self, prompt: PromptText) -> None:
        self.prompt = prompt
        self.model: str = settings.LLM_MODEL
        self.prompt_version = prompt.name
        self.tokens_per_section: int = settings.LLM_PASSAGE_TOKENS
        granted = settings.AI_REQUESTS_PER_MINUTE or settings.LLM_SECTIONS_AT_ONCE
        self.at_once: int = min(settings.LLM_SECTIONS_AT_ONCE, granted)

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {
            "temperature": settings.LLM_TEMPERATURE,
            "max_tokens": settings.LLM_MAX_TOKENS,
            "passage_tokens": self.tokens_per_section,
        }

    def write(
        self, title: str, section: SectionBrief, evidence: Evidence, patience: RetryPolicy
    ) -> SectionDraft:
        """Return the section as the model fills it, with at most two requests.

        Raises wikico2.errors.UserError: AnswerRefused for an unusable answer (answer_cut,
        not_json, wrong_schema), and all that wikico2.llm.client.request_chat raises.
        """
        if not evidence.shown:
            return SectionDraft(section.key, tuple(FieldDraft(f.key) for f in section.fields))
        asked = prompt_messages(self.prompt, title, section, evidence)
        first = self.ask(asked, section, evidence, patience)
        try:
            return read_answer(first, section, evidence.shown)
        except AnswerRefused as refused:
            cut = refused.code == "answer_cut"
            error = WRONG[refused.code].format(**refused.details)
        again = repair_messages(self.prompt, asked, first.text[:SHOWN_BACK], error)
        try:
            # An answer that was cut also gets a higher limit of tokens.
            second = self.ask(again, section, evidence, patience, room=2 if cut else 1)
        except UserError as failure:
            failure.tokens_in, failure.tokens_out = first.tokens_in, first.tokens_out
            raise
        both = replace(
            second,
            tokens_in=first.tokens_in + second.tokens_in,
            tokens_out=first.tokens_out + second.tokens_out,
        )
        return read_answer(both, section, evidence.shown)

    def ask(
        self,
        asked: list[dict[str, str]],
        section: SectionBrief,
        evidence: Evidence,
        patience: RetryPolicy,
        room: int = 1,
    ) -> ChatAnswer:
        return request_chat(
            asked,
            model=self.model,
            schema=answer_schema(section, list(evidence.shown)),
            max_tokens=settings.LLM_MAX_TOKENS * room,
            temperature=settings.LLM_TEMPERATURE,
            patience=patience,
        )


def answer_schema(section: SectionBrief, labels: list[str]) -> dict[str, Any]:
    """Return the JSON schema of the answer, built from the section's fields."""
    sources = {"type": "array", "items": {"type": "string", "enum": labels}, "minItems": 1}
    return {
        "type": "object",
        "properties": {
            f.key: {"type": "array", "items": item_schema(f, sources)} for f in section.fields
        },
        "required": [f.key for f in section.fields],
        "additionalProperties": False,
    }


def item_schema(field: FieldBrief, sources: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of one element of a field."""
    content: dict[str, Any] = (
        {"cells": {"type": "array", "items": {"type": "string"}}}
        if field.shape == "table"
        else {"text": {"type": "string"}}
    )
    return {
        "type": "object",
        "properties": {**content, "sources": sources},
        "required": [*content, "sources"],
        "additionalProperties": False,
    }


def read_answer(
    answer: ChatAnswer, section: SectionBrief, shown: Mapping[str, Passage]
) -> SectionDraft:
    """Return the draft of the section in the answer.

    Raises AnswerRefused for an answer that is cut, not JSON, or JSON of another schema. A
    statement that cites an unknown label, or none, is left out and listed in `refused`.
    """
    try:
        if answer.finish_reason == "length":
            raise AnswerRefused("answer_cut", tokens=answer.tokens_out)
        data = unwrap_answer(parse_object(answer.text), section)
        refused: list[str] = []
        drafts = [read_field(f, data.get(f.key), shown, refused) for f in section.fields]
    except AnswerRefused as error:
        error.tokens_in, error.tokens_out = answer.tokens_in, answer.tokens_out
        raise
    return SectionDraft(
        section.key, tuple(drafts), answer.tokens_in, answer.tokens_out, tuple(refused)
    )


def parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object in a model's answer.

    Tolerates a code fence, text around it and trailing commas. Raises AnswerRefused("not_json").
    """
    start, end = text.find("{"), text.rfind("}")
    if not 0 <= start < end:
        raise AnswerRefused("not_json", reason="{")
    found = text[start : end + 1]
    try:
        data = json.loads(found, strict=False)
    except (ValueError, RecursionError):
        try:
            data = first_object(re.sub(r",(\s*[}\]])", r"\1", found))
        except (ValueError, RecursionError) as error:
            raise AnswerRefused("not_json", reason=str(error)[:200]) from error
    assert isinstance(data, dict)  # it begins with a brace
    return data


def first_object(text: str) -> Any:
    """Return the first JSON value of a text and ignore the rest; raises ValueError."""
    return json.JSONDecoder(strict=False).raw_decode(text)[0]


def unwrap_answer(data: dict[str, Any], section: SectionBrief) -> dict[str, Any]:
    """Return the object that has the section's fields, at the top or one level below.

    Raises AnswerRefused("wrong_schema") when none of the fields is there.
    """
    keys = {f.key for f in section.fields}
    for candidate in (data, *(v for v in data.values() if isinstance(v, dict))):
        if keys & set(candidate):
            return candidate
    raise AnswerRefused("wrong_schema", reason=", ".join(sorted(keys)))


def read_field(
    field: FieldBrief, value: Any, shown: Mapping[str, Passage], refused: list[str]
) -> FieldDraft:
    """Return a field's draft from the model's value; raises AnswerRefused("wrong_schema")."""
    statements: list[DraftStatement] = []
    rows: list[TableRow] = []
    for element in field_elements(field, value)[:MOST_STATEMENTS]:
        row_cells = element.get("cells")
        values = row_cells if isinstance(row_cells, list) else [element.get("text")]
        texts = [one_text(v) for v in values]
        labels = read_labels(element.get("sources"))
        if not any(texts):
            continue
        if not labels or any(label not in shown for label in labels):
            refused.append(" | ".join(texts))
            continue
        sources = tuple(
            CitedPassage(label, best_quote(" ".join(texts), shown[label])) for label in labels
        )
        if field.shape == "table":
            width = len(field.columns)
            rows.append(TableRow(tuple((texts + [""] * width)[:width]), sources))
        else:
            statements.append(DraftStatement(" — ".join(t for t in texts if t), sources))
        if field.shape == "value":
            break
    return FieldDraft(field.key, tuple(statements), field.columns if rows else (), tuple(rows))


def field_elements(field: FieldBrief, value: Any) -> list[dict[str, Any]]:
    """Return the elements of a field's value: a list of objects, or a single one, or nothing."""
    if value is None or value in ("", [], {}):
        return []
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(e, dict) and ({"text", "cells"} & set(e)) for e in listed):
        raise AnswerRefused("wrong_schema", reason=field.key)
    return listed


def one_text(value: Any) -> str:
    """Return a cell or a sentence on one line, at most `LONGEST_STATEMENT` characters."""
    return "" if value is None else " ".join(str(value).split())[:LONGEST_STATEMENT]


def read_labels(value: Any) -> list[str]:
    """Return the labels of a `sources` value: `["S1"]`, `"S1, S2"`, `["[S1]"]` or `[1]`."""
    parts = value if isinstance(value, list) else str(value or "").split(",")
    labels = (str(p).strip().strip("[]").upper() for p in parts)
    return list(dict.fromkeys(f"S{x}" if x.isdigit() else x for x in labels if x))


def best_quote(statement: str, passage: Passage) -> str:
    """Return the sentence, item or row of the passage that best supports the statement."""
    options = [
        row
        for unit in quotable_units(passage.text)
        for row in (
            [" ".join(c for c in r if c) for r in unit.rows]
            if unit.kind == "table"
            else [unit.text]
        )
    ]
    options = [option for option in options if not DOUBTFUL.search(option)] or options
    if not options:
        return " ".join(passage.text.split())[:300]
    wanted = stem_set(statement)
    return max(options, key=lambda option: len(wanted & stem_set(option)))
