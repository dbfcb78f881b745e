"""Lines of the log, as text or JSON, in which no secret setting is ever written out."""

import datetime as dt
import json
import logging
import os
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from wikico2 import env

HIDDEN = "•••"
LEAST_SECRET = 8
"""Characters of a value that is hidden; a shorter one would hide ordinary words."""


def secret_values(more: Iterable[str] = ()) -> list[str]:
    """Return the secrets among the settings, and passwords in their addresses, longest first."""
    found = set(more)
    for name in env.explained():
        value = env.text(name)
        if value and env.is_secret(name):
            found.add(value)
            if "://" in value and (password := urlsplit(value).password):
                found |= {password, unquote(password)}
    return sorted((v for v in found if len(v) >= LEAST_SECRET), key=len, reverse=True)


class LineFormatter(logging.Formatter):
    """Writes one line for a record, and its traceback below."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__("{levelname:<7} {name}: {message}", style="{")
        self._secrets = secret_values(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return self.hide(super().format(record))

    def hide(self, text: str) -> str:
        """Return `text` without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


class JsonFormatter(LineFormatter):
    """Writes one JSON object for a record: time, level, logger, message, process, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        values = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": self.hide(record.getMessage()),
            "process": os.getpid(),
        }
        if record.exc_info:
            values["traceback"] = self.hide(self.formatException(record.exc_info))
        return json.dumps(values, ensure_ascii=False)
