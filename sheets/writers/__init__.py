"""The two ways to write: a language model, or verbatim extraction without one."""

from django.conf import settings

from sheets.drafts import Template, Writer


def get_writer(template: Template) -> Writer:
    """Return the writer that the settings name."""
    if settings.LLM_BACKEND == "openai":
        from sheets.writers.llm import ModelWriter

        return ModelWriter()
    from ingestion.embedders import get_embedder
    from sheets.writers.extractive import ExtractiveWriter

    return ExtractiveWriter(template, get_embedder())
