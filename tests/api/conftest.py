"""Fixtures of the API: a sheet with a proof, tokens, a client that sends one."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from api.models import Token
from ingestion.models import Document
from sheets.models import Sheet
from tests.sheets.test_pages import sheet, source
from wikico2.models import User

__all__ = ["sheet", "source"]

Caller = Callable[..., "Program"]


class Program:
    """A client that sends a token, and JSON."""

    def __init__(self, secret: str = "") -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def send(self, method: str, path: str, content: Any = None, **headers: str) -> Any:
        body = {} if content is None else {"data": content, "content_type": "application/json"}
        call = getattr(self.client, method)
        return call(path, headers={**self.headers, **headers}, **body)

    def get(self, path: str, **headers: str) -> Any:
        return self.send("get", path, **headers)

    def post(self, path: str, content: Any = None, **headers: str) -> Any:
        return self.send("post", path, {} if content is None else content, **headers)

    def put(self, path: str, content: Any, **headers: str) -> Any:
        return self.send("put", path, content, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("delete", path, **headers)

    def upload(self, path: str, **fields: Any) -> Any:
        return self.client.post(path, fields, headers=self.headers)


@pytest.fixture
def program() -> Caller:
    """Return a program of a person: `program(user, "write")`; without a person, a reader."""

    def make(user: User | None = None, scope: str = Token.Scope.ADMIN, **more: Any) -> Program:
        return Program(Token.issue(user, "essai", scope=scope, **more)[1] if user else "")

    return make


@pytest.fixture
def published(sheet: Sheet, source: Document) -> Sheet:
    """The sheet with a proof, open to all."""
    Sheet.objects.update(state=Sheet.State.PUBLISHED)
    sheet.refresh_from_db()
    return sheet
