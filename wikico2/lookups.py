"""Lookups that Django does not have."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Lookup
from django.db.models.sql.compiler import SQLCompiler


@Field.register_lookup
class AnyOf(Lookup[Any]):
    """`pk__any_of=[…]`: like `in`, for long lists, which are sent as one array parameter."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        """Return `column = ANY (array)` with its parameters."""
        lhs, params = self.process_lhs(compiler, connection)
        return f"{lhs} = ANY (%s)", (*params, list(self.rhs))
