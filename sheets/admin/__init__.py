"""The administration of the wiki: sheets, their templates, the vocabulary, what was done."""

from sheets.admin import content, follow_up, prompts, sheet_types, vocabulary

__all__ = ["content", "follow_up", "prompts", "sheet_types", "vocabulary"]
