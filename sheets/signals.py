"""Signals of sheets."""

from django.dispatch import Signal

revision_saved = Signal()
"""Sent with `revision` once it is its sheet's current one, in the same transaction."""
