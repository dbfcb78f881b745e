"""The protocol of a writer."""

from collections.abc import Mapping
from typing import Any, Protocol

from sheets.schema.types import Evidence, SectionBrief, SectionDraft
from wikico2.errors import TransientError
from wikico2.llm.client import RetryPolicy


class AnswerRefused(TransientError):
    """A model's answer was cut, is not JSON or has the wrong schema."""


class Writer(Protocol):
    """Fills a section from passages.

    It gets the best `passages_per_field` passages of each field, as many as fit in
    `tokens_per_section`. Up to `at_once` threads may call it; above one it does not use the
    database.
    """

    backend: str
    model: str
    prompt_version: str
    passages_per_field: int
    tokens_per_section: int
    at_once: int

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Return the other parameters of its output, for the record of a generation."""
        ...

    def write(
        self, title: str, section: SectionBrief, evidence: Evidence, patience: RetryPolicy
    ) -> SectionDraft:
        """Return the section's draft; raises wikico2.errors.UserError."""
        ...
