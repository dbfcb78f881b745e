"""Errors of saving a revision."""

from typing import Any

from sheets.models import Revision


class StaleBase(Exception):
    """The base is no longer the sheet's current revision; `current` is."""

    def __init__(self, current: Revision | None) -> None:
        super().__init__(current)
        self.current = current


class PersonalText(Exception):
    """A generated text would replace a person's; it may only be proposed."""


class LossyText(Exception):
    """A generated text loses more than half of a section, or changes a locked one.

    `notices` names the sections, in the form of `Proposal.notices`.
    """

    def __init__(self, notices: list[dict[str, Any]]) -> None:
        super().__init__(notices)
        self.notices = notices
