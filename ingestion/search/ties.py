"""The order of rows of equal score, which must not depend on which worker was first.

A row's id tells in which order workers wrote, and a sum of floating-point numbers differs in its
last digits with the order of its terms. So scores are compared rounded, and equal ones by the place
of their rows.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from django.db import models

DIGITS = 6
"""Decimals of a score that are compared; those of a similarity in 32 bits are about seven."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class TieOrder:
    """The rows of a model in an order that their content gives: by these fields."""

    model: type[models.Model]
    fields: tuple[str, ...]

    def ranks(self, pks: Iterable[int]) -> dict[int, int]:
        """Return the rank of each row among these."""
        rows = self.model._default_manager.filter(pk__any_of=list(pks))
        ordered = rows.order_by(*self.fields, "pk").values_list("pk", flat=True)
        return {pk: rank for rank, pk in enumerate(ordered)}


def best_first(
    items: Iterable[Item],
    score: Callable[[Item], float],
    pk: Callable[[Item], int],
    order: TieOrder | None,
) -> list[Item]:
    """Return the items by score, the highest first; equal ones in order, without one by their ids.

    Only the rows of equal scores are looked up.
    """
    rounded = [(round(score(item), DIGITS), item) for item in items]
    times = Counter(value for value, _item in rounded)
    tied = [pk(item) for value, item in rounded if times[value] > 1]
    ranks = order.ranks(tied) if order and tied else {}
    rounded.sort(key=lambda one: (-one[0], ranks.get(pk(one[1]), 0), pk(one[1])))
    return [item for _value, item in rounded]
