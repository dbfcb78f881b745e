"""What others may want to know of a sheet."""

from django.dispatch import Signal

revision_saved = Signal()
"""Sent with `revision` when it has become its sheet's current one, in that transaction."""
