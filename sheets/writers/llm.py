"""Fill a section with a language model that answers in JSON.

A quoting prompt is answered with the numbers of sentences, which are set word for word
(`sheets.writers.numbered`); a writing prompt with statements and their passages. An answer that
cannot be used is requested once more, with the error in the conversation.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings

from ingestion.search.passage import Passage
from sheets.schema.prompt import (
    QUOTE,
    PromptText,
    describe_quoted,
    fence_passage,
    prompt_messages,
    repair_messages,
    request_messages,
)
from sheets.schema.types import (
    CitedPassage,
    DraftStatement,
    DroppedDraft,
    Evidence,
    FieldBrief,
    FieldDraft,
    SectionBrief,
    SectionDraft,
    TableRow,
)
from sheets.writers.base import AnswerRefused
from sheets.writers.empty_words import repeats_prompt, repeats_title, without_marks
from sheets.writers.numbered import NumberedPassages, set_field
from sheets.writers.passage_units import rows_of, unit_text, units_of
from wikico2.errors import UserError
from wikico2.llm.client import ChatAnswer, RetryPolicy, request_chat
from wikico2.text.exponents import DOUBTFUL
from wikico2.text.normalize import stem_set

LONGEST_STATEMENT = 1_500
MOST_STATEMENTS = 300
SHOWN_BACK = 6_000
STARTS = 50
"""Places of an answer at which its JSON is looked for."""

TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")

THOUGHTS = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
# Errors reported to the model about its answer, in the language of the prompts.
WRONG = {
    "answer_cut": "Elle a été coupée après {tokens} jetons : elle est trop longue.",
    "not_json": "Ce n’est pas un objet JSON valide ({reason}).",
    "wrong_schema": "Elle n’a pas la forme demandée ; revoyez : {reason}.",
}


class ModelWriter:
    """The writer that calls a language model."""

    backend = "openai"
    passages_per_field = 40  # what fits into `tokens_per_section` decides

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
            "writing": self.prompt.mode,
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
        asked = self.messages(title, section, evidence)
        first = self.ask(asked, section, evidence, patience)
        try:
            return self.read(first, section, evidence)
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
        return self.read(both, section, evidence)

    def messages(
        self, title: str, section: SectionBrief, evidence: Evidence
    ) -> list[dict[str, str]]:
        """Return the messages that request a section."""
        if self.prompt.mode != QUOTE:
            return prompt_messages(self.prompt, title, section, evidence)
        numbered = NumberedPassages(evidence.shown)
        fields = [describe_quoted(f, own_words=may_write(section, f)) for f in section.fields]
        passages = [
            fence_passage(label, p, numbered.lines(label)) for label, p in evidence.shown.items()
        ]
        return request_messages(self.prompt, title, section, fields, passages)

    def read(self, answer: ChatAnswer, section: SectionBrief, evidence: Evidence) -> SectionDraft:
        """Return the draft in an answer, without statements that say nothing.

        Raises AnswerRefused for one that cannot be used.
        """
        draft = read_answer(answer, section, evidence.shown, quoting=self.prompt.mode == QUOTE)
        told = [
            *self.prompt.texts,
            *(t for f in section.fields for t in (f.question, f.instruction)),
        ]
        return without_empty_words(draft, section, evidence.shown, told)

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
            schema=quoting_schema(section)
            if self.prompt.mode == QUOTE
            else answer_schema(section, list(evidence.shown)),
            max_tokens=settings.LLM_MAX_TOKENS * room,
            temperature=settings.LLM_TEMPERATURE,
            patience=patience,
        )


def may_write(section: SectionBrief, field: FieldBrief) -> bool:
    """Tell whether a field needs other words than its sources': a summary, a value, a pair."""
    return section.key == "resume" or field.shape in ("value", "table")


def quoting_schema(section: SectionBrief) -> dict[str, Any]:
    """Return the JSON schema of an answer in numbers, built from the section's fields."""
    numbers = {"type": "array", "items": {"type": "integer"}, "minItems": 1}
    cell = {"anyOf": [{"type": "string"}, numbers]}
    fields: dict[str, Any] = {}
    for field in section.fields:
        element: dict[str, Any] = {"type": "integer"}
        if may_write(section, field):
            words: dict[str, Any] = (
                {"cells": {"type": "array", "items": cell}}
                if field.shape == "table"
                else {"text": {"type": "string"}}
            )
            written = {
                "type": "object",
                "properties": {**words, "numbers": numbers},
                "required": [*words, "numbers"],
                "additionalProperties": False,
            }
            element = {"anyOf": [element, written]}
        fields[field.key] = {"type": "array", "items": element}
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


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
    answer: ChatAnswer,
    section: SectionBrief,
    shown: Mapping[str, Passage],
    *,
    quoting: bool = False,
) -> SectionDraft:
    """Return the draft of the section in the answer, in numbers when `quoting`.

    Raises AnswerRefused for an answer that is cut, not JSON, or JSON of another schema. A
    statement that cites an unknown label or number, or none, is left out and listed in `dropped`.
    """
    try:
        if answer.finish_reason == "length":
            raise AnswerRefused("answer_cut", tokens=answer.tokens_out)
        found = parse_object(answer.text, [f.key for f in section.fields])
        data = unwrap_answer(found, section)
        dropped: list[DroppedDraft] = []
        if quoting:
            passages, used = NumberedPassages(shown), set[str]()
            drafts = [
                read_quoted(f, data.get(f.key), passages, used, dropped) for f in section.fields
            ]
        else:
            drafts = [read_field(f, data.get(f.key), shown, dropped) for f in section.fields]
    except AnswerRefused as error:
        error.tokens_in, error.tokens_out = answer.tokens_in, answer.tokens_out
        raise
    return SectionDraft(
        section.key, tuple(drafts), answer.tokens_in, answer.tokens_out, tuple(dropped)
    )


def parse_object(text: str, keys: Collection[str] = ()) -> dict[str, Any]:
    """Return the JSON object in a model's answer: the last one that has one of the keys.

    What a model thinks aloud, a code fence, text before and after the object, and trailing commas
    are left out. Raises AnswerRefused("not_json").
    """
    wanted = set(keys)
    reason = "{"
    for candidate in dict.fromkeys((THOUGHTS.sub("", text), text)):
        objects, fault = json_objects(candidate)
        fitting = [data for data in objects if any(wanted & set(d) for d in with_inner(data))]
        if fitting or (objects and not fault):
            return (fitting or objects)[-1]
        reason = fault or reason
    raise AnswerRefused("not_json", reason=reason)


def json_objects(text: str) -> tuple[list[dict[str, Any]], str]:
    """Return the JSON objects of a text one after the other, and why a brace began none, or ""."""
    decoder = json.JSONDecoder(strict=False)
    readings = dict.fromkeys((text, TRAILING_COMMA.sub(" ", text)))
    found: list[dict[str, Any]] = []
    fault = ""
    at = 0
    for _ in range(STARTS):
        at = text.find("{", at)
        if at < 0:
            break
        for read in readings:
            try:
                data, end = decoder.raw_decode(read, at)
            except (ValueError, RecursionError) as error:
                reason = str(error)[:200]
            else:
                found.append(data)
                at = end
                break
        else:
            fault = fault or reason
            at += 1
    return found, fault


def with_inner(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return an object with the objects among its values."""
    return [data, *(value for value in data.values() if isinstance(value, dict))]


def unwrap_answer(data: dict[str, Any], section: SectionBrief) -> dict[str, Any]:
    """Return the object that has the section's fields, at the top or one level below.

    Raises AnswerRefused("wrong_schema") when none of the fields is there.
    """
    keys = {f.key for f in section.fields}
    for candidate in with_inner(data):
        if keys & set(candidate):
            return candidate
    raise AnswerRefused("wrong_schema", reason=", ".join(sorted(keys)))


def read_field(
    field: FieldBrief, value: Any, shown: Mapping[str, Passage], dropped: list[DroppedDraft]
) -> FieldDraft:
    """Return a field's draft from the model's value; raises AnswerRefused("wrong_schema")."""
    statements: list[DraftStatement] = []
    rows: list[TableRow] = []
    for element in field_elements(field, value)[:MOST_STATEMENTS]:
        texts = element_texts(element)
        labels = read_labels(element.get("sources"))
        if not any(texts):
            continue
        if not labels or any(label not in shown for label in labels):
            dropped.append(uncited(field, texts))
            continue
        sources = tuple(
            CitedPassage(label, best_quote(" ".join(texts), shown[label])) for label in labels
        )
        add_element(field, texts, sources, statements, rows)
        if field.shape == "value":
            break
    return FieldDraft(field.key, tuple(statements), field.columns if rows else (), tuple(rows))


def read_quoted(
    field: FieldBrief,
    value: Any,
    passages: NumberedPassages,
    used: set[str],
    dropped: list[DroppedDraft],
) -> FieldDraft:
    """Return a field's draft from numbers, and from what the model wrote with numbers.

    Raises AnswerRefused("wrong_schema").
    """
    numbers: list[int] = []
    statements: list[DraftStatement] = []
    rows: list[TableRow] = []
    for element in quoted_elements(field, value)[:MOST_STATEMENTS]:
        if not isinstance(element, dict):
            numbers += [element]
            continue
        named = read_numbers(element.get("numbers"))
        cells = element.get("cells")
        texts = element_texts(element)
        if isinstance(cells, list):
            named += [n for cell in cells for n in (read_numbers(cell) if is_numbers(cell) else [])]
            texts = [cell_text(cell, passages) for cell in cells]
        known = [n for n in dict.fromkeys(named) if n in passages.by_number]
        if not any(texts):
            numbers += named
        elif labels := read_labels(element.get("sources")):  # the answer to a writing prompt
            told = read_field(field, [element | {"sources": labels}], passages.shown, dropped)
            statements += told.statements
            rows += told.rows
        elif not known or len(known) < len(set(named)):
            dropped.append(uncited(field, texts))
        else:
            sources = cite_numbers(known, passages)
            add_element(field, texts, sources, statements, rows)
    drawn = set_field(field, numbers, passages, used)
    if field.shape == "value":
        statements = statements[:1]
        drawn = replace(drawn, statements=() if statements else drawn.statements[:1])
    if rows:  # rows of a source have columns of their own
        extra = tuple(
            DraftStatement(" ; ".join(filter(None, row.cells)), row.sources) for row in drawn.rows
        )
        kept = (*statements, *drawn.statements, *extra)
        return FieldDraft(field.key, kept, field.columns, tuple(rows))
    return replace(drawn, statements=(*statements, *drawn.statements))


def cite_numbers(numbers: Sequence[int], passages: NumberedPassages) -> tuple[CitedPassage, ...]:
    """Return a citation for each number."""
    return tuple(
        CitedPassage(
            passages[n].label, " ".join(filter(None, passages[n].cells)) or passages[n].text
        )
        for n in numbers
    )


def cell_text(cell: Any, passages: NumberedPassages) -> str:
    """Return a cell that a model wrote, or that it gave as numbers, as text."""
    if not is_numbers(cell):
        return one_text(cell)
    known = [n for n in read_numbers(cell) if n in passages.by_number]
    indices = dict.fromkeys(i for n in known for i in passages.chain(passages.by_number[n]))
    return " ".join(passages.units[i].text for i in indices)


def is_numbers(value: Any) -> bool:
    """Tell whether a value names sentences: a number, or a list of numbers."""
    listed = value if isinstance(value, list) else [value]
    return bool(listed) and all(isinstance(n, int) and not isinstance(n, bool) for n in listed)


def read_numbers(value: Any) -> list[int]:
    """Return the numbers of a value: `[12, 15]`, `"12, 15"`, `["#12"]` or `12`."""
    parts = value if isinstance(value, list) else str(value or "").split(",")
    bare = (str(p).strip().lstrip("#").strip("[]() ") for p in parts if not isinstance(p, bool))
    return [int(x) for x in bare if x.isascii() and x.isdigit() and len(x) < 10]


def quoted_elements(field: FieldBrief, value: Any) -> list[int | dict[str, Any]]:
    """Return the elements of a field's value: numbers, and objects with words and numbers.

    Raises AnswerRefused("wrong_schema") for anything else.
    """
    if value is None or value in ("", [], {}):
        return []
    elements: list[int | dict[str, Any]] = []
    for element in value if isinstance(value, list) else [value]:
        if isinstance(element, dict) and {"text", "cells", "numbers"} & set(element):
            elements.append(element)
        elif numbers := [] if isinstance(element, dict) else read_numbers(element):
            elements += numbers
        elif element not in (None, "", [], {}):
            raise AnswerRefused("wrong_schema", reason=field.key)
    return elements


def element_texts(element: Mapping[str, Any]) -> list[str]:
    """Return the texts of an element: its cells, or its one text."""
    cells = element.get("cells")
    return [one_text(v) for v in (cells if isinstance(cells, list) else [element.get("text")])]


def uncited(field: FieldBrief, texts: Sequence[str]) -> DroppedDraft:
    return DroppedDraft(field.key, " | ".join(texts), (("no_passage_cited", ""),))


def add_element(
    field: FieldBrief,
    texts: Sequence[str],
    sources: tuple[CitedPassage, ...],
    statements: list[DraftStatement],
    rows: list[TableRow],
) -> None:
    """Add what a model wrote, without marks: as a row of a table field, else as a statement."""
    texts = [without_marks(text) for text in texts]
    if not any(texts):
        return
    if field.shape == "table":
        width = len(field.columns)
        rows.append(TableRow(tuple((texts + [""] * width)[:width]), sources))
    else:
        statements.append(DraftStatement(" — ".join(t for t in texts if t), sources))


def without_empty_words(
    draft: SectionDraft,
    section: SectionBrief,
    shown: Mapping[str, Passage],
    told: Iterable[str],
) -> SectionDraft:
    """Return the draft without statements that repeat a source's title or the prompt."""
    parts = tuple(told)
    values = {f.key for f in section.fields if f.shape == "value"}
    dropped = list(draft.dropped)
    fields: list[FieldDraft] = []
    for field in draft.fields:
        kept: list[DraftStatement] = []
        for one in field.statements:
            titles = [] if field.key in values else [shown[c.label].title for c in one.sources]
            if repeats_prompt(one.text, parts):
                dropped.append(
                    DroppedDraft(field.key, one.text, (("repeats_prompt", ""),), one.sources)
                )
            elif any(repeats_title(one.text, title) for title in titles):
                dropped.append(
                    DroppedDraft(field.key, one.text, (("repeats_title", ""),), one.sources)
                )
            else:
                kept.append(one)
        rows = [r for r in field.rows if not repeats_prompt(" ".join(r.cells), parts)]
        dropped += [
            DroppedDraft(field.key, " | ".join(r.cells), (("repeats_prompt", ""),), r.sources)
            for r in field.rows
            if r not in rows
        ]
        fields.append(replace(field, statements=tuple(kept), rows=tuple(rows)))
    return replace(draft, fields=tuple(fields), dropped=tuple(dropped))


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
    options = [unit_text(unit, row) for unit in units_of(passage.text) for row in rows_of(unit)]
    options = [option for option in options if not DOUBTFUL.search(option)] or options
    if not options:
        return " ".join(passage.text.split())[:300]
    wanted = stem_set(statement)
    return max(options, key=lambda option: len(wanted & stem_set(option)))
