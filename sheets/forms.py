"""Forms of the wiki: what a reader narrows the list by, and the request for a new sheet."""

from typing import Any, cast

from django import forms
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ingestion.models import Document
from sheets.facets import ORDERS, Narrowing
from sheets.models import Sheet, SheetType


class NarrowingForm(forms.Form):
    """The address of the list of sheets. A value that makes no sense is passed over."""

    q = forms.CharField(required=False, max_length=200)
    type = forms.SlugField(required=False)
    state = forms.ChoiceField(required=False, choices=Sheet.State.choices)
    source = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    sort = forms.ChoiceField(required=False, choices=[(name, name) for name in ORDERS])

    def wish(self) -> Narrowing:
        """Return what is asked for."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value}
        if "q" in given:
            given["q"] = given["q"].replace("\x00", "").strip()
        return Narrowing(**given)


class DocumentChoices(forms.ModelMultipleChoiceField[Document]):
    """Sources as checkboxes, each with its number of pages."""

    def label_from_instance(self, obj: Document) -> str:
        pages = ngettext("%(n)s page", "%(n)s pages", obj.page_count) % {"n": obj.page_count}
        return format_html(
            '<span class="choice-title">{}</span> <span class="muted small nowrap">{}</span>',
            obj.title,
            pages,
        )


class TypeChoice(forms.ModelChoiceField[SheetType]):
    """Kinds of sheet, each with what it is for."""

    def label_from_instance(self, obj: SheetType) -> str:
        return format_html(
            '<strong>{}</strong><br><span class="muted small">{}</span>', obj.name, obj.description
        )


class SheetRequestForm(forms.Form):
    """The request for a new sheet."""

    sheet_type = TypeChoice(
        label=gettext_lazy("Kind of sheet"),
        queryset=SheetType.objects.all(),
        empty_label=None,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose the kind of sheet.")},
    )
    title = forms.CharField(
        label=gettext_lazy("Title"),
        min_length=3,
        max_length=Sheet._meta.get_field("title").max_length,
        help_text=gettext_lazy(
            "The name of the solution or of the sector, as one would look it up: “Heat recovery "
            "on air compressors”."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Give the sheet a title.")},
    )
    documents = DocumentChoices(
        label=gettext_lazy("Sources"),
        queryset=Document.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "The sheet is written from these documents only; each statement points to its page."
        ),
        error_messages={"required": gettext_lazy("Choose at least one source.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        documents = cast("DocumentChoices", self.fields["documents"])
        documents.queryset = Document.objects.ready().order_by(Lower("title"), "pk")

    def clean_title(self) -> str:
        """Return the title with single spaces; refuse one that another sheet bears."""
        title = " ".join(str(self.cleaned_data["title"]).replace("\x00", "").split())
        same = Sheet.objects.filter(title__unaccent__iexact=title).first()
        if same:
            raise forms.ValidationError(
                format_html(
                    _('A sheet already bears this title: <a href="{}">{}</a>.'),
                    reverse("sheet", args=[same.slug]),
                    same.title,
                )
            )
        return title
