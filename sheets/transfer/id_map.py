"""Map the users and sources named in an archive to the rows of this wiki."""

import re
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.hashers import make_password

from ingestion.models import Document
from wikico2.models import User

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
        """Load the users of this wiki."""
        self.people = {u.username: u for u in User.objects.all()}

    def person(self, name: str | None) -> User | None:
        """Return the user of that name; create an inactive one where there is none."""
        if not name:
            return None
        if name not in self.people:
            self.people[name], _is_new = User.objects.get_or_create(
                username=name[:150],
                defaults={"is_active": False, "password": make_password(None)},
            )
        return self.people[name]

    def add_document(self, document: Document, number: Any, name: str, sha: str) -> None:
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
        return {str(k): self.with_local_ids(str(v)) for k, v in (header or {}).items()}
