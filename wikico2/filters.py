"""Filter lists by the query string: the values chosen (`Filter`) and the choices (`Facet`)."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict

Rows = TypeVar("Rows", bound=QuerySet[Any])
Values = Mapping[str, Collection[str]]
"""The values chosen of each field, or those of a row, by the name of the field."""

UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean_line(text: str) -> str:
    """Return a text on one line, without characters that PostgreSQL or XML refuse."""
    return " ".join(UNPRINTABLE.sub(" ", text).split())


def read_line(limit: int) -> Callable[[str], str]:
    """Return a reader of free text: on one line, cut at `limit` characters."""
    return lambda text: clean_line(text)[:limit]


def read_match(pattern: str) -> Callable[[str], str]:
    """Return a reader of values that match a pattern in full, after stripping spaces."""
    fits = re.compile(pattern, re.DOTALL).fullmatch
    return lambda text: text.strip() if fits(text.strip()) else ""


def read_choice(choices: Collection[str]) -> Callable[[str], str]:
    """Return a reader of values that are among `choices`."""
    return lambda text: text if text in choices else ""


@dataclass(frozen=True)
class FilterField:
    """One query parameter: how its values are parsed, and which rows match them.

    `read` returns "" for an invalid value, which is ignored. `where` is a lookup, or a function
    from a value to a condition; a field without it is applied elsewhere. At most `most` values are
    read; several are combined with OR. A field with a `default`, such as the order of a list,
    always has a value and filters nothing.
    """

    name: str
    read: Callable[[str], str]
    where: str | Callable[[str], Q] = ""
    parameter: str = ""
    default: str = ""
    most: int = 1

    @property
    def key(self) -> str:
        """Return the name of the query parameter."""
        return self.parameter or self.name

    def values(self, data: QueryDict) -> tuple[str, ...]:
        """Return the valid values of a query; if only one is allowed, the last one counts."""
        given = data.getlist(self.key)[-1 if self.most == 1 else 0 :]
        return tuple(dict.fromkeys(filter(None, map(self.read, given))))[: self.most]

    def condition(self, value: str) -> Q:
        """Return the condition on rows for this value."""
        return Q(**{self.where: value}) if isinstance(self.where, str) else self.where(value)


@dataclass(frozen=True)
class FacetChoice:
    """One value of a facet; its address selects or deselects it.

    `count` is the number of matching rows, None if not counted. The value "" selects all rows.
    """

    value: str
    label: str
    count: int | None = None
    chosen: bool = False
    address: str = ""


@dataclass(frozen=True)
class Facet:
    """The choices of one field; those after the first `shown` are collapsed."""

    name: str
    label: str
    choices: list[FacetChoice]
    shown: int = 100

    @property
    def first(self) -> list[FacetChoice]:
        """Return the choices that are not collapsed; chosen ones never are."""
        return [c for n, c in enumerate(self.choices) if n < self.shown or c.chosen]

    @property
    def folded(self) -> list[FacetChoice]:
        """Return the collapsed choices."""
        return [c for c in self.choices[self.shown :] if not c.chosen]

    @property
    def narrows(self) -> bool:
        """Tell whether there is a choice to make: two values, or a chosen one."""
        values = [choice for choice in self.choices if choice.value]
        return len(values) > 1 or any(choice.chosen for choice in values)


@dataclass(frozen=True)
class Filter:
    """The filters and the order of a list: its fields, and the chosen values of each."""

    fields: tuple[FilterField, ...]
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def read(self, data: QueryDict) -> "Filter":
        """Return the filter with the values of a query string."""
        return replace(self, values={f.name: v for f in self.fields if (v := f.values(data))})

    def __getitem__(self, name: str) -> str:
        """Return the first value of a field, or its default; templates write `filter.name`."""
        return next(iter(self.values.get(name, ())), self._field(name).default)

    def _field(self, name: str) -> FilterField:
        return {f.name: f for f in self.fields}[name]

    @property
    def narrows(self) -> bool:
        """Tell whether any field filters rows."""
        return any(f.name in self.values and not f.default for f in self.fields)

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Return the (name, value) pairs of the query string."""
        return [(f.key, value) for f in self.fields for value in self.values.get(f.name, ())]

    def address(self, path: str = "") -> str:
        """Return the address of the filtered list, at its first page."""
        query = urlencode(self.parameters)
        return f"{path}?{query}" if query or not path else path

    def without(self, *names: str) -> "Filter":
        """Return the filter without the values of some fields."""
        return replace(self, values={n: v for n, v in self.values.items() if n not in names})

    def choose(self, name: str, value: str) -> "Filter":
        """Return the filter with `value` as the only one of a field; "" for none."""
        chosen = {name: (value,)} if value else {}
        return replace(self, values={**self.without(name).values, **chosen})

    def toggle(self, name: str, value: str) -> "Filter":
        """Return the filter with a value added, or removed if it is chosen."""
        now = self.values.get(name, ())
        if value not in now and self._field(name).most == 1:
            return self.choose(name, value)
        then = tuple(v for v in now if v != value) if value in now else (*now, value)
        return replace(
            self, values={**self.values, name: then} if then else self.without(name).values
        )

    def apply(self, rows: Rows) -> Rows:
        """Return the rows that match."""
        for one in self.fields:
            if one.where and (values := self.values.get(one.name)):
                rows = rows.filter(reduce(or_, map(one.condition, values)))
        return rows

    def facet(
        self,
        name: str,
        label: str,
        choices: Iterable[FacetChoice],
        *,
        path: str = "",
        shown: int = Facet.shown,
    ) -> Facet:
        """Return a facet of the choices, each with its address.

        The address of a chosen value deselects it, unless one of the choices selects the default.
        """
        rows = list(choices)
        default = self._field(name).default
        chosen = self.values.get(name) or (default,)
        change = self.choose if any(row.value == default for row in rows) else self.toggle
        made = [
            replace(row, chosen=row.value in chosen, address=change(name, row.value).address(path))
            for row in rows
        ]
        return Facet(name, label, made, shown)


def fits_choices(values: Values, chosen: Values) -> bool:
    """Tell whether a row with these values has a chosen value of each field in `chosen`."""
    return all(
        any(value in values.get(name, ()) for value in wanted) for name, wanted in chosen.items()
    )


def count_values(rows: Iterable[tuple[Values, int]], name: str, chosen: Values) -> Counter[str]:
    """Return the number of rows of each value of a field, under the choices of the other fields.

    A row is (values, number of times it counts). Chosen values are listed even with a count of 0.
    """
    others = {other: values for other, values in chosen.items() if other != name}
    counts = Counter(dict.fromkeys(chosen.get(name, ()), 0))
    for values, n in rows:
        if fits_choices(values, others):
            for value in values.get(name, ()):
                counts[value] += n
    return counts
