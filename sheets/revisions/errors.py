"""Why a revision is not saved."""

from typing import Any

from sheets.models import Revision


class StaleBase(Exception):
    """The sheet has moved on since the text was started; `current` is where it is now."""

    def __init__(self, current: Revision | None) -> None:
        super().__init__(current)
        self.current = current


class PersonalText(Exception):
    """A generated text was to replace what a person wrote: it may only be proposed."""


class LossyText(Exception):
    """A generated text says much less than the one it was to replace, or touches a locked section.

    `notices` says where, as `Proposal.notices` keeps it.
    """

    def __init__(self, notices: list[dict[str, Any]]) -> None:
        super().__init__(notices)
        self.notices = notices
