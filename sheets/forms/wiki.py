"""Forms to request, rename and regenerate sheets, and to resolve conflicts."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from django import forms
from django.db.models.functions import Lower
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ingestion.models import Document
from ingestion.search.retrieve import SubjectCoverage, subject_coverage
from sheets.links.rename import require_free_title
from sheets.merge import Conflict, ConflictChoice
from sheets.models import Sheet, SheetType
from wikico2.errors import UserError
from wikico2.text.normalize import visible_line

SHORTEST_TITLE = 3


class DocumentChoices(forms.ModelMultipleChoiceField[Document]):
    """Sources, labelled with title and number of pages."""

    def label_from_instance(self, obj: Document) -> str:
        pages = ngettext("%(n)s page", "%(n)s pages", obj.page_count) % {"n": obj.page_count}
        return format_html(
            '<span class="choice-title">{}</span> <span class="muted small nowrap">{}</span>',
            obj.title,
            pages,
        )


class TypeChoice(forms.ModelChoiceField[SheetType]):
    """Sheet types, labelled with name and description."""

    def label_from_instance(self, obj: SheetType) -> str:
        return format_html(
            '<strong>{}</strong><br><span class="muted small">{}</span>', obj.name, obj.description
        )


class SheetRequestForm(forms.Form):
    """The request to generate a new sheet."""

    sheet_type = TypeChoice(
        label=gettext_lazy("Kind of sheet"),
        queryset=SheetType.objects.all(),
        empty_label=None,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose the kind of sheet.")},
    )
    title = forms.CharField(
        label=gettext_lazy("Title"),
        min_length=SHORTEST_TITLE,
        max_length=Sheet._meta.get_field("title").max_length,
        help_text=gettext_lazy(
            "Name of the solution or sector, as a reader would search for it: “Heat "
            "recovery on air compressors”."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Enter a title.")},
    )
    documents = DocumentChoices(
        label=gettext_lazy("Sources"),
        queryset=Document.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "The sheet is written only from these documents; each statement links to its page."
        ),
        error_messages={"required": gettext_lazy("Choose at least one source.")},
    )
    anyway = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        documents = cast("DocumentChoices", self.fields["documents"])
        documents.queryset = Document.objects.ready().order_by(Lower("title"), "pk")
        self.coverage: SubjectCoverage | None = None

    def clean_title(self) -> str:
        """Return the title with single spaces; refuse one that another sheet has."""
        return free_title(str(self.cleaned_data["title"]))

    def clean(self) -> dict[str, Any]:
        """Ask before a sheet is drawn from sources that hardly speak of its title.

        `coverage` is then what was measured; whoever confirms (`anyway`) is not asked again.
        """
        data = super().clean() or {}
        if data.get("title") and data.get("documents") and not data.get("anyway"):
            coverage = subject_coverage(data["title"], [d.pk for d in data["documents"]])
            if coverage.is_slight:
                self.coverage = coverage
                self.add_error("documents", slight_coverage(data["title"], coverage))
        return data


def slight_coverage(title: str, coverage: SubjectCoverage) -> str:
    """Return the sentence that sources hardly speak of a title."""
    sentence = ngettext(
        "These sources hardly speak of “%(title)s”: %(n)d passage of %(total)d. "
        "Choose others, or write the sheet anyway.",
        "These sources hardly speak of “%(title)s”: %(n)d passages of %(total)d. "
        "Choose others, or write the sheet anyway.",
        coverage.speaking,
    )
    return sentence % {"title": title, "n": coverage.speaking, "total": coverage.passages}


class NewSheetForm(forms.Form):
    """The kind and the title of a sheet that is made of a text."""

    title = forms.CharField(
        label=gettext_lazy("Title"),
        max_length=Sheet._meta.get_field("title").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Enter a title.")},
    )
    sheet_type = forms.ModelChoiceField(
        label=gettext_lazy("Kind of sheet"),
        queryset=SheetType.objects.all(),
        empty_label=None,
        error_messages={"required": gettext_lazy("Choose the kind of sheet.")},
    )

    def clean_title(self) -> str:
        return free_title(str(self.cleaned_data["title"]))


class CopyForm(forms.Form):
    """The title of a sheet that is made from another one, and how much of it is taken over."""

    title = forms.CharField(
        label=gettext_lazy("Title of the new sheet"),
        max_length=Sheet._meta.get_field("title").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Enter a title.")},
    )
    take = forms.ChoiceField(
        label=gettext_lazy("Take over"),
        choices=(
            ("plan", gettext_lazy("the headings only")),
            ("text", gettext_lazy("the text with its citations, and the key facts")),
        ),
        initial="plan",
        widget=forms.RadioSelect,
    )

    def clean_title(self) -> str:
        return free_title(str(self.cleaned_data["title"]))


def free_title(given: str, sheet: Sheet | None = None) -> str:
    """Return a title as one line; raise ValidationError if it is short or another sheet has it."""
    title = visible_line(given)
    if len(title) < SHORTEST_TITLE:
        raise forms.ValidationError(_("Enter a title."))
    try:
        require_free_title(title, sheet)
    except UserError as error:
        raise title_error(error) from error
    return title


def title_error(error: UserError) -> forms.ValidationError:
    """Return the error of a title that another sheet has, with a link to that sheet."""
    if error.code != "title_taken":
        return forms.ValidationError(error.sentence)
    return forms.ValidationError(
        format_html(
            _('A sheet already has this title: <a href="{}">{}</a>.'),
            error.details["address"],
            error.details["title"],
        )
    )


class RenameForm(forms.Form):
    """The new title of a sheet."""

    title = forms.CharField(
        label=gettext_lazy("New title"),
        min_length=SHORTEST_TITLE,
        max_length=Sheet._meta.get_field("title").max_length,
        help_text=gettext_lazy(
            "The old title and address redirect to this sheet. Existing links keep working."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Enter a title.")},
    )

    def __init__(self, data: Mapping[str, Any] | None, *, sheet: Sheet) -> None:
        super().__init__(data, initial={"title": sheet.title})
        self.sheet = sheet

    def clean_title(self) -> str:
        return free_title(str(self.cleaned_data["title"]), self.sheet)


class RegenerateForm(forms.Form):
    """Which sections to regenerate: all, the stale ones, or the chosen ones."""

    ALL, STALE, CHOSEN = "all", "stale", "chosen"

    what = forms.ChoiceField(choices=[(ALL, ALL), (STALE, STALE), (CHOSEN, CHOSEN)], required=False)
    section = forms.MultipleChoiceField(required=False)
    anyway = forms.BooleanField(required=False)

    def __init__(
        self,
        *args: Any,
        sections: Iterable[str],
        stale: Iterable[str],
        doubt: str = "",
        **kwargs: Any,
    ) -> None:
        """`doubt` is the sentence that the sources hardly speak of the sheet's title, or empty."""
        super().__init__(*args, **kwargs)
        self.stale = list(stale)
        self.doubt = doubt
        cast("forms.MultipleChoiceField", self.fields["section"]).choices = [
            (key, key) for key in sections
        ]

    def clean(self) -> dict[str, Any]:
        """Refuse to regenerate no chosen section, and in doubt what is not confirmed (`anyway`)."""
        given = super().clean() or {}
        if self.doubt and not given.get("anyway"):
            self.add_error(None, self.doubt)
        if given.get("what") == self.CHOSEN and not given.get("section"):
            self.add_error("section", _("Select at least one section."))
        return given

    def sections(self) -> list[str] | None:
        """Return the keys of the sections; None for the whole sheet."""
        choices: dict[str, list[str] | None] = {
            self.ALL: None,
            self.STALE: self.stale,
            self.CHOSEN: self.cleaned_data["section"],
        }
        return choices[self.cleaned_data["what"] or self.ALL]


TAKES = [
    ("mine", gettext_lazy("Keep the current text")),
    ("theirs", gettext_lazy("Use the proposed text")),
    ("both", gettext_lazy("Keep both")),
    ("edit", gettext_lazy("Write another text")),
]
ITEM = re.compile(r"[0-9a-f]{4,64}")
POSTED_NAME = re.compile(r"^(take|text)_([0-9a-f]{4,64})$")
LONGEST = 200_000


class ConflictForm(forms.Form):
    """The choice of a person for each conflict: mine, theirs, both, or a text of their own.

    `onto` is the number of the revision that the person sees. `posted` also has the input for
    conflicts that no longer exist, so that nothing typed is lost.
    """

    onto = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)
    reason = forms.CharField(
        label=gettext_lazy("Answer"),
        required=False,
        max_length=2000,
        help_text=gettext_lazy(
            "Kept with the proposal, and sent to its author. A refusal needs one."
        ),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(
        self,
        conflicts: Iterable[Conflict],
        *args: Any,
        choices: Mapping[str, Mapping[str, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.conflicts = list(conflicts)
        for conflict in self.conflicts:
            known = choices.get(conflict.id, {})
            self.fields[f"take_{conflict.id}"] = forms.ChoiceField(
                choices=TAKES,
                required=False,
                initial=known.get("take", ""),
                widget=forms.RadioSelect,
            )
            self.fields[f"text_{conflict.id}"] = forms.CharField(
                required=False,
                strip=False,
                max_length=LONGEST,
                initial=known.get("text") or conflict.ours or conflict.theirs,
                widget=forms.Textarea(attrs={"rows": lines_of(conflict), "lang": "fr"}),
                label=gettext_lazy("Your text"),
            )

    @property
    def posted(self) -> dict[str, ConflictChoice]:
        """Return every posted choice and text by conflict id, existing conflicts or not."""
        sent: dict[str, dict[str, str]] = {}
        for name, value in self.data.items():
            if match := POSTED_NAME.match(name):
                clean = str(value)[:LONGEST].replace("\x00", "").replace("\r\n", "\n")
                sent.setdefault(match[2], {})[match[1]] = clean
        takes = {take for take, _label in TAKES}
        return {
            key: ConflictChoice(cast("Any", given.get("take", "")), given.get("text", ""))
            for key, given in sent.items()
            if given.get("take", "") in takes or given.get("text", "").strip()
        }

    @property
    def left(self) -> set[str]:
        """Return the ids of the changes without conflict that are left out."""
        sent = self.data.getlist("left") if isinstance(self.data, QueryDict) else []
        return {key for key in sent if ITEM.fullmatch(key)}

    def made_choices(self) -> dict[str, ConflictChoice]:
        """Return the choices made for the existing conflicts, by conflict id."""
        existing = {c.id for c in self.conflicts}
        return {key: c for key, c in self.posted.items() if key in existing and c.take}

    def mark_unresolved(self, ids: Iterable[str]) -> None:
        """Add an error to each of these conflicts: it needs a choice."""
        for key in ids:
            self.add_error(f"take_{key}", _("Choose the text to keep here."))


def lines_of(conflict: Conflict) -> int:
    """Return the number of rows of the text field of a conflict, at most 16."""
    longest = max(len(conflict.ours), len(conflict.theirs))
    lines = max(conflict.ours.count("\n"), conflict.theirs.count("\n"))
    return min(max(longest // 60, lines) + 2, 16)
