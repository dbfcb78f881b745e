"""Client of the model service: any endpoint with an OpenAI-compatible API.

Each call respects the rate limit that all processes share (`wikico2.llm.rate_limit`), retries when
the service is busy, fails or drops the connection, honours Retry-After, and is bounded:
`AI_RETRIES` retries, `AI_TIMEOUT` seconds a request, and at most `AI_BACKOFF_SECONDS` of waiting in
between. It returns a checked answer or raises UserError; after a TransientError a later call may
succeed.
"""

import base64
import email.utils
import functools
import json
import logging
import random
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import orjson
from django.conf import settings

from wikico2.errors import TransientError, UserError
from wikico2.llm.rate_limit import RateLimited, acquire, hold_requests
from wikico2.transactions import outside_transaction

if TYPE_CHECKING:
    import openai

logger = logging.getLogger(__name__)

Vectors: TypeAlias = npt.NDArray[np.float32]
Waiting = Callable[[], None]
"""Called about once a second during a long wait, to renew a lease; what it raises ends the wait."""
Pausing = Callable[[UserError, float], None]
"""Called when a wait begins, with its reason and its length in seconds."""

Answer = TypeVar("Answer")

MAX_BODY_BYTES = 2_000_000
# The names of httpx's errors for an established connection that was lost.
CUT_OFF = {"ReadError", "WriteError", "CloseError", "RemoteProtocolError"}
CONNECT_SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0
"""Seconds between two tries when the service sends no Retry-After."""
TOO_LARGE = 413


@dataclass(frozen=True)
class ChatAnswer:
    """A model's answer, why it ended, and the tokens it used."""

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    model: str


@dataclass(frozen=True)
class RetryPolicy:
    """Timeout, retries and longest back-off of a request, and callbacks during waits.

    `timeout` and `backoff` are in seconds. With `person`, the request may use the slots of the rate
    limit that are reserved for people.
    """

    timeout: float
    retries: int
    backoff: float
    on_wait: Waiting
    on_pause: Pausing = lambda reason, seconds: None
    person: bool = False

    @classmethod
    def from_settings(
        cls, on_wait: Waiting | None = None, on_pause: Pausing | None = None
    ) -> "RetryPolicy":
        """Return the policy of background jobs."""
        return cls(
            settings.AI_TIMEOUT,
            settings.AI_RETRIES,
            settings.AI_BACKOFF_SECONDS,
            on_wait or _do_nothing,
            on_pause or cls.on_pause,
        )

    @classmethod
    def for_person(cls) -> "RetryPolicy":
        """Return the policy of requests that a person waits for."""
        return cls(min(settings.AI_TIMEOUT, 10.0), 1, 3.0, _do_nothing, person=True)


def request_embeddings(
    texts: Sequence[str], model: str, *, patience: RetryPolicy | None = None, dimensions: int = 0
) -> Vectors:
    """Return one vector for each text, in order, shape (n, dimensions).

    With `dimensions`, vectors of another length are refused and requested again. A request that the
    service finds too large is halved. Vectors are requested in base64, which is a quarter as long;
    numbers are accepted too, and requested from a service that refuses base64. Raises
    TransientError (service_unreachable, service_busy, service_paced, bad_answer) or UserError
    (service_refused, model_unknown).
    """
    patience = patience or RetryPolicy.from_settings()
    parts: list[Vectors] = []
    pending = deque(split_batches(texts, settings.EMBEDDING_BATCH, _byte_limits.get(_key(model))))
    while pending:
        batch = pending.popleft()
        try:
            ask = functools.partial(_embed_batch, batch, model, dimensions)
            parts.append(_call_with_retries(ask, model, patience))
        except _RefusedError as refusal:
            if BASE64.search(refusal.reason) and _key(model) not in _refuses_base64:
                _refuses_base64.add(_key(model))
                pending.appendleft(batch)
                continue
            if refusal.status != TOO_LARGE or len(batch) == 1:
                raise
            _byte_limits[_key(model)] = half = sum(map(_json_bytes, batch)) // 2
            logger.info("The model service refuses large requests; sending %d bytes at most.", half)
            middle = len(batch) // 2
            pending.extendleft([batch[middle:], batch[:middle]])
        patience.on_wait()
    if len({part.shape[1] for part in parts}) > 1:
        raise TransientError("bad_answer", reason="vectors of different lengths")
    return np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)


def request_chat(
    messages: Sequence[dict[str, Any]],
    *,
    model: str,
    schema: dict[str, Any] | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    patience: RetryPolicy | None = None,
) -> ChatAnswer:
    """Return the model's answer, as JSON of `schema` where the endpoint supports it.

    An endpoint that refuses JSON schemas is asked for any JSON, then for plain text. For one that
    refuses the system role, the system message is put before the first user message.
    """
    patience = patience or RetryPolicy.from_settings()
    request: dict[str, Any] = {
        "model": model,
        "messages": fold_system_message(messages)
        if _key(model) in _refuses_system
        else list(messages),
        "max_tokens": settings.LLM_MAX_TOKENS if max_tokens is None else max_tokens,
        "temperature": settings.LLM_TEMPERATURE if temperature is None else temperature,
    }
    forms = _answer_forms(schema)
    number = _accepted_form.get(_key(model), 0) if schema is not None else 0
    while True:
        try:
            answer = _call_with_retries(
                functools.partial(_chat_once, request | forms[number]), model, patience
            )
        except _RefusedError as refusal:
            if refusal.status not in (400, 422):
                raise
            system = request["messages"][0]["role"] == "system"
            if system and (SYSTEM_ROLE.search(refusal.reason) or number == len(forms) - 1):
                request["messages"] = fold_system_message(messages)
                logger.info("The model service refuses the system role (%s).", refusal)
            elif number < len(forms) - 1:
                number += 1
                logger.info("The model service refuses this response format (%s).", refusal)
            else:
                raise
        else:
            if schema is not None:
                _accepted_form[_key(model)] = number
            if request["messages"][0] != messages[0]:
                _refuses_system.add(_key(model))
            return answer


def request_vision(
    image: bytes,
    media_type: str,
    prompt: str,
    *,
    model: str,
    max_tokens: int,
    patience: RetryPolicy | None = None,
) -> ChatAnswer:
    """Return the model's answer about an image; UserError("picture_refused") if it is too large."""
    address = f"data:{media_type};base64,{base64.b64encode(image).decode()}"
    if len(address) + len(prompt.encode()) + 1_000 > MAX_BODY_BYTES:
        raise UserError("picture_refused")
    content = [
        {"type": "text", "text": prompt},
        {"type": "image_url", "image_url": {"url": address}},
    ]
    messages = [{"role": "user", "content": content}]
    return request_chat(
        messages, model=model, max_tokens=max_tokens, temperature=0.0, patience=patience
    )


def fold_system_message(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages with the system message put before the first user message."""
    system = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
    others = [dict(m) for m in messages if m["role"] != "system"]
    if system and others:
        others[0]["content"] = f"{system}\n\n{others[0]['content']}"
    return others


def list_models(*, patience: RetryPolicy | None = None) -> list[str]:
    """Return the names of the models that the service offers, sorted."""
    return _call_with_retries(_list_models, "", patience or RetryPolicy.from_settings())


def split_batches(texts: Sequence[str], size: int, most: int | None = None) -> Iterator[list[str]]:
    """Yield batches of at most `size` texts, and of at most `most` bytes of JSON each."""
    batch: list[str] = []
    room = limit = most or MAX_BODY_BYTES - 2_000
    for text in texts:
        weight = _json_bytes(text)
        if batch and (len(batch) == size or weight > room):
            yield batch
            batch, room = [], limit
        batch.append(text)
        room -= weight
    if batch:
        yield batch


def _json_bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode()) + 2


# --- One request --------------------------------------------------------------------------------


class _RefusedError(UserError):
    """The service answered that the request is invalid (a 4xx status)."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__("service_refused", reason=f"{status} {reason}".strip())
        self.status = status
        self.reason = reason


def _embed_batch(batch: list[str], model: str, dimensions: int, client: "openai.OpenAI") -> Vectors:
    """Request the vectors of a batch, and check the answer.

    The JSON is parsed here: the library would build an object for each number, which takes longer
    than the request.
    """
    raw = client.embeddings.with_raw_response.create(
        model=model,
        input=batch,
        encoding_format="float" if _key(model) in _refuses_base64 else "base64",
    )
    rows = sorted(orjson.loads(raw.content)["data"], key=lambda row: int(row["index"]))
    if [row["index"] for row in rows] != list(range(len(batch))):
        raise TransientError("bad_answer", reason=f"{len(rows)} vectors for {len(batch)} texts")
    found = [_numbers(row["embedding"]) for row in rows]
    lengths = set(map(len, found))
    if len(lengths) != 1 or 0 in lengths:
        raise TransientError("bad_answer", reason="vectors of different lengths")
    if dimensions and lengths != {dimensions}:
        reason = f"vectors of {lengths.pop()} numbers instead of {dimensions}"
        raise TransientError("bad_answer", reason=reason)
    vectors = np.array(found, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise TransientError("bad_answer", reason="vectors that are not numbers")
    return vectors


def _numbers(embedding: Any) -> Any:
    """Return the numbers of a vector, sent as a list or as 32-bit floats in base64."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    return embedding


def _chat_once(request: dict[str, Any], client: "openai.OpenAI") -> ChatAnswer:
    answer = client.chat.completions.create(**request)
    if not answer.choices or not (answer.choices[0].message.content or "").strip():
        raise TransientError("empty_answer")
    choice, usage = answer.choices[0], answer.usage
    return ChatAnswer(
        text=choice.message.content or "",
        finish_reason=choice.finish_reason or "",
        tokens_in=usage.prompt_tokens if usage else 0,
        tokens_out=usage.completion_tokens if usage else 0,
        model=answer.model or request["model"],
    )


def _list_models(client: "openai.OpenAI") -> list[str]:
    return sorted(model.id for model in client.models.list().data)


def _answer_forms(schema: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the request parameters of each response format, the strictest first."""
    if schema is None:
        return [{}]
    named = {"name": "answer", "schema": schema, "strict": True}
    return [
        {"response_format": {"type": "json_schema", "json_schema": named}},
        {"response_format": {"type": "json_object"}},
        {},
    ]


# Learnt by each process, per endpoint and model: the response format it accepts, whether it refuses
# the system role or base64 vectors, and the largest request in bytes.
_accepted_form: dict[tuple[str, str], int] = {}
_refuses_system: set[tuple[str, str]] = set()
_refuses_base64: set[tuple[str, str]] = set()
_byte_limits: dict[tuple[str, str], int] = {}
BASE64 = re.compile(r"base64|encoding", re.IGNORECASE)
SYSTEM_ROLE = re.compile(r"system|roles? must alternate|unsupported role", re.IGNORECASE)


def forget() -> None:
    """Clear what was learnt about the services; for tests."""
    for learnt in (_accepted_form, _refuses_system, _refuses_base64, _byte_limits):
        learnt.clear()


def _key(model: str) -> tuple[str, str]:
    return settings.AI_BASE_URL, model


@functools.lru_cache(maxsize=4)
def _openai_client(base_url: str, key: str, timeout: float) -> "openai.OpenAI":
    import openai  # imported late: it takes 35 MB that most processes never need

    return openai.OpenAI(
        base_url=base_url,
        api_key=key or "none",
        timeout=openai.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
        max_retries=0,
    )


# --- Tries and waits ----------------------------------------------------------------------------


def _call_with_retries(
    request: "Callable[[openai.OpenAI], Answer]", model: str, patience: RetryPolicy
) -> Answer:
    """Make a request within the rate limit, with retries; raises UserError."""
    outside_transaction()
    client = _openai_client(settings.AI_BASE_URL, settings.AI_API_KEY, patience.timeout)
    waited = 0.0
    attempt = 0
    while True:
        waited += _wait_for_slot(model, patience, waited)
        try:
            return _call_once(request, client)
        except _RefusedError as refusal:
            raise _explain_refusal(refusal, model, patience) from refusal
        except TransientError as failure:
            asked = failure.details.get("retry_after")
            if asked is not None and failure.code == "service_busy":
                hold_requests(model, float(asked))
            pause = _backoff_seconds(attempt) if asked is None else float(asked)
            if attempt >= patience.retries or waited + pause > patience.backoff:
                raise
            logger.info("%s; trying again in %.1f s", failure, pause)
            patience.on_pause(failure, pause)
        _wait_seconds(pause, patience.on_wait)
        waited += pause
        attempt += 1


def _wait_for_slot(model: str, patience: RetryPolicy, waited: float) -> float:
    """Wait until the rate limit allows a request; return the seconds waited."""
    if not model:
        return 0.0
    try:
        wait = acquire(model, patience.backoff - waited, person=patience.person)
    except RateLimited as error:
        raise _rate_limited_error(error.seconds) from None
    if wait:
        patience.on_pause(_rate_limited_error(wait), wait)
        _wait_seconds(wait, patience.on_wait)
    return wait


def _rate_limited_error(seconds: float) -> TransientError:
    limit = settings.AI_REQUESTS_PER_MINUTE
    return TransientError("service_paced", limit=limit, retry_after=seconds)


def _call_once(request: "Callable[[openai.OpenAI], Answer]", client: "openai.OpenAI") -> Answer:
    """Make a request once; translate the library's errors into ours."""
    import openai

    try:
        return request(client)
    except openai.APIStatusError as error:
        raise _error_of_status(error) from error
    except openai.APITimeoutError as error:
        seconds = client.timeout.read if isinstance(client.timeout, openai.Timeout) else 0
        raise TransientError("service_slow", host=_host(), seconds=f"{seconds:g}") from error
    except openai.APIConnectionError as error:
        if type(error.__cause__).__name__ in CUT_OFF:
            raise TransientError("service_cut_off", host=_host()) from error
        raise _unreachable() from error
    except openai.APIError as error:
        raise TransientError("bad_answer", reason=_shorten(error.message)) from error
    except (AttributeError, TypeError, ValueError) as error:  # an answer with another structure
        raise TransientError("bad_answer", reason=_shorten(str(error))) from error


def _error_of_status(error: "openai.APIStatusError") -> UserError:
    status = error.status_code
    retry_after = _retry_after(error.response.headers.get("retry-after", ""))
    details = {} if retry_after is None else {"retry_after": retry_after}
    if status == 429:
        return TransientError("service_busy", **details)
    if status >= 500 or status in (408, 409, 425):
        return _unreachable(**details)
    return _RefusedError(status, _shorten(error.message))


def _unreachable(**details: Any) -> TransientError:
    return TransientError("service_unreachable", host=_host(), **details)


def _host() -> str:
    return urlsplit(settings.AI_BASE_URL).netloc.rpartition("@")[2]


def _explain_refusal(refusal: _RefusedError, model: str, patience: RetryPolicy) -> UserError:
    """Return model_unknown with the offered models if the model is not among them."""
    if not model or refusal.status not in (400, 404, 422):
        return refusal
    try:
        offered = list_models(patience=RetryPolicy(patience.timeout, 0, 0, patience.on_wait))
    except UserError:
        return refusal
    if not offered or model in offered:
        return refusal
    return UserError("model_unknown", model=model, available=", ".join(offered[:50]))


def _retry_after(header: str) -> float | None:
    """Return the seconds of a Retry-After header, which holds a number or a date."""
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def _backoff_seconds(attempt: int) -> float:
    """Return the seconds before the next try: exponential back-off with jitter."""
    return float(min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE) * random.uniform(0.75, 1.25))  # noqa: S311


def _wait_seconds(seconds: float, on_wait: Waiting) -> None:
    end = time.monotonic() + seconds
    on_wait()
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 1.0))
        on_wait()


def _shorten(text: str) -> str:
    return " ".join(text.split())[:200]


def _do_nothing() -> None:
    pass
