"""Forms of discussions."""

from django import forms
from django.utils.translation import gettext_lazy

from sheets.forms.edit import flatten_text

LONGEST_QUOTE = 600


class CommentForm(forms.Form):
    """A comment in a discussion."""

    body = forms.CharField(
        label=gettext_lazy("Comment"),
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": gettext_lazy("Write the comment.")},
    )

    def clean_body(self) -> str:
        return flatten_text(self.cleaned_data["body"])


class DiscussionForm(CommentForm):
    """The first comment of a discussion, and the words of the sheet that it is about."""

    quote = forms.CharField(
        label=gettext_lazy("Passage"),
        required=False,
        max_length=LONGEST_QUOTE,
        help_text=gettext_lazy(
            "Select words in the text, or copy them here. Empty: the whole sheet."
        ),
        widget=forms.Textarea(attrs={"rows": 2, "lang": "fr"}),
    )
    before = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    after = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    field_order = ("quote", "body")
