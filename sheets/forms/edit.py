"""Forms to edit a sheet or one section, and to suggest a change."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from sheets.links.localized_text import header_labels
from sheets.markdown.notes import defined_twice, repair_footnotes, undefined_markers
from sheets.markdown.parse import MARKER
from sheets.markdown.sections_edit import cut_section, is_header, keep_anchors, put_section
from sheets.merge import Version
from sheets.rendering.converter import left_plain
from sheets.schema.types import FieldBrief, SheetTemplate
from wikico2.mail import is_mail_configured
from wikico2.text.normalize import visible_line

LONGEST = 150_000
"""Most characters of a sheet; that much dense Markdown is rendered within two seconds."""
LONGEST_KEPT = 1_000_000
LONGEST_VALUE = 2_000
LONGEST_SHOWN = 40
LEAST_SUGGESTED, TIMES_THE_SHEET = 10_000, 3
"""Most characters of a suggestion: the larger of a number and a multiple of the sheet's."""
VALUE = "meta_"


class TextForm(forms.Form):
    """The text of a sheet or of one section, with the header data.

    `start` is the version that the edit starts from, `base` its number (0 for none).
    """

    base = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)
    body = forms.CharField(
        label=gettext_lazy("Text"),
        required=False,
        strip=False,
        max_length=LONGEST,
        widget=forms.Textarea(
            attrs={"rows": 24, "lang": "fr", "spellcheck": "true", "data-editor": ""}
        ),
    )

    def __init__(
        self, *args: Any, start: Version, template: SheetTemplate, section: str = "", **kwargs: Any
    ) -> None:
        self.start, self.template, self.section = start, template, section
        super().__init__(*args, **kwargs)
        if self.is_header:
            del self.fields["body"]
        if not section or self.is_header:
            labels = header_labels(template)
            for brief in header_fields(template):
                value = start.values.get(brief.key, "")
                self.fields[VALUE + brief.key] = value_field(brief, labels[brief.key], value)
        for field in self.fields.values():
            field.widget.attrs.pop("maxlength", None)  # a browser cuts what is pasted in silence

    @property
    def is_header(self) -> bool:
        """Tell whether only the header data is edited."""
        return bool(self.section) and is_header(self.section, self.template)

    @property
    def values(self) -> list[forms.BoundField]:
        """Return the fields of the header data."""
        return [self[name] for name in self.fields if name.startswith(VALUE)]

    def clean_body(self) -> str:
        return flatten_text(self.cleaned_data["body"])

    def clean(self) -> dict[str, Any]:
        """Refuse text beyond the bounds of the parser, duplicate labels and undefined markers.

        Without its footnote a statement would lose its source.
        """
        given = super().clean() or {}
        if "body" in self.errors:
            return given
        place = None if self.is_header else "body"
        if dense := self.left_plain(given.get("body", "")):
            sentence = _(
                "This has more brackets, code marks, nested lists or empty table cells than can be "
                "read: “%(begin)s”. Remove some, or begin new paragraphs."
            )
            self.add_error(place, sentence % {"begin": dense[:LONGEST_SHOWN]})
            return given
        if twice := defined_twice(given.get("body", "")):
            self.add_error(
                place,
                _("[^%(label)s] is used for two different footnotes: renumber one of them.")
                % {"label": twice[0]},
            )
        if lost := [
            m for m in undefined_markers(self.text(given)) if m not in self.undefined_before
        ]:
            sentence = ngettext(
                "%(labels)s refers to no footnote: add the footnote at the end of the text, or "
                "remove the marker.",
                "%(labels)s refer to no footnote: add the footnotes at the end of the text, or "
                "remove the markers.",
                len(lost),
            )
            self.add_error(place, sentence % {"labels": ", ".join(f"[^{m}]" for m in lost)})
        return given

    def left_plain(self, body: str) -> str:
        """Return the first piece beyond the bounds of the parser that `start` lacks, or ""."""
        found = left_plain(body)
        before = set(left_plain(self.start.body)) if found else set()
        return next((piece for piece in found if piece not in before), "")

    @property
    def undefined_before(self) -> set[str]:
        """Return the markers that had no footnote before this edit."""
        return set(undefined_markers(self.start))

    def text(self, given: Mapping[str, Any] | None = None) -> Version:
        """Return the whole sheet with the input applied and its footnotes repaired."""
        given = self.cleaned_data if given is None else given
        values = dict(self.start.values)
        for name in self.fields:
            if name.startswith(VALUE):
                values[name.removeprefix(VALUE)] = " ".join(
                    flatten_text(given.get(name) or "").split()
                )
        values = {k: v for k, v in values.items() if v}
        if self.is_header:
            whole = Version(self.start.body, values)
        elif self.section:
            put = put_section(self.start, self.section, given.get("body", ""), self.template)
            whole = Version(put.body, values)
        else:
            body = given.get("body", "").strip("\n") + "\n"
            whole = keep_anchors(Version(body, values), self.start, self.template)
        return repair_footnotes(whole, self.start)

    def typed(self) -> dict[str, str]:
        """Return the raw input, to be stored as a draft."""
        names = [*self.fields]
        return {n: flatten_text(str(self.data[n]))[:LONGEST_KEPT] for n in names if n in self.data}


def initial_of(start: Version, template: SheetTemplate, section: str = "") -> dict[str, str]:
    """Return the initial values of a form."""
    values = {VALUE + b.key: start.values.get(b.key, "") for b in header_fields(template)}
    if section and is_header(section, template):
        return values
    return values | {"body": cut_section(start, section, template) if section else start.body}


def header_fields(template: SheetTemplate) -> list[FieldBrief]:
    return [f for s in template.written if s.role == "header" for f in s.fields]


def value_field(brief: FieldBrief, label: str, value: str) -> forms.CharField:
    """Return the form field of a header value; a value outside its choices is offered too."""
    if not brief.choices:
        widget = forms.TextInput(attrs={"lang": "fr", "autocomplete": "off"})
        return forms.CharField(label=label, required=False, max_length=LONGEST_VALUE, widget=widget)
    choices = [("", "—"), *((choice, choice) for choice in brief.choices)]
    if value and value not in brief.choices:
        choices.insert(1, (value, MARKER.sub(lambda m: f" [{m[1]}]", value)))
    return forms.CharField(
        label=label,
        required=False,
        max_length=LONGEST_VALUE,
        widget=forms.Select(choices=choices, attrs={"lang": "fr"}),
    )


def flatten_text(text: str) -> str:
    """Return the text with `\\n` line ends and without NUL, which PostgreSQL refuses."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


class EditForm(TextForm):
    """An edit: the text, with a comment of its author."""

    comment = forms.CharField(
        label=gettext_lazy("Summary of the change"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("Shown in the history."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    minor = forms.BooleanField(
        label=gettext_lazy("Minor change (spelling, layout)"), required=False
    )

    def typed(self) -> dict[str, str]:
        """Return the raw input, including an unchecked checkbox."""
        return super().typed() | {"minor": flatten_text(self.data.get("minor", ""))}


class SuggestForm(TextForm):
    """A suggestion of any reader: a changed text, a remark, or both."""

    remark = forms.CharField(
        label=gettext_lazy("Your remark"),
        required=False,
        max_length=5_000,
        help_text=gettext_lazy(
            "What is wrong, missing or outdated, with your source if possible. A remark "
            "alone is enough."
        ),
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    signed = forms.CharField(
        label=gettext_lazy("Your name"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    reply_to = forms.EmailField(
        label=gettext_lazy("Your e-mail address"),
        required=False,
        max_length=254,
        help_text=gettext_lazy(
            "To receive the answer. It is not shown to anybody, and deleted once the answer is "
            "sent."
        ),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    # A honeypot: hidden from people, filled in by bots.
    website = forms.CharField(
        label=gettext_lazy("Leave this field empty"),
        required=False,
        max_length=1_000,
        widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"}),
    )

    def __init__(self, *args: Any, anonymous: bool, refusal: str = "", **kwargs: Any) -> None:
        """`refusal`, if not "", is the error of this sender; the text is then not parsed."""
        super().__init__(*args, **kwargs)
        self.refusal = refusal
        if not anonymous:
            self.fields["signed"].widget = forms.HiddenInput()
        if not anonymous or not is_mail_configured():
            del self.fields["reply_to"]

    def clean_body(self) -> str:
        """Refuse a text that is much longer than the sheet, before it is parsed."""
        body = super().clean_body()
        limit = max(LEAST_SUGGESTED, TIMES_THE_SHEET * len(self.start.body))
        if len(body) > limit:
            raise forms.ValidationError(
                _(
                    "Your text has %(length)s characters; a suggestion for this sheet may have "
                    "%(limit)s. Shorten it, or suggest a part."
                )
                % {"length": len(body), "limit": limit}
            )
        return body

    @property
    def is_honeypot_filled(self) -> bool:
        """Tell whether the hidden field was filled in."""
        return bool(self.cleaned_data.get("website"))

    def clean(self) -> dict[str, Any]:
        """Refuse a sender with a `refusal`, and a suggestion that empties the sheet."""
        if self.refusal:
            raise forms.ValidationError(self.refusal)
        given = super().clean()
        emptied = "body" in self.fields and not given.get("body", "").strip()
        if emptied and self.start.body.strip() and not self.text(given).body.strip():
            self.add_error(
                "body",
                _(
                    "This would leave the sheet without any text. Write what it should say, or "
                    "leave its text as it is and say in a remark what is wrong."
                ),
            )
        return given

    def clean_remark(self) -> str:
        return flatten_text(self.cleaned_data["remark"])

    def clean_signed(self) -> str:
        return visible_line(self.cleaned_data["signed"])
