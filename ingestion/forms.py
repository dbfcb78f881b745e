"""Forms of the sources: uploads, addresses, descriptions, synonyms."""

import re
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import capfirst
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from ingestion.intake import dates
from ingestion.intake.fetch import checked_url
from ingestion.models import PARTIAL_DATE, Document, Synonyms
from ingestion.readers.registry import EXTENSIONS
from ingestion.templatetags.sources import language_name
from wikico2.errors import UserError
from wikico2.text.analyzer import main_lexemes


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files at once; their content is checked when they are processed, not here."""

    widget = FilesInput(attrs={"multiple": True, "accept": ",".join((*EXTENSIONS, ".zip"))})

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        given = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(one, initial) for one in given or [None]]


class IntakeForm(forms.Form):
    """Fields of every added source: who may read it, and which source it replaces."""

    access = forms.ChoiceField(
        label=_("Who can read it"),
        choices=Document.Access,
        initial=Document.Access.OPEN,
        required=False,
    )
    version = forms.ModelChoiceField(
        Document.objects.all(),
        label=_("New version of"),
        required=False,
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": _("The source to replace no longer exists.")},
    )

    def clean_access(self) -> str:
        return self.cleaned_data["access"] or Document.Access.OPEN

    @property
    def document_fields(self) -> dict[str, Any]:
        """Return the fields of each new document, as keyword arguments."""
        return {
            "access": self.cleaned_data["access"],
            "supersedes": self.cleaned_data["version"],
        }


class UploadForm(IntakeForm):
    """Files to add to the sources."""

    uploads = FilesField(
        label=_("Files"),
        allow_empty_file=True,
        error_messages={"required": _("Choose at least one file.")},
    )

    def clean(self) -> None:
        """Refuse several files as the new version of one source."""
        given = self.cleaned_data
        if given.get("version") and len(given.get("uploads") or []) > 1:
            self.add_error("uploads", _("Choose a single file: it replaces one source."))


class AddressForm(IntakeForm):
    """Web addresses to fetch, one a line."""

    use_required_attribute = False  # its page also has the upload form

    addresses = forms.CharField(
        label=_("Web addresses"),
        widget=forms.Textarea(
            attrs={"rows": 3, "inputmode": "url", "autocomplete": "off", "spellcheck": "false"}
        ),
        error_messages={"required": _("Enter at least one address.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "id_web_%s", **kwargs})
        self.refused: dict[str, str] = {}

    def clean(self) -> None:
        """Refuse several addresses as the new version of one source."""
        given = self.cleaned_data
        if given.get("version") and len(given.get("addresses") or []) > 1:
            self.add_error("addresses", _("Enter a single address: it replaces one source."))

    def clean_addresses(self) -> list[str]:
        """Return the distinct addresses that `checked_url` accepts; refuse if it accepts none.

        `refused` maps the others to their sentences.
        """
        lines = self.cleaned_data["addresses"].splitlines()
        typed = (word.strip(" \t,;<>\"'") for line in lines for word in _SPACED_ADDRESS.split(line))
        given = list(dict.fromkeys(filter(None, typed)))
        limit = settings.MAX_FILES_PER_UPLOAD
        if len(given) > limit:
            raise forms.ValidationError(
                _("At most %(limit)d addresses can be added at once.") % {"limit": limit}
            )
        good: list[str] = []
        for address in given:
            try:
                checked_url(address)
                good.append(address)
            except UserError as error:
                named = {"address": Truncator(address).chars(80), "sentence": error.sentence}
                one = len(given) == 1
                sentence = error.sentence if one else _("%(address)s: %(sentence)s") % named
                self.refused[address] = str(sentence)
        if not good:
            raise forms.ValidationError(
                [*self.refused.values()] or [self.fields["addresses"].error_messages["required"]]
            )
        return good


DESCRIBED = (
    "title",
    "author",
    "publisher",
    "published",
    "language",
    "origin",
    "licence",
    "access",
    "supersedes",
)
ACCESS_CHOICES = (
    (Document.Access.OPEN, _("Everybody")),
    (Document.Access.INTERNAL, _("Logged-in users")),
)
LANGUAGES = ("fr", "en", "de", "es", "it", "nl", "pt")
VERSION_OF_ITSELF = _("A source cannot be a new version of itself or of a source that replaces it.")
_SPACED_ADDRESS = re.compile(r"\s+(?=[a-z]{3,5}://|www\.)", re.IGNORECASE)
"""The space between two addresses on a line; any other belongs to an address."""
_SOURCE = re.compile(r"^\s*(?:n°\s*)?(\d{1,18})\b|/sources/(\d{1,18})\b")


class DateField(forms.CharField):
    """A year, a month or a day, in the notations that people use."""

    def prepare_value(self, value: Any) -> Any:
        return dates.format_date(value) if value and re.match(PARTIAL_DATE, str(value)) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return dates.parse_date(data or "") != (initial or "") or bool(data) != bool(initial)

    def clean(self, value: Any) -> str:
        given = super().clean(value)
        found = dates.parse_date(given)
        if given and not found:
            raise forms.ValidationError(
                _("Enter a year, a month or a day: 2021, 03/2021, 12/03/2021.")
            )
        return found


class SourceField(forms.CharField):
    """Another source, given by its number (text after it is ignored) or its address."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            value = Document.objects.filter(pk=value).first()
        return source_label(value) if isinstance(value, Document) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        match = _SOURCE.search(data or "")
        return bool((int(match[1] or match[2]) if match else None) != initial)

    def clean(self, value: Any) -> Document | None:
        given = super().clean(value)
        if not given:
            return None
        match = _SOURCE.search(given)
        found = match and Document.objects.filter(pk=int(match[1] or match[2])).first()
        if not found:
            raise forms.ValidationError(
                _("No source matches. Enter its number or the address of its page.")
            )
        return found


def source_label(source: Document) -> str:
    """Return the label of a source in a list of choices."""
    return f"{source.pk} – {source.title}"


class DescriptionForm(forms.ModelForm[Document]):
    """The description of a source: extracted from the file, corrected by people."""

    published = DateField(
        label=_("Date of publication"),
        required=False,
        max_length=40,
        help_text=_("A year, a month or a day: 2021, March 2021, 12/03/2021."),
    )
    language = forms.ChoiceField(label=_("Language"), required=False)
    origin = forms.URLField(
        label=_("Address of origin"),
        required=False,
        max_length=2000,
        assume_scheme="https",
        help_text=_("Where the document is on the web."),
    )
    supersedes = SourceField(
        label=_("New version of"),
        required=False,
        help_text=_(
            "Number or address of the source that this one replaces. The old source is "
            "kept with its quotes; the sheets that use it are marked as out of date."
        ),
    )

    class Meta:
        model = Document
        fields = DESCRIBED
        labels = {
            "title": _("Title"),
            "author": _("Author"),
            "publisher": _("Publisher"),
            "licence": _("Licence or terms of use"),
            "access": _("Who can read it"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = dict.fromkeys([*LANGUAGES, *filter(None, [self.instance.language])])
        named = [(code, capfirst(language_name(code))) for code in codes]
        self.fields["language"].choices = [("", _("unknown")), *named]  # type: ignore[attr-defined]
        self.fields["access"].choices = ACCESS_CHOICES  # type: ignore[attr-defined]
        self.fields["supersedes"].widget.attrs |= {"list": "id_sources", "autocomplete": "off"}

    def clean_title(self) -> str:
        return " ".join(self.cleaned_data["title"].split())

    def clean_supersedes(self) -> Document | None:
        """Refuse a cycle of replaced sources."""
        replaced: Document | None = self.cleaned_data["supersedes"]
        if replaced and not self.instance.may_replace(replaced):
            raise forms.ValidationError(VERSION_OF_ITSELF)
        return replaced


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
        """Return the distinct terms: at least two, each of at most 100 characters."""
        lines = [" ".join(line.split()) for line in self.cleaned_data["terms"].splitlines()]
        terms = list(dict.fromkeys(filter(None, lines)))
        if len(terms) < 2:
            raise forms.ValidationError(_("Give at least two terms, one a line."))
        for term in terms:
            if len(term) > 100:
                raise forms.ValidationError(_("“%(term)s” is too long.") % {"term": term[:40]})
            if not main_lexemes(term):
                message = _("“%(term)s” contains no searchable word.")
                raise forms.ValidationError(message % {"term": term})
        return terms
