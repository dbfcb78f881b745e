"""Write the settings that containers need to `.env`; needs nothing but Python's own library.

Run by `make env`, on machines where nothing is installed yet. Lines that are there stay.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

FORMER_PASSWORD = "wikico2"  # noqa: S105 (the default before passwords were made)
CHANGE = """The volume {volume} holds a database: its former password is kept. To change it:
  docker compose exec db psql -U wikico2 -c "ALTER ROLE wikico2 PASSWORD 'another'"
and put the same into POSTGRES_PASSWORD in {file}."""


def complete_env(file: Path, volumes: set[str]) -> list[str]:
    """Add what is missing to `file`, readable by its owner only; return what to tell them.

    `volumes` are the names of the volumes that exist on this machine.
    """
    text = file.read_text("utf-8") if file.exists() else ""
    given = set(re.findall(r"^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*=[ \t]*\S", text, re.MULTILINE))
    values = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
    }
    said = []
    project = re.sub(r"[^a-z0-9_-]", "", file.resolve().parent.name.lower())
    volume = f"{project}_db"
    if volume in volumes and "POSTGRES_PASSWORD" not in given:
        values["POSTGRES_PASSWORD"] = FORMER_PASSWORD
        said.append(CHANGE.format(volume=volume, file=file))
    added = {name: value for name, value in values.items() if name not in given}
    if not added:
        return [f"{file} has all that it needs; nothing was changed."]
    lines = "".join(f"{name}={value}\n" for name, value in added.items())
    joint = "" if not text or text.endswith("\n") else "\n"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as out:
        out.write(joint + lines)
    return [f"{file}: added {', '.join(added)}.", *said]


def docker_volumes() -> set[str]:
    """Return the names of the volumes on this machine; none without Docker."""
    docker = shutil.which("docker")
    if docker is None:
        return set()
    done = subprocess.run([docker, "volume", "ls", "-q"], capture_output=True, text=True)
    return set(done.stdout.split())


if __name__ == "__main__":
    sys.stdout.write("\n".join(complete_env(Path(".env"), docker_volumes())) + "\n")
