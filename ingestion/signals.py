"""What others may want to know of a source."""

from django.dispatch import Signal

document_settled = Signal()
"""Sent with `document_id` when a source is ready, failed or cancelled, in that transaction."""
