"""What others may want to know of a source."""

from django.dispatch import Signal

document_settled = Signal()
"""Sent with `document_id` when a source is ready, failed or cancelled, in that transaction."""

version_changed = Signal()
"""Sent with `document_id` of a source when another replaces it no longer, in that transaction."""

before_spending = Signal()
"""Sent before the model service is asked for something that costs; who objects raises UserError."""

tokens_spent = Signal()
"""Sent with `model`, `tokens_in` and `tokens_out` once the model service has answered."""
