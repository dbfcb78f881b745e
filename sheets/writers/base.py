"""The contract of a writer."""

from collections.abc import Mapping
from typing import Any, Protocol

from sheets.schema.types import Evidence, SectionBrief, SectionDraft
from wikico2.errors import TransientError
from wikico2.llm.client import RetryPolicy


class AnswerRefused(TransientError):
    """A model's answer that cannot be used."""


class Writer(Protocol):
    """Fills a section from passages.

    It is shown the best `passages_per_field` passages of each field, as many as fit in
    `tokens_per_section`. It may be asked for `at_once` sections by as many threads; above one it
    touches no database.
    """

    backend: str
    model: str
    prompt_version: str
    passages_per_field: int
    tokens_per_section: int
    at_once: int

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Return what else decides how it writes."""
        ...

    def write(
        self, title: str, section: SectionBrief, evidence: Evidence, patience: RetryPolicy
    ) -> SectionDraft:
        """Return the section's draft; raises wikico2.errors.UserError."""
        ...
