"""Read typed settings from the environment, and fail loudly with the name and an example."""

import difflib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values

EXAMPLES = Path(__file__).resolve().parent.parent / ".env.example"
_EXPLAINED = re.compile(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", re.MULTILINE)
SECRET = re.compile(r"KEY|SECRET|PASSWORD|TOKEN|_URL$|_DSN$|HEADERS$")
"""What a setting with a secret, or with an address that may hold one, is called."""
NOT_SECRET = {"AI_BASE_URL", "SITE_URL", "S3_ENDPOINT_URL", "MEDIA_URL", "LLM_TOKENS_PER_DAY",
              "LLM_MAX_TOKENS", "LLM_PASSAGE_TOKENS", "VISION_MAX_TOKENS"}  # fmt: skip
FOREIGN = ("COMPOSE_", "DOCKER_", "BUILDKIT_", "PYTHON", "TEST_", "HTTP_PROXY", "HTTPS_PROXY",
           "ALL_PROXY", "NO_PROXY", "SSL_CERT_", "REQUESTS_CA_", "CURL_CA_", "AWS_", "PG", "OMP_",
           "HF_", "GUNICORN_", "TZ")  # fmt: skip
"""How names begin that other programs and the libraries of this one read from the same `.env`, in
capitals or not: the proxy and the certificates of an organisation, for one."""

TRUE = {"1", "true", "yes", "on", "oui"}
FALSE = {"0", "false", "no", "off", "non", ""}


def explained() -> dict[str, str]:
    """Return every setting that `.env.example` explains, with its example."""
    return dict(_EXPLAINED.findall(EXAMPLES.read_text("utf-8"))) if EXAMPLES.exists() else {}


def is_secret(name: str) -> bool:
    """Tell whether the setting holds what only the operator may know."""
    return name not in NOT_SECRET and bool(SECRET.search(name))


def refuse(name: str, problem: str) -> NoReturn:
    """Raise ImproperlyConfigured with the name of a setting, what is wrong, and an example."""
    example = explained().get(name)
    shown = f" Example: {name}={example}" if example else ""
    raise ImproperlyConfigured(f"{name} {problem}.{shown}")


def refuse_unknown(file: Path) -> None:
    """Raise ImproperlyConfigured for the names in an `.env` file that no setting has."""
    known = explained()
    if not known or not file.exists():
        return
    for name in dotenv_values(file, interpolate=False):
        if name not in known and not name.upper().startswith(FOREIGN):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}={known[near[0]]}?" if near else "Remove the line."
            raise ImproperlyConfigured(f"{file.name} has {name}, which is no setting. {hint}")


def refuse_missing(names: Sequence[str]) -> None:
    """Raise ImproperlyConfigured for the settings that a site open to others needs."""
    if missing := [name for name in names if not text(name)]:
        raise ImproperlyConfigured(
            f"{', '.join(missing)} must be set with PRODUCTION=true. `make env` writes them to "
            ".env, where they can be changed."
        )


def web_address(name: str, value: str) -> str:
    """Return `value`, which must be a web address without a query, without its last slash."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        refuse(name, f"must be a web address with http:// or https://, not {value!r}")
    return value.rstrip("/")


def text(name: str, default: str = "") -> str:
    """Return the variable's text without surrounding spaces; an empty one counts as unset."""
    return os.environ.get(name, "").strip() or default


def integer(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """Return the variable as a whole number of at least `least`, and at most `most`."""
    raw = text(name)
    if not raw:
        return default
    try:
        value = int(raw)
    except ValueError:
        refuse(name, f"must be a whole number, not {raw!r}")
    if value < least:
        refuse(name, f"must be at least {least}, not {value}")
    if most is not None and value > most:
        refuse(name, f"must be at most {most}, not {value}")
    return value


def number(name: str, default: float, *, least: float = 0.0) -> float:
    """Return the variable as a decimal number of at least `least`."""
    raw = text(name)
    if not raw:
        return default
    try:
        value = float(raw)
    except ValueError:
        refuse(name, f"must be a number, not {raw!r}")
    if not least <= value < float("inf"):
        refuse(name, f"must be at least {least}, not {raw}")
    return value


def boolean(name: str, default: bool) -> bool:
    """Return the variable as a yes or no."""
    if name not in os.environ:
        return default
    raw = os.environ[name].strip().lower()
    if raw in TRUE:
        return True
    if raw in FALSE:
        return False
    refuse(name, f"must be true or false, not {raw!r}")


def choice(name: str, options: Sequence[str], default: str) -> str:
    """Return the variable, which must be one of `options`."""
    value = text(name, default)
    if value not in options:
        refuse(name, f"must be one of {', '.join(options)}, not {value!r}")
    return value


def items(name: str, default: Sequence[str] = ()) -> list[str]:
    """Return the variable's comma-separated items."""
    raw = text(name)
    return [item.strip() for item in raw.split(",") if item.strip()] if raw else list(default)
