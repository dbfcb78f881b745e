"""Make every answer below `/v1/` one for programs: errors as problems, limits as headers."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from api.auth import tell_limit
from api.problems import MEDIA_TYPE, problem_response

Handler = Callable[[HttpRequest], HttpResponse]
ROOT = "/v1/"


class ApiMiddleware:
    """Turn error pages into problems, and tell what is left of a token's limit."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path_info.startswith(ROOT):
            return response
        if response.status_code >= 400 and response.get("Content-Type") != MEDIA_TYPE:
            allowed = response.get("Allow")
            response = problem_response(response.status_code)
            if allowed:
                response.headers["Allow"] = allowed
        tell_limit(request, response)
        patch_vary_headers(response, ("Authorization", "Cookie", "Accept-Language"))
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response
