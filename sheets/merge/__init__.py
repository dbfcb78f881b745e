"""Three-way merge of two versions of a sheet and their common base. Pure."""

from sheets.markdown.version import Version
from sheets.merge.result import (
    BOTH,
    MINE,
    THEIRS,
    Conflict,
    ConflictChoice,
    MergedFootnote,
    MergedText,
    MergeResult,
    UnresolvedConflicts,
    resolve_conflicts,
    resolve_value_conflicts,
)
from sheets.merge.versions import (
    itemise_changes,
    merge_bodies,
    merge_values,
    merge_versions,
    take_items,
)

__all__ = [
    "BOTH",
    "MINE",
    "THEIRS",
    "Conflict",
    "ConflictChoice",
    "MergeResult",
    "MergedFootnote",
    "MergedText",
    "UnresolvedConflicts",
    "Version",
    "itemise_changes",
    "merge_bodies",
    "merge_values",
    "merge_versions",
    "resolve_conflicts",
    "resolve_value_conflicts",
    "take_items",
]
