"""No secret setting reaches the log, whatever is logged."""

import json
import logging
import sys

import pytest

from wikico2.logs import HIDDEN, JsonFormatter, LineFormatter

PLANTED = {
    "OVH_API_KEY": "planted-key-1",
    "CHROMA_TOKEN": "planted-token-2",
    "EMAIL_HOST_PASSWORD": "planted-password-3",
    "S3_SECRET_KEY": "planted-secret-4",
    "METRICS_TOKEN": "planted-token-5",
    "DATABASE_URL": "postgresql://wikico2:planted%2Fpass-6@db:5432/wikico2",
}


def record(message: str, *arguments: object) -> logging.LogRecord:
    """Return a record with the traceback of an error that says the same."""
    try:
        raise ValueError(message % arguments)
    except ValueError:
        info = sys.exc_info()
    return logging.LogRecord("wikico2", logging.ERROR, __file__, 1, message, arguments, info)


@pytest.mark.parametrize("kind", [LineFormatter, JsonFormatter])
@pytest.mark.parametrize(
    "secret", [*PLANTED.values(), "planted/pass-6", "planted%2Fpass-6", "planted-session-7"]
)
def test_a_planted_secret_is_hidden(
    kind: type[LineFormatter], secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)

    written = kind(["planted-session-7"]).format(record("refused: %s.", f"Bearer {secret}"))

    assert "planted" not in written
    assert HIDDEN in written
    assert "Traceback" in written


def test_a_short_password_does_not_hide_ordinary_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "wikico2")

    assert LineFormatter().format(record("x")).startswith("ERROR   wikico2: x")


def test_a_json_line_is_one_object() -> None:
    written = JsonFormatter().format(record('two\nlines "é" %d', 3))

    assert "\n" not in written
    values = json.loads(written)
    assert (values["level"], values["logger"]) == ("ERROR", "wikico2")
    assert values["message"] == 'two\nlines "é" 3'
