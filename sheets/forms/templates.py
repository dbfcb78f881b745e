"""Forms of sheet types in the administration: sections, fields, the trial of a section."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sheets.markdown.parse import heading_key
from sheets.models import Field, Section, Sheet, SheetType
from sheets.models.schema_loader import load_template

MOST_LINES = 50
LONGEST_LINE = 200
SHEETS_OFFERED = 200


class LinesField(forms.CharField):
    """A list of short texts, one a line; blank lines at the end are left out."""

    widget = forms.Textarea(attrs={"rows": 4, "cols": 60})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        """Return the lines; raises ValidationError for too many or too long ones."""
        lines = [" ".join(line.split()) for line in (super().to_python(value) or "").splitlines()]
        while lines and not lines[-1]:
            lines.pop()
        if len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
            message = _("Give at most %(lines)d lines of at most %(length)d characters.")
            raise ValidationError(message % {"lines": MOST_LINES, "length": LONGEST_LINE})
        return lines

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class SheetTypeForm(forms.ModelForm[SheetType]):
    """A sheet type without its sections."""

    class Meta:
        model = SheetType
        fields = (
            "key", "name_fr", "name_en", "plural_fr", "plural_en",
            "description_fr", "description_en", "order",
        )  # fmt: skip


class SectionForm(forms.ModelForm[Section]):
    """A section without its place, which is chosen on the page of the type."""

    class Meta:
        model = Section
        fields = ("sheet_type", "heading_fr", "heading_en", "emoji", "role", "key")

    def clean(self) -> dict[str, Any]:
        """Refuse a heading that reads like another one of the type: the parser tells them so."""
        values = super().clean() or {}
        kind, heading = values.get("sheet_type") or self.instance.sheet_type_id, None
        if kind and (heading := values.get("heading_fr")):
            others = Section.objects.filter(sheet_type=kind).exclude(pk=self.instance.pk)
            taken = {heading_key(one): one for one in others.values_list("heading_fr", flat=True)}
            if other := taken.get(heading_key(heading)):
                message = _("The section “%(other)s” of this type has the same heading.")
                self.add_error("heading_fr", message % {"other": other})
        return values


class FieldForm(forms.ModelForm[Field]):
    """A field without its place, which is chosen on the page of the type."""

    columns = LinesField(
        label=Field._meta.get_field("columns").verbose_name,
        help_text=gettext_lazy("For a table: its French column headings, one a line."),
        required=False,
    )
    columns_en = LinesField(
        label=Field._meta.get_field("columns_en").verbose_name,
        help_text=gettext_lazy("In the same order, one a line."),
        required=False,
    )
    choices = LinesField(
        label=Field._meta.get_field("choices").verbose_name,
        help_text=gettext_lazy("For a short value: the values allowed, one a line. None: any."),
        required=False,
    )

    class Meta:
        model = Field
        fields = (
            "section", "heading_fr", "heading_en", "question", "instruction", "shape",
            "columns", "columns_en", "choices", "key",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Refuse a table without columns, and more English columns than French ones."""
        values = super().clean() or {}
        columns = values.get("columns") or []
        if values.get("shape") == Field.Shape.TABLE and not all(columns or [""]):
            self.add_error("columns", _("A table needs its column headings, one a line."))
        if len(values.get("columns_en") or []) > len(columns):
            self.add_error("columns_en", _("There are more English columns than French ones."))
        return values


class SectionTrialForm(forms.Form):
    """A section of a type, and a sheet of that type whose sources it is tried on."""

    sheet = forms.ModelChoiceField(Sheet.objects.none(), label=gettext_lazy("Sheet"))
    section = forms.ChoiceField(label=gettext_lazy("Section"))

    def __init__(self, kind: SheetType, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.briefs = {section.key: section for section in load_template(kind).written}
        sheets = Sheet.objects.filter(sheet_type=kind, documents__isnull=False).distinct()
        recent = sheets.order_by("-updated_at").values_list("pk", flat=True)[:SHEETS_OFFERED]
        chosen = self.fields["sheet"]
        assert isinstance(chosen, forms.ModelChoiceField)
        chosen.queryset = Sheet.objects.filter(pk__in=list(recent))
        section = self.fields["section"]
        assert isinstance(section, forms.ChoiceField)
        section.choices = [(key, brief.heading) for key, brief in self.briefs.items()]
