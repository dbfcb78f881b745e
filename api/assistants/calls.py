"""Calls of assistants: for whom they run, where they run, what they say when they fail."""

import functools
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.db import close_old_connections, connection
from django.http import Http404, HttpRequest
from mcp.server.mcpserver.exceptions import ToolError

from api.problems import ApiProblem, default_detail
from api.rights import Unauthenticated
from wikico2.errors import UserError

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

asking: ContextVar[Callable[[], HttpRequest]] = ContextVar("asking")
"""Returns the request of the call under way, with its user and the scope of its token."""


def asked_by() -> HttpRequest:
    """Return the request of the call under way."""
    return asking.get()()


def answered(function: Callable[Given, Answer]) -> Callable[Given, Awaitable[Answer]]:
    """Run a function of an assistant in the thread of the database, with errors as sentences."""

    @functools.wraps(function)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        if not connection.in_atomic_block:
            close_old_connections()  # a process for one assistant lives for days
        try:
            return function(*args, **kwargs)
        except ApiProblem as error:
            raise ToolError(sentence(error.code, error.detail, error.members)) from error
        except UserError as error:
            raise ToolError(sentence(error.code, error.sentence)) from error
        except Http404 as error:
            raise ToolError(sentence("not_found", default_detail(404))) from error
        except Unauthenticated as error:
            raise ToolError(sentence("unauthenticated", default_detail(401))) from error
        except PermissionDenied as error:
            raise ToolError(sentence("forbidden", default_detail(403))) from error

    @functools.wraps(function)
    async def call(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        return await sync_to_async(run, thread_sensitive=True)(*args, **kwargs)

    return call


def sentence(code: str, detail: str, members: dict[str, Any] | None = None) -> str:
    """Return the code and the sentence of an error, and the members that tell more."""
    more = "".join(f" {name}={value!r}" for name, value in (members or {}).items())
    return f"{code}: {detail}{more}".strip()
