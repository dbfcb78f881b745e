"""A model reads what is in other words than its source; it never lifts what is altered."""

import json
from typing import Any

import pytest

from ingestion.models import Chunk, Document
from sheets.models import Citation, Judgement, Sheet, SheetType, Spending
from sheets.revisions.judging import judge_sheet
from sheets.sources.judge import Answer, read_answers
from tests.fake_ai import CHAT_MODEL, FakeAI
from tests.sheets.test_save import write
from wikico2.errors import UserError

pytestmark = pytest.mark.django_db

PASSAGE = "Un échangeur à plaques récupère la chaleur des buées. Il faut deux jours pour le poser."
FRAGILE = "La chaleur des buées est reprise par un échangeur à plaques"
ALTERED = "Il faut quatre jours pour poser un échangeur à plaques de 12 kW"


@pytest.fixture
def sheet(document: Document, settings: Any) -> Sheet:
    settings.JUDGE_BACKEND = "openai"
    settings.JUDGE_MODEL = settings.LLM_MODEL = CHAT_MODEL
    Chunk.objects.create(
        document=document, position=90, text=PASSAGE, page_start=1, page_end=1, content_hash="p"
    )
    made = Sheet.objects.create(
        sheet_type=SheetType.objects.get(key="solution"), title="Buées", slug="buees"
    )
    note = f"[Guide, p. 1](/sources/{document.pk}/pages/1/)"
    write(
        made,
        "## ⚙️ Fonctionnement\n\n### Description du principe\n\n"
        f"- {FRAGILE}[^1]\n- {ALTERED}[^2]\n\n"
        f"[^1]: {note} « Un échangeur à plaques récupère la chaleur des buées. »\n"
        f"[^2]: {note} « Il faut deux jours pour le poser. »\n",
    )
    made.refresh_from_db()
    return made


def script(fake_ai: FakeAI, *, borne: bool, words: list[str] | None = None) -> list[str]:
    """Let the model answer every statement so; return the questions that it will have had."""
    questions: list[str] = []

    def answer(body: dict[str, Any]) -> str:
        question = body["messages"][-1]["content"]
        questions.append(question)
        count = question.count("### Énoncé")
        items = [{"id": n, "porte": borne, "mots": words or []} for n in range(1, count + 1)]
        return f"<think>Voyons.</think> Voici : {json.dumps({'reponses': items})} Fin."

    fake_ai.answer = answer
    return questions


def levels(sheet: Sheet) -> dict[str, str]:
    return {c.marker: c.level for c in Citation.objects.filter(revision=sheet.current)}


def test_what_the_model_finds_is_judged_and_what_is_altered_is_not_asked(
    sheet: Sheet, fake_ai: FakeAI
) -> None:
    questions = script(fake_ai, borne=True)

    assert judge_sheet(sheet) == 1

    assert levels(sheet) == {"1": "judged", "2": "not_found"}
    assert all(ALTERED not in question for question in questions)
    assert PASSAGE in questions[0]
    reason = Citation.objects.get(revision=sheet.current, marker="1").reasons[0]
    assert reason == ["judged_by_writer", CHAT_MODEL]
    assert Spending.objects.today().tokens() > 0
    assert judge_sheet(sheet) == 0, "answers are kept by content"


def test_what_the_model_does_not_find_stays_fragile(sheet: Sheet, fake_ai: FakeAI) -> None:
    script(fake_ai, borne=False, words=["reprise"])
    assert judge_sheet(sheet) == 1
    assert levels(sheet)["1"] == "fragile"
    assert Judgement.objects.get().words == ["reprise"]


def test_a_statement_near_its_source_is_asked_twice_with_the_words_marked(
    sheet: Sheet, fake_ai: FakeAI
) -> None:
    questions = script(fake_ai, borne=True)
    judge_sheet(sheet)
    assert len(questions) == 2
    assert "⟦" not in questions[0]
    assert "⟦reprise⟧" in questions[1]


def test_the_ceiling_of_the_day_and_an_outage_keep_the_level(
    sheet: Sheet, fake_ai: FakeAI, settings: Any
) -> None:
    script(fake_ai, borne=True)
    settings.LLM_TOKENS_PER_DAY = 1
    Spending.objects.create(day="2000-01-01", model="x")
    from django.utils import timezone

    Spending.objects.create(day=timezone.localdate(), model="x", tokens_in=5)
    with pytest.raises(UserError):
        judge_sheet(sheet)
    assert levels(sheet)["1"] == "fragile"


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ('{"reponses": [{"id": 1, "porte": true, "mots": []}]}', {1: Answer(True)}),
        ('{"reponses": [{"id": "2", "porte": false, "mots": ["a"]}]}', {2: Answer(False, ("a",))}),
        ('{"reponses": [{"id": 1, "porte": true, "mots": ["a"]}]}', {1: Answer(True, ("a",))}),
        ('{"reponses": [{"id": 1, "porte": "oui"}, 3, null]}', {}),
        ("non", {}),
        ('{"reponses": 4}', {}),
        ("[" * 5000, {}),
    ],
)
def test_answers_are_read_from_whatever_stands_around_them(
    text: str, answers: dict[int, Answer]
) -> None:
    assert read_answers(text) == answers
