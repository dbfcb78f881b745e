"""Signals of sheets."""

from django.dispatch import Signal

revision_saved = Signal()
"""Sent with `revision` once it is its sheet's current one, in the same transaction."""

proposal_made = Signal()
"""Sent with `proposal` once it waits for a decision, in the same transaction."""

proposal_decided = Signal()
"""Sent with `proposal` once it is accepted, refused or closed, in the same transaction."""
