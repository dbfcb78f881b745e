"""Forms of the workshop: an action on selected rows, a saved view."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ingestion.models import Document
from sheets.forms.life import people_with_a_role
from sheets.models import BulkAction, SavedView, VocabularyTerm
from sheets.models.vocabulary import LONGEST_NAME
from wikico2.errors import UserError
from wikico2.parameters import whole_number
from wikico2.text.normalize import fold_text, visible_line

Action = BulkAction.Action
PEOPLE_OFFERED = 300


class RowsField(forms.Field):
    """The ids of the ticked rows; what is no id is passed over."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[int]:
        given = value if isinstance(value, list | tuple) else []
        found = (whole_number(str(one)) for one in given[: BulkAction.MOST_ROWS + 1])
        return list(dict.fromkeys(pk for pk in found if pk))


class SelectionForm(forms.Form):
    """An action on the ticked rows, or on all of the list; each action has a field for its value.

    `actions` are offered; the value of the action `x` is in the field `x`.
    """

    actions: tuple[str, ...] = ()
    row = RowsField(required=False)
    all = forms.BooleanField(required=False)
    do = forms.CharField(required=False)

    def clean(self) -> dict[str, Any]:
        """Return the action with its value; raises ValidationError for what is not offered."""
        values = super().clean() or {}
        action = values.get("do", "")
        if action not in self.actions:
            raise ValidationError(_("Choose what to do with the selected rows."))
        if not values.get("all") and not values.get("row"):
            raise ValidationError(UserError("nothing_chosen").sentence)
        if action in self.fields and not values.get(action) and action not in self.errors:
            self.add_error(action, _("Choose or type a value first."))
        return values

    @property
    def ticked(self) -> set[int]:
        """Return the ids that were ticked, for the form shown again."""
        return set(self.cleaned_data.get("row") or []) if self.is_bound else set()

    @property
    def value(self) -> str:
        """Return what the action sets, as text."""
        return str(self.cleaned_data.get(self.cleaned_data["do"]) or "")

    def chosen(self, listed: Callable[[], list[int]]) -> list[int]:
        """Return the ids of the rows: the ticked ones, or with `all` those of the list."""
        return listed() if self.cleaned_data["all"] else list(self.cleaned_data["row"])


STATE_CHOICES = (
    ("submit", gettext_lazy("Submit for validation")),
    ("publish", gettext_lazy("Publish")),
    ("archive", gettext_lazy("Archive")),
    ("restore", gettext_lazy("Restore from the archive")),
)


class SheetSelectionForm(SelectionForm):
    actions = (
        Action.STATE,
        Action.CATEGORY,
        Action.RESPONSIBLE,
        Action.REGENERATE,
        Action.EXPORT,
    )
    state = forms.ChoiceField(label=gettext_lazy("State"), choices=STATE_CHOICES, required=False)
    responsible = forms.ChoiceField(label=gettext_lazy("Person in charge"), required=False)
    category = forms.CharField(
        label=gettext_lazy("Category"), max_length=LONGEST_NAME, required=False
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        person = self.fields["responsible"]
        assert isinstance(person, forms.ChoiceField)
        person.choices = [
            ("0", _("nobody")),
            *((str(one.pk), str(one)) for one in people_with_a_role()[:PEOPLE_OFFERED]),
        ]

    def clean_category(self) -> str:
        """Return the category as it is spelled already, if it is known."""
        name = visible_line(self.cleaned_data["category"])
        known = VocabularyTerm.objects.filter(kind=VocabularyTerm.Kind.CATEGORY)
        found = known.meaning(VocabularyTerm.Kind.CATEGORY, [fold_text(name)[:250]]).first()
        return found.name if found else name


class SourceSelectionForm(SelectionForm):
    actions = (Action.ACCESS, Action.LICENCE, Action.RETRY, Action.REREAD)
    access = forms.ChoiceField(
        label=gettext_lazy("Who can read it"), choices=Document.Access, required=False
    )
    licence = forms.CharField(label=gettext_lazy("Licence"), max_length=300, required=False)

    def clean_licence(self) -> str:
        return visible_line(self.cleaned_data["licence"])


class SavedViewForm(forms.ModelForm[SavedView]):
    """The present list under a name."""

    class Meta:
        model = SavedView
        fields = ("name", "rows", "query")

    def clean_name(self) -> str:
        name = visible_line(self.cleaned_data["name"])
        if not name:
            raise ValidationError(_("Give the view a name."))
        return name
