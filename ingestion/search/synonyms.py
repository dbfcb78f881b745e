"""The thesaurus for search: from the lexemes of a term to its synonyms."""

import functools
import time
from collections.abc import Mapping
from typing import NamedTuple

from django.db.models import Count, Max
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from ingestion.models import Synonyms

CACHE_SECONDS = 5.0
"""Seconds after which a process checks whether another one has changed the thesaurus."""


class Synonym(NamedTuple):
    """Another term of the same meaning."""

    term: str
    lexemes: tuple[str, ...]


class Thesaurus(NamedTuple):
    """Synonyms by the lexemes of a term; `span` is the number of lexemes of the longest term."""

    others: Mapping[tuple[str, ...], tuple[Synonym, ...]]
    span: int

    def longest(self, lexemes: tuple[str, ...]) -> tuple[int, tuple[Synonym, ...]]:
        """Return the length of the longest term that these lexemes begin with, and its synonyms."""
        for span in range(min(self.span, len(lexemes)), 0, -1):
            if found := self.others.get(lexemes[:span]):
                return span, found
        return 0, ()


def load_thesaurus() -> Thesaurus:
    """Return the thesaurus; changes of other processes appear after `CACHE_SECONDS`."""
    return _thesaurus_at(int(time.monotonic() / CACHE_SECONDS))


@receiver([post_save, post_delete], sender=Synonyms)
def forget_thesaurus(**kwargs: object) -> None:
    """Clear the cached thesaurus."""
    _thesaurus_at.cache_clear()


@functools.lru_cache(maxsize=1)
def _thesaurus_at(moment: int) -> Thesaurus:
    state = Synonyms.objects.aggregate(n=Count("pk"), at=Max("updated_at"))
    return _read_thesaurus(state["n"], state["at"])


@functools.lru_cache(maxsize=2)
def _read_thesaurus(count: int, at: object) -> Thesaurus:
    others: dict[tuple[str, ...], dict[tuple[str, ...], Synonym]] = {}
    for row in Synonyms.objects.all():
        terms = [
            Synonym(t, lexemes)
            for t, lexemes in zip(row.terms, row.lexemes(), strict=True)
            if lexemes
        ]
        for one in terms:
            found = others.setdefault(one.lexemes, {})
            found.update({o.lexemes: o for o in terms if o.lexemes != one.lexemes})
    return Thesaurus(
        {lexemes: tuple(found.values()) for lexemes, found in others.items()},
        max(map(len, others), default=0),
    )
