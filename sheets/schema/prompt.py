"""Build the messages for the model from a prompt, a section and its passages. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ingestion.search.passage import Passage
from sheets.schema.types import Evidence, FieldBrief, SectionBrief

PLACEHOLDERS = {"request": ("titre", "section", "champs", "passages"), "repair": ("erreur",)}
PLACEHOLDER = re.compile(r"\{([a-zéè_]+)\}")
SHAPES = {
    "text": "un texte court, une phrase par élément",
    "list": "une liste, un point par élément",
    "steps": "des étapes dans l’ordre, une par élément",
    "value": "une valeur de quelques mots, un seul élément",
}
QUOTED_SHAPES = {
    "text": "un texte court : quelques numéros, dans l’ordre",
    "list": "une liste : un numéro par point",
    "steps": "des étapes dans l’ordre : un numéro par étape",
    "value": "une valeur de quelques mots, un seul élément",
}
OWN_WORDS = "vos mots permis"
"""Marks in a quoting prompt the fields that a model may answer in its own words."""

QUOTE, WRITE = "quote", "write"
"""What a prompt asks for: the numbers of sentences, or sentences."""

# Text of a source that looks like the fence of a passage, also in look-alike letters.
LOOKS_LIKE_A_LABEL = re.compile(r"[\[［【〔]\s*(/?)\s*([SＳsѕЅ])\s*([0-9０-９]+)\s*[\]］】〕]")


@dataclass(frozen=True)
class PromptText:
    """The texts of one version of the prompt, and what it asks for: QUOTE or WRITE."""

    name: str
    system: str
    request: str
    repair: str
    mode: str = WRITE

    @property
    def texts(self) -> tuple[str, str, str]:
        return self.system, self.request, self.repair


def missing_placeholders(field: str, written: str) -> list[str]:
    """Return the required placeholders that are missing from a text."""
    return [place for place in PLACEHOLDERS[field] if f"{{{place}}}" not in written]


def unknown_placeholders(field: str, written: str) -> list[str]:
    """Return the placeholders of a text that are not known for the field."""
    return [place for place in PLACEHOLDER.findall(written) if place not in PLACEHOLDERS[field]]


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its placeholders replaced in one pass: values are not expanded."""
    return PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), text)


def prompt_messages(
    prompt: PromptText, title: str, section: SectionBrief, evidence: Evidence
) -> list[dict[str, str]]:
    """Return the messages that request the statements of one section."""
    fields = [describe_field(f) for f in section.fields]
    passages = [fence_passage(label, p) for label, p in evidence.shown.items()]
    return request_messages(prompt, title, section, fields, passages)


def request_messages(
    prompt: PromptText,
    title: str,
    section: SectionBrief,
    fields: Iterable[str],
    passages: Iterable[str],
) -> list[dict[str, str]]:
    """Return the messages of a prompt filled with described fields and fenced passages."""
    request = fill_placeholders(
        prompt.request,
        {
            "titre": one_line(title),
            "section": one_line(section.heading),
            "champs": "\n".join(fields),
            "passages": "\n\n".join(passages),
        },
    )
    return [{"role": "system", "content": prompt.system}, {"role": "user", "content": request}]


def repair_messages(
    prompt: PromptText, asked: Iterable[Mapping[str, str]], answer: str, error: str
) -> list[dict[str, str]]:
    """Return the messages that request a section again, with the refused answer and the error."""
    return [
        *(dict(message) for message in asked),
        {"role": "assistant", "content": answer.strip() or "{}"},
        {"role": "user", "content": fill_placeholders(prompt.repair, {"erreur": error})},
    ]


def describe_field(field: FieldBrief) -> str:
    """Return the line that describes one field."""
    if field.shape == "table":
        form = f"un tableau, une ligne par élément ; colonnes : {', '.join(field.columns)}"
    else:
        form = SHAPES[field.shape]
    if field.choices:
        form += f" parmi : {', '.join(field.choices)}"
    return f"- {field.key} ({field.heading}) : {field.question} {field.instruction} [{form}]"


def describe_quoted(field: FieldBrief, *, own_words: bool) -> str:
    """Return the line that describes one field to a model that quotes."""
    if field.shape == "table":
        form = f"un tableau ; colonnes : {', '.join(field.columns)}"
    else:
        form = QUOTED_SHAPES[field.shape]
    if field.choices:
        form += f" parmi : {', '.join(field.choices)}"
    if own_words:
        form += f" ; {OWN_WORDS}"
    return f"- {field.key} ({field.heading}) : {field.question} {field.instruction} [{form}]"


def fence_passage(label: str, passage: Passage, lines: Iterable[str] = ()) -> str:
    """Return a passage, or the lines that it was cut into, fenced by its label.

    Look-alike fences inside it are escaped.
    """
    text = "\n".join(lines) or passage.text
    heading = passage.headings[-1] if passage.headings else ""
    where = one_line(f"{passage.title}, p. {passage.page_start} — {heading}")
    return f"[{label}]\n{escape_fences(where)}\n{escape_fences(text)}\n[/{label}]"


def escape_fences(text: str) -> str:
    """Return a source's text with everything that looks like a fence replaced by parentheses."""
    return LOOKS_LIKE_A_LABEL.sub(r"(\1\2\3)", text)


def one_line(text: str) -> str:
    return " ".join(text.split())


def estimate_tokens(text: str) -> int:
    """Return an estimate of the tokens of a French text; models count differently."""
    return len(text) * 2 // 7 + 1
