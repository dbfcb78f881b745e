"""Choose the writer of the settings: a language model, or verbatim extraction without one."""

from django.conf import settings

from ingestion.vector_index.embedders.registry import get_embedder
from sheets.models import Prompt
from sheets.schema.types import SheetTemplate
from sheets.writers.base import Writer
from sheets.writers.llm import ModelWriter


def get_writer(template: SheetTemplate, prompt: Prompt | None = None) -> Writer:
    """Return the writer of the settings; a model uses `prompt`, or the current one."""
    if settings.LLM_BACKEND == "openai":
        return ModelWriter((prompt or Prompt.objects.current()).text)
    from sheets.writers.extractive import ExtractiveWriter  # here, since it loads NumPy

    return ExtractiveWriter(template, get_embedder())
