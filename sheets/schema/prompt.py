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
# Text of a source that looks like the fence of a passage, also in look-alike letters.
LOOKS_LIKE_A_LABEL = re.compile(r"[\[［【〔]\s*(/?)\s*([SＳsѕЅ])\s*([0-9０-９]+)\s*[\]］】〕]")


@dataclass(frozen=True)
class PromptText:
    """The texts of one version of the prompt."""

    name: str
    system: str
    request: str
    repair: str


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
    """Return the messages that request one section."""
    request = fill_placeholders(
        prompt.request,
        {
            "titre": one_line(title),
            "section": one_line(section.heading),
            "champs": "\n".join(describe_field(f) for f in section.fields),
            "passages": "\n\n".join(fence_passage(label, p) for label, p in evidence.shown.items()),
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


def fence_passage(label: str, passage: Passage) -> str:
    """Return a passage fenced by its label, with look-alike fences inside it escaped."""
    heading = passage.headings[-1] if passage.headings else ""
    where = one_line(f"{passage.title}, p. {passage.page_start} — {heading}")
    return f"[{label}]\n{escape_fences(where)}\n{escape_fences(passage.text)}\n[/{label}]"


def escape_fences(text: str) -> str:
    """Return a source's text with everything that looks like a fence replaced by parentheses."""
    return LOOKS_LIKE_A_LABEL.sub(r"(\1\2\3)", text)


def one_line(text: str) -> str:
    return " ".join(text.split())


def estimate_tokens(text: str) -> int:
    """Return an estimate of the tokens of a French text; models count differently."""
    return len(text) * 2 // 7 + 1
