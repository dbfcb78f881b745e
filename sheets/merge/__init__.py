"""Merge two versions of a sheet that started from the same one. Pure: text in, value out."""

from sheets.markdown.version import Version
from sheets.merge.result import (
    BOTH,
    MINE,
    THEIRS,
    Choice,
    Conflict,
    Merged,
    NoteLine,
    Text,
    Unsettled,
    resolve,
    resolve_values,
)
from sheets.merge.versions import merge, merge_values, merge_versions

__all__ = [
    "BOTH",
    "MINE",
    "THEIRS",
    "Choice",
    "Conflict",
    "Merged",
    "NoteLine",
    "Text",
    "Unsettled",
    "Version",
    "merge",
    "merge_values",
    "merge_versions",
    "resolve",
    "resolve_values",
]
