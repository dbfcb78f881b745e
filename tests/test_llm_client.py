"""The client of the model service: retries, refusals, wrong answers and bounds."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker, Settings

from tests.fake_ai import CHAT_MODEL, EMBEDDING_MODEL, FakeAI, Fault, vector_of
from wikico2.errors import TransientError, UserError
from wikico2.llm import client
from wikico2.llm.client import (
    ChatAnswer,
    RetryPolicy,
    list_models,
    request_chat,
    request_embeddings,
    split_batches,
)

TEXTS = ["chaleur fatale", "éclairage", "vapeur"]
SCHEMA = {"type": "object", "properties": {}}
ASK = [{"role": "user", "content": "Bonjour"}]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)


def patience(**values: float) -> RetryPolicy:
    """Return a patience that hears a fault that hangs, and not a machine that is busy."""
    return replace(RetryPolicy(1.0, 3, 1.0, lambda: None), **values)  # type: ignore[arg-type]


class TestEmbedding:
    def test_vectors_come_in_the_order_of_the_texts(self, fake_ai: FakeAI) -> None:
        vectors = request_embeddings(TEXTS, EMBEDDING_MODEL)
        assert vectors.dtype == np.float32
        assert np.allclose(vectors, [vector_of(text) for text in TEXTS], atol=1e-6)

    def test_vectors_come_in_base64_or_as_numbers(self, fake_ai: FakeAI) -> None:
        expected = request_embeddings(TEXTS, EMBEDDING_MODEL)
        fake_ai.sends_numbers = True
        assert np.array_equal(request_embeddings(TEXTS, EMBEDDING_MODEL), expected)
        fake_ai.refused_formats = {"base64"}
        for _ in range(2):
            assert np.array_equal(request_embeddings(TEXTS, EMBEDDING_MODEL), expected)
        forms = [r.body["encoding_format"] for r in fake_ai.requests if r.body]
        assert forms == ["base64", "base64", "base64", "float", "float"]

    def test_no_text_costs_no_request(self, fake_ai: FakeAI) -> None:
        assert len(request_embeddings([], EMBEDDING_MODEL)) == 0
        assert not fake_ai.requests

    def test_texts_go_in_batches(self, fake_ai: FakeAI, settings: Settings) -> None:
        settings.EMBEDDING_BATCH = 2
        assert len(request_embeddings(TEXTS, EMBEDDING_MODEL)) == 3
        assert [len(r.body["input"]) for r in fake_ai.requests] == [2, 1]

    def test_a_body_stays_within_two_megabytes(self) -> None:
        texts = ["é" * 300_000, "\n" * 300_000, "a" * 900_000, "b" * 1_500_000, "c"]
        batches = list(split_batches(texts, 32))
        assert [text for batch in batches for text in batch] == texts
        assert [len(batch) for batch in batches] == [2, 1, 2]


class TestMoods:
    @pytest.mark.parametrize(
        "fault",
        [
            Fault("status", 500),
            Fault("status", 503, {"Retry-After": "0.05"}),
            Fault("status", 429, {"Retry-After": "0"}),
            Fault("status", 408),
            Fault("reset"),
            Fault("hang", seconds=4.0),
            Fault("short"),
            Fault("nan"),
            Fault("ragged"),
            Fault("garbage"),
        ],
        ids=lambda fault: f"{fault.kind}-{fault.status}",
    )
    def test_what_passes_by_itself_is_tried_again(self, fake_ai: FakeAI, fault: Fault) -> None:
        fake_ai.fail(fault)
        vectors = request_embeddings(TEXTS, EMBEDDING_MODEL, patience=patience())
        assert np.isfinite(vectors).all()
        assert len(fake_ai.requests) == 2

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            (Fault("status", 500), "service_unreachable"),
            (Fault("reset"), "service_cut_off"),
            (Fault("hang", seconds=4.0), "service_slow"),
            (Fault("status", 429, {"Retry-After": "0"}), "service_busy"),
            (Fault("nan"), "bad_answer"),
            (Fault("garbage"), "bad_answer"),
        ],
        ids=lambda value: value.kind if isinstance(value, Fault) else None,
    )
    def test_what_does_not_pass_ends_as_a_sentence(
        self, fake_ai: FakeAI, fault: Fault, code: str
    ) -> None:
        fake_ai.fail(*[fault] * 10)
        with pytest.raises(TransientError) as caught:
            request_embeddings(TEXTS, EMBEDDING_MODEL, patience=patience())
        assert caught.value.code == code
        assert "%(" not in caught.value.sentence
        assert len(fake_ai.requests) == 4

    def test_retry_after_is_honoured(self, fake_ai: FakeAI) -> None:
        fake_ai.busy(retry_after="0.3")
        request_embeddings(TEXTS, EMBEDDING_MODEL, patience=patience())
        first, second = fake_ai.requests
        assert second.at - first.at >= 0.3

    def test_a_wait_beyond_our_bounds_is_left_to_the_queue(self, fake_ai: FakeAI) -> None:
        fake_ai.busy(retry_after="3600")
        waited: list[None] = []
        patient = replace(patience(), on_wait=lambda: waited.append(None))
        with pytest.raises(TransientError) as caught:
            request_embeddings(TEXTS, EMBEDDING_MODEL, patience=patient)
        assert caught.value.details == {"retry_after": 3600.0}
        assert not waited
        assert len(fake_ai.requests) == 1

    def test_a_date_is_a_wait_too(self) -> None:
        assert client._retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
        assert client._retry_after("soon") is None

    def test_all_waits_together_are_bounded(self, fake_ai: FakeAI) -> None:
        fake_ai.busy(10, retry_after="0.4")
        with pytest.raises(TransientError):
            request_embeddings(TEXTS, EMBEDDING_MODEL, patience=patience(retries=10))
        assert len(fake_ai.requests) == 3  # 0.8 s waited; 1.2 would be too much

    def test_a_wait_renews_the_lease_and_ends_when_it_is_lost(self, fake_ai: FakeAI) -> None:
        class Lost(Exception):
            pass

        def lost() -> None:
            raise Lost

        fake_ai.busy(retry_after="0.5")
        with pytest.raises(Lost):
            request_embeddings(TEXTS, EMBEDDING_MODEL, patience=RetryPolicy(0.3, 3, 1.0, lost))

    def test_nobody_listens(self, settings: Settings) -> None:
        settings.AI_BASE_URL = "http://key@127.0.0.1:9/v1"
        with pytest.raises(TransientError) as caught:
            request_embeddings(TEXTS, EMBEDDING_MODEL, patience=patience())
        assert caught.value.details == {"host": "127.0.0.1:9"}


class TestRefusals:
    def test_an_unknown_model_is_reported_with_those_on_offer(self, fake_ai: FakeAI) -> None:
        with pytest.raises(UserError) as caught:
            request_embeddings(TEXTS, "no-such-model")
        assert caught.value.code == "model_unknown"
        assert caught.value.details["available"] == ", ".join(fake_ai.models)
        assert not isinstance(caught.value, TransientError)

    @pytest.mark.parametrize("status", [400, 401, 403, 413])
    def test_a_refusal_is_not_repeated(self, fake_ai: FakeAI, status: int) -> None:
        fake_ai.fail(Fault("status", status, message="wrong key"))
        with pytest.raises(UserError) as caught:
            request_embeddings(TEXTS[:1], EMBEDDING_MODEL)
        assert caught.value.code == "service_refused"
        assert "wrong key" in caught.value.sentence
        assert "key of the tests" not in caught.value.sentence
        assert sum(r.path == "/v1/embeddings" for r in fake_ai.requests) == 1

    def test_models_are_listed(self, fake_ai: FakeAI) -> None:
        assert list_models() == fake_ai.models


class TestChat:
    def test_an_answer_says_what_it_cost(self, fake_ai: FakeAI) -> None:
        fake_ai.answers.append("Bonjour à vous")
        answer = request_chat(ASK, model=CHAT_MODEL)
        assert answer == ChatAnswer("Bonjour à vous", "stop", 1, 3, CHAT_MODEL)

    def test_an_answer_that_is_cut_says_so(self, fake_ai: FakeAI) -> None:
        fake_ai.answers.append("un deux trois quatre")
        assert request_chat(ASK, model=CHAT_MODEL, max_tokens=2).finish_reason == "length"

    def test_the_strictest_form_that_is_taken_is_used(self, fake_ai: FakeAI) -> None:
        fake_ai.refused_formats = {"json_schema"}
        for _ in range(2):
            request_chat(ASK, model=CHAT_MODEL, schema=SCHEMA)
        forms = [
            r.body["response_format"]["type"]
            for r in fake_ai.requests
            if r.path == "/v1/chat/completions"
        ]
        assert forms == ["json_schema", "json_object", "json_object"]

    def test_a_refused_system_role_is_told_by_the_user(self, fake_ai: FakeAI) -> None:
        fake_ai.refused_roles = {"system"}
        asked = [{"role": "system", "content": "Soyez bref."}, *ASK]
        for _ in range(2):
            assert request_chat(asked, model=CHAT_MODEL).text
        chats = [r.body["messages"] for r in fake_ai.requests if r.path.endswith("completions")]
        assert [[m["role"] for m in one] for one in chats] == [
            ["system", "user"],
            ["user"],
            ["user"],
        ]
        assert chats[1][0]["content"] == "Soyez bref.\n\nBonjour"

    def test_a_refusal_for_another_reason_is_said(self, fake_ai: FakeAI) -> None:
        fake_ai.fail(*[Fault("status", 400, message="too many tokens")] * 9)
        with pytest.raises(UserError) as caught:
            request_chat([{"role": "system", "content": "Soyez bref."}, *ASK], model=CHAT_MODEL)
        assert "too many tokens" in caught.value.sentence

    def test_no_choices_and_no_words_are_no_answer(self, fake_ai: FakeAI) -> None:
        for answers in (["", "Bonjour"], ["  ", "Bonjour"]):
            fake_ai.answers.extend(answers)
            assert request_chat(ASK, model=CHAT_MODEL).text == "Bonjour"
        fake_ai.no_choices = True
        with pytest.raises(TransientError) as caught:
            request_chat(ASK, model=CHAT_MODEL, patience=patience())
        assert caught.value.code == "empty_answer"

    def test_plain_text_is_the_last_form(self, fake_ai: FakeAI) -> None:
        fake_ai.refused_formats = {"json_schema", "json_object"}
        fake_ai.answer = lambda body: "{}"
        assert request_chat(ASK, model=CHAT_MODEL, schema=SCHEMA).text == "{}"
        assert "response_format" not in fake_ai.requests[-1].body


@pytest.fixture
def _database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        connection.close()


@pytest.mark.usefixtures("_database")
def test_nothing_is_asked_while_rows_are_locked(fake_ai: FakeAI) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError):
        request_embeddings(TEXTS, EMBEDDING_MODEL)
    assert not fake_ai.requests
