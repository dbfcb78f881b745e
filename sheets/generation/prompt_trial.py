"""Try a prompt on one section of a sheet. Only the tokens spent are stored."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from sheets.models import Prompt, Sheet, SheetType
from sheets.models.level_reasons import level_name, reason_sentence
from sheets.models.schema_loader import load_template
from sheets.models.spending import check_token_ceiling, record_spending
from sheets.schema.prompt import WRITE, PromptText
from sheets.schema.types import SectionBrief, SectionDraft
from sheets.verification.levels import check_statement, passage_for_check
from sheets.writers.base import Writer
from sheets.writers.context import gather_evidence
from sheets.writers.llm import ModelWriter
from wikico2.errors import UserError
from wikico2.llm.client import RetryPolicy


class TrialForm(forms.ModelForm[Prompt]):
    """An unsaved prompt, with the sheet and the section to try it on."""

    sheet = forms.ModelChoiceField(Sheet.objects.none(), label=_("Sheet"))
    section = forms.ChoiceField(
        label=_("Section"), required=False, help_text=_("The first section if left empty.")
    )

    class Meta:
        model = Prompt
        fields = ("mode", "system", "request", "repair", "comment")

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        known = Sheet.objects.filter(documents__isnull=False).distinct().order_by("-updated_at")
        field = self.fields["sheet"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = known
        if not known.exists():
            field.help_text = _("No sheet draws on a source yet: give one a source first.")
        self.fields["section"].choices = [  # type: ignore[attr-defined]
            ("", "–"),
            *((kind.name, sections_of(kind)) for kind in SheetType.objects.all()),
        ]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        sheet = values.get("sheet")
        if sheet:
            template = load_template(sheet.sheet_type)
            known = {s.key: s for s in template.written}
            key = values.get("section") or next(iter(known))
            if key not in known:
                names = ", ".join(s.heading for s in known.values())
                message = _("Sections of this sheet type: %(keys)s.") % {"keys": names}
                self.add_error("section", message)
            else:
                values["brief"] = known[key]
        return values

    @property
    def prompt(self) -> PromptText:
        values = self.cleaned_data
        texts = (values["system"], values["request"], values["repair"])
        return PromptText("trial", *texts, values.get("mode") or WRITE)


def sections_of(kind: SheetType) -> list[tuple[str, str]]:
    """Return the keys and the headings of the sections that are written in sheets of a type."""
    return [(section.key, section.heading) for section in load_template(kind).written]


@dataclass(frozen=True)
class TrialStatement:
    """One statement of the trial with its level."""

    field: str
    text: str
    labels: str
    level: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class PromptTrial:
    """The messages for the model and, where it was called, its statements.

    `asked` tells whether the model was called; `refused` are statements that
    were left out at once, with the reason.
    """

    section: str
    messages: list[dict[str, str]]
    asked: bool = False
    statements: tuple[TrialStatement, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    error: str = ""


def run_trial(writer: Writer, sheet: Sheet, section: SectionBrief, *, ask: bool) -> PromptTrial:
    """Build the messages for a section, if `writer` calls a model; with `ask`, let it write.

    What it writes is checked, and not saved.
    """
    documents = list(sheet.documents.ready().values_list("pk", flat=True))
    evidence = gather_evidence(sheet.title, section, writer, documents)
    messages = []
    if isinstance(writer, ModelWriter):
        messages = writer.messages(sheet.title, section, evidence)
    if not ask:
        return PromptTrial(section.heading, messages)
    try:
        check_token_ceiling()
        draft = writer.write(sheet.title, section, evidence, RetryPolicy.for_person())
    except UserError as error:
        record_spending(writer.model, error.tokens_in, error.tokens_out)
        return PromptTrial(
            section.heading,
            messages,
            True,
            tokens_in=error.tokens_in,
            tokens_out=error.tokens_out,
            error=error.sentence,
        )
    record_spending(writer.model, draft.tokens_in, draft.tokens_out)
    texts = {k: passage_for_check(p.title, p.headings, p.text) for k, p in evidence.shown.items()}
    return PromptTrial(
        section.heading,
        messages,
        True,
        tuple(check_statements(draft, section, texts)),
        tuple((d.text, " ".join(reason_sentence(*r) for r in d.reasons)) for d in draft.dropped),
        draft.tokens_in,
        draft.tokens_out,
    )


def check_statements(
    draft: SectionDraft, section: SectionBrief, texts: dict[str, str]
) -> list[TrialStatement]:
    """Return each statement of a draft with its level."""
    headings = {f.key: f.heading for f in section.fields}
    found = []
    for field in draft.fields:
        texts_with_sources = [(s.text, s.sources) for s in field.statements]
        texts_with_sources += [(" | ".join(r.cells), r.sources) for r in field.rows]
        for text, sources in texts_with_sources:
            labels = [c.label for c in sources]
            finding = check_statement(text, texts, labels)
            reasons = tuple(reason_sentence(code, detail) for code, detail in finding.reasons)
            found.append(
                TrialStatement(
                    headings[field.key], text, ", ".join(labels), level_name(finding.level), reasons
                )
            )
    return found
