"""The two ways to write: a language model, or verbatim extraction without one."""

from typing import TYPE_CHECKING

from django.conf import settings

from sheets.schema.types import SheetTemplate
from sheets.writers.base import Writer

if TYPE_CHECKING:
    from sheets.models import Prompt


def get_writer(template: SheetTemplate, prompt: "Prompt | None" = None) -> Writer:
    """Return the writer that the settings name; a model is told `prompt`, or the current one."""
    if settings.LLM_BACKEND == "openai":
        from sheets.models import Prompt
        from sheets.writers.llm import ModelWriter

        return ModelWriter((prompt or Prompt.objects.current()).text)
    from ingestion.vector_index.embedders.registry import get_embedder
    from sheets.writers.extractive import ExtractiveWriter

    return ExtractiveWriter(template, get_embedder())
