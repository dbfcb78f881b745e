"""Values passed between template, retrieval, writer and composer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ingestion.search.passage import Passage


@dataclass(frozen=True)
class FieldBrief:
    """One field to fill: what to look for and the shape of the answer."""

    key: str
    heading: str
    question: str
    instruction: str
    shape: str
    columns: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class SectionBrief:
    """One section to write."""

    key: str
    heading: str
    emoji: str
    role: str
    fields: tuple[FieldBrief, ...]


@dataclass(frozen=True)
class EnglishLabels:
    """The English labels of a section or a field.

    `heading` may be empty; `columns` maps French column headings to English ones, where given.
    """

    heading_fr: str
    heading: str
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SheetTemplate:
    """A sheet type with its sections, without ORM.

    `english` maps (section key, field key) to English labels, for readers; the field key is ""
    for the section itself. It is separate from the briefs, so that changing a label does not make
    sections stale.
    """

    key: str
    sections: tuple[SectionBrief, ...]
    english: Mapping[tuple[str, str], EnglishLabels] = field(default_factory=dict)

    def section(self, key: str) -> SectionBrief:
        """Return the section of that key; raises KeyError."""
        for section in self.sections:
            if section.key == key:
                return section
        raise KeyError(key)

    @property
    def written(self) -> tuple[SectionBrief, ...]:
        """Return the sections that a writer fills."""
        return tuple(s for s in self.sections if s.fields)

    def ordered(self, header: Mapping[str, str]) -> dict[str, str]:
        """Return header data in the order of the fields, unknown keys last."""
        keys = [f.key for section in self.written for f in section.fields if f.key in header]
        return {key: header[key] for key in [*keys, *(k for k in header if k not in keys)]}


@dataclass(frozen=True)
class Evidence:
    """The passages that a section's writer may use.

    `shown` maps a label (S1, S2, …) to its passage; `by_field` lists, for each field, the labels
    of its passages, best first.
    """

    shown: Mapping[str, Passage]
    by_field: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class CitedPassage:
    """A passage that a statement cites; `quote` is its supporting sentence."""

    label: str
    quote: str = ""


@dataclass(frozen=True)
class DraftStatement:
    """One statement with the passages that it cites."""

    text: str
    sources: tuple[CitedPassage, ...] = ()


@dataclass(frozen=True)
class TableRow:
    """One row of a table with the passages that it cites."""

    cells: tuple[str, ...]
    sources: tuple[CitedPassage, ...] = ()


@dataclass(frozen=True)
class FieldDraft:
    """A writer's draft of one field: statements, or rows of a table."""

    key: str
    statements: tuple[DraftStatement, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[TableRow, ...] = ()


@dataclass(frozen=True)
class DroppedDraft:
    """A statement that is left out of a field, why, and what it cites."""

    field: str
    text: str
    reasons: tuple[tuple[str, str], ...]
    sources: tuple[CitedPassage, ...] = ()


@dataclass(frozen=True)
class SectionDraft:
    """A writer's draft of one section with the tokens spent, and what was left out of it."""

    key: str
    fields: tuple[FieldDraft, ...]
    tokens_in: int = 0
    tokens_out: int = 0
    dropped: tuple[DroppedDraft, ...] = field(default=())

    @property
    def refused(self) -> tuple[str, ...]:
        """Return the texts that were left out."""
        return tuple(one.text for one in self.dropped)
