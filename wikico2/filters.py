"""Narrow a list by its address: what is chosen (`Filter`), and what can be chosen (`Facet`)."""

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
"""By the name of a field, the values that are chosen, or that a row has."""

UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean_line(text: str) -> str:
    """Return a text on one line, without what neither PostgreSQL nor XML can hold."""
    return " ".join(UNPRINTABLE.sub(" ", text).split())


def read_line(limit: int) -> Callable[[str], str]:
    """Return a reader of words: on one line, cut at `limit` characters."""
    return lambda text: clean_line(text)[:limit]


def read_match(pattern: str) -> Callable[[str], str]:
    """Return a reader of values that fit a pattern as a whole, spaces around them apart."""
    fits = re.compile(pattern, re.DOTALL).fullmatch
    return lambda text: text.strip() if fits(text.strip()) else ""


def read_choice(choices: Collection[str]) -> Callable[[str], str]:
    """Return a reader of values that are among `choices`."""
    return lambda text: text if text in choices else ""


@dataclass(frozen=True)
class FilterField:
    """One parameter of an address: how its values are read, and which rows they leave.

    `read` returns an empty text for a value that makes no sense; such a value is passed over.
    `where` is a lookup, or makes the condition from a value; a field without it is applied
    elsewhere. At most `most` values are read, and several of them widen. A field with a `default`
    always has a value and narrows nothing, as the order of a list.
    """

    name: str
    read: Callable[[str], str]
    where: str | Callable[[str], Q] = ""
    parameter: str = ""
    default: str = ""
    most: int = 1

    @property
    def key(self) -> str:
        """Return the name of the parameter in the address."""
        return self.parameter or self.name

    def values(self, data: QueryDict) -> tuple[str, ...]:
        """Return the values that an address gives; of one value given twice, the last counts."""
        given = data.getlist(self.key)[-1 if self.most == 1 else 0 :]
        return tuple(dict.fromkeys(filter(None, map(self.read, given))))[: self.most]

    def condition(self, value: str) -> Q:
        """Return what a row has to fulfil for this value."""
        return Q(**{self.where: value}) if isinstance(self.where, str) else self.where(value)


@dataclass(frozen=True)
class FacetChoice:
    """One value of a facet; its address chooses it, or takes the choice back.

    `count` is how many rows it would leave, None where nobody counts. The value is empty for the
    choice of all rows.
    """

    value: str
    label: str
    count: int | None = None
    chosen: bool = False
    address: str = ""


@dataclass(frozen=True)
class Facet:
    """One way to narrow a list; the choices after the first `shown` are folded away."""

    name: str
    label: str
    choices: list[FacetChoice]
    shown: int = 100

    @property
    def first(self) -> list[FacetChoice]:
        """Return the choices in sight; what is chosen always is."""
        return [c for n, c in enumerate(self.choices) if n < self.shown or c.chosen]

    @property
    def folded(self) -> list[FacetChoice]:
        """Return the choices that are folded away."""
        return [c for c in self.choices[self.shown :] if not c.chosen]

    @property
    def narrows(self) -> bool:
        """Tell whether there is anything to choose: two values, or one that is chosen."""
        values = [choice for choice in self.choices if choice.value]
        return len(values) > 1 or any(choice.chosen for choice in values)


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed and sorted by: the fields it knows, and what is chosen of each."""

    fields: tuple[FilterField, ...]
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def read(self, data: QueryDict) -> "Filter":
        """Return the filter that an address asks for."""
        return replace(self, values={f.name: v for f in self.fields if (v := f.values(data))})

    def __getitem__(self, name: str) -> str:
        """Return the value chosen of a field, or its default; templates write `filter.name`."""
        return next(iter(self.values.get(name, ())), self._field(name).default)

    def _field(self, name: str) -> FilterField:
        return {f.name: f for f in self.fields}[name]

    @property
    def narrows(self) -> bool:
        """Tell whether anything is left out."""
        return any(f.name in self.values and not f.default for f in self.fields)

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Return the names and values of the address."""
        return [(f.key, value) for f in self.fields for value in self.values.get(f.name, ())]

    def address(self, path: str = "") -> str:
        """Return the address of the first page of what is chosen."""
        query = urlencode(self.parameters)
        return f"{path}?{query}" if query or not path else path

    def without(self, *names: str) -> "Filter":
        """Return the filter with nothing chosen of some fields."""
        return replace(self, values={n: v for n, v in self.values.items() if n not in names})

    def choose(self, name: str, value: str) -> "Filter":
        """Return the filter with one value of a field chosen; with an empty one, none."""
        chosen = {name: (value,)} if value else {}
        return replace(self, values={**self.without(name).values, **chosen})

    def toggle(self, name: str, value: str) -> "Filter":
        """Return the filter with a value chosen, or no longer chosen."""
        now = self.values.get(name, ())
        if value not in now and self._field(name).most == 1:
            return self.choose(name, value)
        then = tuple(v for v in now if v != value) if value in now else (*now, value)
        return replace(
            self, values={**self.values, name: then} if then else self.without(name).values
        )

    def apply(self, rows: Rows) -> Rows:
        """Return the rows that fit."""
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

        A second click takes a choice back, unless one of the choices stands for all rows.
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
    """Tell whether a row with these values has, of each field chosen, one of the values."""
    return all(
        any(value in values.get(name, ()) for value in wanted) for name, wanted in chosen.items()
    )


def count_values(rows: Iterable[tuple[Values, int]], name: str, chosen: Values) -> Counter[str]:
    """Return how many rows each value of a field would leave beside the choices of the others.

    A row is its values and how many times it counts. What is chosen of the field is counted even
    where it leaves nothing.
    """
    others = {other: values for other, values in chosen.items() if other != name}
    counts = Counter(dict.fromkeys(chosen.get(name, ()), 0))
    for values, n in rows:
        if fits_choices(values, others):
            for value in values.get(name, ()):
                counts[value] += n
    return counts
