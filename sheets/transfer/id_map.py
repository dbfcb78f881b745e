"""What an archive names as it is known here: its people and its sources."""

import re
from collections.abc import Iterable
from typing import Any

from ingestion.models import Document
from wikico2.models import User

SOURCE = re.compile(r"(?<=\(/sources/)(\d{1,18})(?=/)")


class ImportIdMap:
    """The accounts and the sources here, by what an archive calls them."""

    def __init__(self) -> None:
        self.people: dict[str, User] = {}
        self.documents: dict[str, Document] = {}  # by the number that texts have
        self.by_name: dict[str, Document] = {}  # by the name of its file, and by its hash
        self.keys: dict[str, int] = {}  # as they are numbered here, by the name of the file

        self.meet()

    def meet(self) -> None:
        """Learn which accounts there are."""
        self.people = {u.username: u for u in User.objects.all()}

    def person(self, name: str | None) -> User | None:
        """Return the account of that name; one that cannot log in where it is not known here."""
        if not name:
            return None
        if name not in self.people:
            person = User(username=name[:150], is_active=False)
            person.set_unusable_password()
            person.save()
            self.people[name] = person
        return self.people[name]

    def note(self, document: Document, number: Any, name: str, sha: str) -> None:
        """Remember what the archive calls a source: in texts, in lists of sources."""
        self.documents[str(number)] = self.by_name[name] = document
        self.by_name.setdefault(sha, document)
        self.keys[name] = document.pk

    def named(self, names: Iterable[str]) -> list[Document]:
        """Return the sources that the archive calls so."""
        return [self.by_name[name] for name in names if name in self.by_name]

    def here(self, body: str) -> str:
        """Return a text with the sources called as they are here; an unknown one leads nowhere."""
        known = self.documents
        return SOURCE.sub(lambda m: str(known[m[1]].pk) if m[1] in known else "0", body)

    def values(self, header: Any) -> dict[str, str]:
        return {str(k): self.here(str(v)) for k, v in (header or {}).items()}
