"""`manage.py mcp`: the MCP server over stdin and stdout, for an assistant on this machine."""

import os
from argparse import ArgumentParser
from typing import Any

import anyio
from django.contrib.auth.models import AnonymousUser
from django.core.management.base import BaseCommand, CommandError
from django.http import HttpRequest

from api.assistants.calls import asking
from api.assistants.server import server
from api.auth import authenticate_token
from api.problems import ApiProblem

VARIABLE = "WIKICO2_TOKEN"


class Command(BaseCommand):
    help = "Serve one assistant over stdin and stdout (Model Context Protocol)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--token", default="", help=f"a token of the API; also in the variable {VARIABLE}"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        secret = options["token"] or os.environ.get(VARIABLE, "")
        try:
            stdio_request(secret)
        except ApiProblem as error:
            raise CommandError(error.detail) from None
        asking.set(lambda: stdio_request(secret))
        anyio.run(server.run_stdio_async)


def stdio_request(secret: str) -> HttpRequest:
    """Return a request of the person of the token; of a reader without an account for none.

    Raises ApiProblem for a token that is unknown or has expired meanwhile.
    """
    request = HttpRequest()
    request.method = "POST"
    request.user = AnonymousUser()
    if secret:
        authenticate_token(request, secret, may_post=True)
    return request
