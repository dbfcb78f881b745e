"""Decide which sections are stale, and why. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

ADDED, REPLACED, REMOVED = "document_added", "document_replaced", "document_removed"

REREAD = "document_reread"
"""A source was read again by a newer reader, and passages of the section are gone."""

MODEL, PROMPT, TYPE = "model_changed", "prompt_changed", "type_changed"

OF_DOCUMENTS = {ADDED, REPLACED, REMOVED}

GenerationInputs = Mapping[str, Any]


@dataclass(frozen=True)
class CurrentInputs:
    """What a generation would use today.

    `documents` maps the ids of the ready sources to their titles, `attached` holds the ids of all
    sources, `newer` maps the id of a superseded source to its ready later version (id, title), and
    `template` maps each section that a writer fills to its fingerprint.
    """

    documents: Mapping[str, str]
    attached: Collection[str]
    newer: Mapping[str, tuple[str, str]]
    template: Mapping[str, str]
    model: str
    prompt: str


def mark_reread(
    written_from: Mapping[str, GenerationInputs], document: str, title: str, gone: Collection[int]
) -> dict[str, GenerationInputs]:
    """Return the inputs of sections, marked where passages of a source that was re-read are gone.

    The mark stays until the section is generated again.
    """
    return {
        section: {**facts, "reread": {**facts.get("reread", {}), document: title}}
        if not set(gone).isdisjoint(facts.get("passages", ()))
        else facts
        for section, facts in written_from.items()
    }


@dataclass
class StalenessReport:
    """Why a sheet is stale: reasons with details, and the codes of the reasons by section."""

    reasons: list[dict[str, str]] = field(default_factory=list)
    sections: dict[str, list[str]] = field(default_factory=dict)

    def add(self, section: str, code: str, **details: str) -> None:
        reason = {"code": code, **details}
        if reason not in self.reasons:
            self.reasons.append(reason)
        codes = self.sections.setdefault(section, [])
        if code not in codes:
            codes.append(code)


def compare_inputs(
    written_from: Mapping[str, GenerationInputs], now: CurrentInputs
) -> StalenessReport:
    """Return why sections are stale; nothing for a sheet that was never generated."""
    verdict = StalenessReport()
    if not written_from:
        return verdict
    for section in now.template:
        facts = written_from.get(section)
        if facts is None:
            verdict.add(section, TYPE)
            continue
        known: Mapping[str, str] = facts.get("documents", {})
        for pk, title in now.documents.items():
            if pk not in known:
                verdict.add(section, ADDED, document=pk, title=title)
            elif pk in now.newer and now.newer[pk][0] not in known:
                by, new_title = now.newer[pk]
                verdict.add(section, REPLACED, document=pk, title=title, by=by, new_title=new_title)
        for pk, title in known.items():
            if pk not in now.attached:
                verdict.add(section, REMOVED, document=pk, title=title)
        for pk, title in facts.get("reread", {}).items():
            if pk in now.attached:
                verdict.add(section, REREAD, document=pk, title=title)
        if facts.get("template") != now.template[section]:
            verdict.add(section, TYPE)
        if facts.get("model") != now.model:
            verdict.add(section, MODEL, old=facts.get("model", ""), new=now.model)
        elif facts.get("prompt") != now.prompt:
            verdict.add(section, PROMPT, old=facts.get("prompt", ""), new=now.prompt)
    return verdict
