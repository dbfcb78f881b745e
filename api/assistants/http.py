"""`/mcp`: the MCP server over streamable HTTP, stateless, one JSON answer to each POST.

The web processes are WSGI: each request runs the server in a loop of its own, while its tools run
in the thread of the request, with its connection to the database.
"""

from collections.abc import Iterator
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from api.assistants.calls import asking
from api.assistants.server import server
from api.auth import AssistantAuth, tell_limit
from api.problems import ApiProblem, problem_response

LARGEST_BODY = 16 * 2**20
"""Bytes of a request: a document of 12 MB in base64. Larger ones go through `/v1/sources`."""


@never_cache
# A browser sends a session along to any site's request, never a token. Only tokens count here
# (`identify_assistant`), so a page of another site can do nothing in a reader's name.
@csrf_exempt
@require_POST
def mcp_endpoint(request: HttpRequest) -> HttpResponse:
    """Answer one message of an assistant; without a token as to a reader without an account."""
    try:
        identify_assistant(request)
    except ApiProblem as error:
        response = problem_response(error.status, error.code, error.detail)
    else:
        body = request.read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            return problem_response(413)
        handed = asking.set(lambda: request)
        try:
            response = async_to_sync(serve_message)(request, body)
        finally:
            asking.reset(handed)
    tell_limit(request, response)
    return response


def identify_assistant(request: HttpRequest) -> None:
    """Set the user of the token on the request; sessions do not count. Raises ApiProblem."""
    if AssistantAuth()(request):
        return
    if not settings.PUBLIC_SITE:
        raise ApiProblem(401, "unauthenticated")
    request.user = AnonymousUser()


async def serve_message(request: HttpRequest, body: bytes) -> HttpResponse:
    """Hand a message to the server, and return its answer."""
    sent: list[dict[str, Any]] = []
    unread = [body]

    async def receive() -> dict[str, Any]:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    manager = StreamableHTTPSessionManager(
        server._lowlevel_server,  # the manager takes no other; it cannot be run twice
        json_response=True,
        stateless=True,
        max_request_body_size=LARGEST_BODY,
    )
    async with manager.run():
        await manager.handle_request(asgi_scope(request), receive, send)
    return gathered_response(sent)


def asgi_scope(request: HttpRequest) -> dict[str, Any]:
    """Return what an ASGI server would tell of the request."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.META.get("QUERY_STRING", "").encode("latin-1", "replace"),
        "headers": list(asgi_headers(request)),
        "client": None,
        "server": None,
    }


def asgi_headers(request: HttpRequest) -> Iterator[tuple[bytes, bytes]]:
    for name, value in request.headers.items():
        if name.lower() != "authorization":  # read already; the server asks for none
            yield name.lower().encode("latin-1"), value.encode("latin-1", "replace")


def gathered_response(sent: list[dict[str, Any]]) -> HttpResponse:
    """Return the parts that the server has sent as one response."""
    start = next((one for one in sent if one["type"] == "http.response.start"), None)
    if start is None:
        return problem_response(500)
    content = b"".join(one.get("body", b"") for one in sent if one["type"] == "http.response.body")
    response = HttpResponse(content, status=start["status"])
    for name, value in start["headers"]:
        if name.lower() != b"content-length":
            response.headers[name.decode("latin-1")] = value.decode("latin-1")
    return response
