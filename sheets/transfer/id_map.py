"""Map the users and sources named in an archive to the rows of this wiki."""

import re
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.hashers import make_password

from ingestion.models import Document
from wikico2.models import User

IMPORTED = "importé : "
"""Before the names of people in archives; no account that signs up has such a name."""
SOURCE = re.compile(r"(?<=\(/sources/)(\d{1,18})(?=/)")


class ImportIdMap:
    """The users and sources of this wiki, by their names in an archive."""

    def __init__(self) -> None:
        self.people: dict[str, User] = {}
        self.documents: dict[str, Document] = {}  # by their number in the archive's texts
        self.by_name: dict[str, Document] = {}  # by file name, and by content hash
        self.keys: dict[str, int] = {}  # primary keys by file name

        self.load_users()

    def load_users(self) -> None:
        """Load the users that imports created."""
        self.people = {u.username: u for u in User.objects.filter(username__startswith=IMPORTED)}

    def person(self, name: str | None) -> User | None:
        """Return the user who stands for a name in an archive, created inactive at its first use.

        An archive may name anyone: its names are never those of the accounts of this wiki.
        """
        shown = " ".join("".join(c for c in name or "" if c.isprintable()).split())
        while shown.startswith(IMPORTED.strip()):  # it was imported there too
            shown = shown.removeprefix(IMPORTED.strip()).strip()
        if not shown:
            return None
        username = f"{IMPORTED}{shown}"[:150]
        if username not in self.people:
            self.people[username], _is_new = User.objects.get_or_create(
                username=username, defaults={"is_active": False, "password": make_password(None)}
            )
        return self.people[username]

    def add_document(self, document: Document, number: object, name: str, sha: str) -> None:
        """Record the number, the file name and the hash of a source in the archive."""
        self.documents[str(number)] = self.by_name[name] = document
        self.by_name.setdefault(sha, document)
        self.keys[name] = document.pk

    def documents_named(self, names: Iterable[str]) -> list[Document]:
        """Return the sources with these names in the archive; unknown names are skipped."""
        return [self.by_name[name] for name in names if name in self.by_name]

    def with_local_ids(self, body: str) -> str:
        """Return a text with the ids of this wiki's sources; 0 for an unknown source."""
        known = self.documents
        return SOURCE.sub(lambda m: str(known[m[1]].pk) if m[1] in known else "0", body)

    def values(self, header: Any) -> dict[str, str]:
        """Return header data with local ids; raises AttributeError unless it is a mapping."""
        return {str(k): self.with_local_ids(str(v)) for k, v in (header or {}).items()}
