"""Signals about sources and about calls of the model service."""

from django.dispatch import Signal

document_settled = Signal()
"""Sent with `document_id` when a source becomes ready, failed, cancelled or is removed, in that
transaction."""

passages_replaced = Signal()
"""Sent with `document_id` when a source was read again with another text, in that transaction;
`gone` has the ids of the passages deleted."""

version_changed = Signal()
"""Sent with the `document_id` of a source that another one no longer replaces, in that
transaction."""

before_spending = Signal()
"""Sent before a paid request to the model service; a receiver refuses it by raising UserError."""

tokens_spent = Signal()
"""Sent with `model`, `tokens_in` and `tokens_out` after an answer of the model service."""
