"""What people send about sources, made regular before it is used."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from ingestion.models import Document, Synonyms
from ingestion.readers.formats import EXTENSIONS
from wikico2.terms import main_lexemes


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files at once; what each of them is worth is told by reading it, not here."""

    widget = FilesInput(attrs={"multiple": True, "accept": ",".join(EXTENSIONS)})

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        given = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(one, initial) for one in given or [None]]


class UploadForm(forms.Form):
    """Files to add to the sources, and who may read them."""

    uploads = FilesField(
        label=_("Files"),
        allow_empty_file=True,
        error_messages={"required": _("Choose at least one file.")},
    )
    access = forms.ChoiceField(
        label=_("Who may read it"),
        choices=Document.Access,
        initial=Document.Access.OPEN,
        required=False,
    )

    def clean_access(self) -> str:
        return self.cleaned_data["access"] or Document.Access.OPEN


class SourceFilter:
    """What the list of sources is narrowed and sorted by, read from an address.

    Values that mean nothing are dropped: an old link still opens the list.
    """

    SORTS = {
        "recent": (_("most recent"), ("-created_at", "-pk")),
        "title": (_("title"), ("title", "pk")),
        "pages": (_("most pages"), ("-page_count", "title", "pk")),
    }
    STATES = {
        "ready": (_("ready"), (Document.State.READY,)),
        "working": (_("in progress"), Document.WORKING),
        "failed": (_("failed"), (Document.State.FAILED,)),
        "cancelled": (_("cancelled"), (Document.State.CANCELLED,)),
    }

    def __init__(self, data: Any) -> None:
        self.q = " ".join(data.get("q", "").replace("\0", " ").split())[:200]
        self.sort = data.get("sort", "") if data.get("sort") in self.SORTS else "recent"
        self.state = data.get("state", "") if data.get("state") in self.STATES else ""
        access = data.get("access", "")
        self.access = access if access in Document.Access.values else ""
        language = data.get("language", "")
        self.language = language if language.isalpha() and len(language) <= 8 else ""

    @property
    def states(self) -> tuple[Document.State, ...]:
        """Return the states that the chosen word stands for; none for all of them."""
        return self.STATES[self.state][1] if self.state else ()

    @property
    def order(self) -> tuple[str, ...]:
        return self.SORTS[self.sort][1]

    @property
    def is_narrow(self) -> bool:
        """Tell whether anything but the order was chosen."""
        return bool(self.q or self.state or self.access or self.language)

    def address(self, **changes: str) -> str:
        """Return the address of the list with some of the choices changed, on its first page."""
        names = ("q", "sort", "state", "language", "access")
        chosen = {name: getattr(self, name) for name in names} | changes
        return f"?{urlencode({name: value for name, value in chosen.items() if value})}"

    def sorts(self) -> list[tuple[str, str]]:
        """Return the orders to choose from."""
        return [(key, str(label)) for key, (label, _order) in self.SORTS.items()]


class SynonymsForm(forms.ModelForm[Synonyms]):
    """Terms that mean the same, one a line."""

    terms = forms.CharField(
        label=Synonyms._meta.get_field("terms").verbose_name,
        help_text=Synonyms._meta.get_field("terms").help_text,
        widget=forms.Textarea(attrs={"rows": 6, "cols": 60}),
    )

    class Meta:
        model = Synonyms
        fields = ["terms", "note"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["terms"] = "\n".join(self.instance.terms or [])

    def clean_terms(self) -> list[str]:
        """Return the terms; at least two, none longer than there is room for, none twice."""
        lines = [" ".join(line.split()) for line in self.cleaned_data["terms"].splitlines()]
        terms = list(dict.fromkeys(filter(None, lines)))
        if len(terms) < 2:
            raise forms.ValidationError(_("Give at least two terms, one a line."))
        for term in terms:
            if len(term) > 100:
                raise forms.ValidationError(_("“%(term)s” is too long.") % {"term": term[:40]})
            if not main_lexemes(term):
                message = _("“%(term)s” has no word that can be looked for.")
                raise forms.ValidationError(message % {"term": term})
        return terms
