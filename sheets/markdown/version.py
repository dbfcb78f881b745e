"""A version of a sheet: body and header fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Version:
    """One version of a sheet: its Markdown and its header data, which share the footnotes."""

    body: str
    values: Mapping[str, str] = field(default_factory=dict)
