"""Read typed settings from the environment, and fail loudly with the variable's name."""

import os
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on", "oui"}
FALSE = {"0", "false", "no", "off", "non", ""}


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
        raise ImproperlyConfigured(f"{name} must be a whole number, not {raw!r}.") from None
    if value < least:
        raise ImproperlyConfigured(f"{name} must be at least {least}, not {value}.")
    if most is not None and value > most:
        raise ImproperlyConfigured(f"{name} must be at most {most}, not {value}.")
    return value


def number(name: str, default: float, *, least: float = 0.0) -> float:
    """Return the variable as a decimal number of at least `least`."""
    raw = text(name)
    if not raw:
        return default
    try:
        value = float(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {raw!r}.") from None
    if not value >= least:
        raise ImproperlyConfigured(f"{name} must be at least {least}, not {raw}.")
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
    raise ImproperlyConfigured(f"{name} must be true or false, not {raw!r}.")


def choice(name: str, options: Sequence[str], default: str) -> str:
    """Return the variable, which must be one of `options`."""
    value = text(name, default)
    if value not in options:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(options)}, not {value!r}.")
    return value


def items(name: str, default: Sequence[str] = ()) -> list[str]:
    """Return the variable's comma-separated items."""
    raw = text(name)
    return [item.strip() for item in raw.split(",") if item.strip()] if raw else list(default)
