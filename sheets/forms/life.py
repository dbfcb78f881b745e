"""Forms of the life of a sheet: a change of state, who is in charge, its next review."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sheets.models import SheetEvent
from wikico2.accounts.roles import GROUPS
from wikico2.accounts.rules import Role
from wikico2.models import User


class StateForm(forms.Form):
    """The comment on a change of state and, for a validation, the next date of review."""

    comment = forms.CharField(
        label=_("Comment"),
        required=False,
        max_length=SheetEvent.LONGEST_COMMENT,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Needed to request changes: say which. Members read it in the history."),
    )
    review_on = forms.DateField(
        label=_("Next review"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("For a validation; without a date, the usual time after it."),
    )


class CareForm(forms.Form):
    """Who is in charge of a sheet, and when it is to be reviewed."""

    responsible = forms.ModelChoiceField(
        User.objects.none(), label=_("Person in charge"), required=False, empty_label=_("nobody")
    )
    review_on = forms.DateField(
        label=_("To review on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["responsible"].queryset = people_with_a_role()  # type: ignore[attr-defined]


def people_with_a_role() -> Any:
    """Return the active accounts that may edit, by name."""
    names = [name for role, name in GROUPS.items() if role >= Role.CONTRIBUTOR]
    people = User.objects.filter(Q(groups__name__in=names) | Q(is_superuser=True), is_active=True)
    return people.distinct().order_by("first_name", "last_name", "username")
