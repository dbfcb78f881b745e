"""Settings of a site: those that may be read by all who may read a backup, and the secret ones."""

import os
from pathlib import Path

from django.conf import settings
from dotenv import dotenv_values

from wikico2 import env
from wikico2.launcher.supervisor import OperatorError, open_private


def given_settings() -> dict[str, str]:
    """Return the settings that the operator has given, secrets included."""
    return {name: os.environ[name] for name in env.explained() if os.environ.get(name)}


def plain_settings() -> dict[str, str]:
    """Return the settings that the operator has given, without secrets."""
    return {name: value for name, value in given_settings().items() if not env.is_secret(name)}


def write_keys(file: Path) -> None:
    """Write the secrets of this site to a file of their own, in the form of `.env`."""
    kept = {name: value for name, value in given_settings().items() if env.is_secret(name)}
    kept["SECRET_KEY"] = settings.SECRET_KEY
    file.unlink(missing_ok=True)
    with open_private(file, "w") as out:
        out.writelines(f"{name}='{_quoted(value)}'\n" for name, value in sorted(kept.items()))


def _quoted(value: str) -> str:
    """Return a value as it stands between the single quotes of a line of `.env`."""
    return value.replace("\\", r"\\").replace("'", r"\'")


def restore_secret_key(file: Path) -> list[str]:
    """Sign sessions again with the key of `file`; return the names of its other secrets.

    Raises OperatorError when the file has no such key.
    """
    kept = dotenv_values(file, interpolate=False)
    key = kept.pop("SECRET_KEY", None)
    if not key:
        raise OperatorError(f"{file} has no SECRET_KEY.")
    place = settings.VAR_DIR / "secret-key"
    place.unlink(missing_ok=True)
    with open_private(place, "w") as out:
        out.write(key)
    return sorted(name for name in kept if not os.environ.get(name))
