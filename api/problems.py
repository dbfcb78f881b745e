"""Errors as `application/problem+json` (RFC 9457), each with a code for programs."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from orjson import OPT_NON_STR_KEYS, dumps
from pydantic import BaseModel, Field

from api.rights import Unauthenticated
from wikico2.errors import UserError
from wikico2.models import User

MEDIA_TYPE = "application/problem+json"
STATUS = {
    "duplicate": 409,
    "title_taken": 409,
    "term_taken": 409,
    "stale_version": 409,
    "wrong_state": 409,
    "too_many_webhooks": 409,
    "file_missing": 404,
    "too_large": 413,
    "unknown_format": 415,
    "data_file": 415,
    "mail_box": 415,
    "old_office": 415,
    "too_many_suggestions": 429,
    "service_busy": 503,
    "service_unreachable": 503,
    "service_slow": 503,
    "index_unreachable": 503,
}
"""The HTTP status of an error of the pages; others are 422."""
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    428: "Precondition Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    412: "precondition_failed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "rate_limited",
    500: "internal",
    503: "unavailable",
}


class InvalidField(BaseModel):
    """What is wrong with one field or parameter; `where` is its path."""

    where: str
    message: str


class ProblemOut(BaseModel):
    """An error: `code` is for programs, `detail` a sentence in the language of the request."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str = ""
    errors: list[InvalidField] = Field(default_factory=list)


class ApiProblem(Exception):
    """An answer that is an error, with a code and further members."""

    def __init__(self, status: int, code: str, detail: str = "", **members: Any) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.members = members


def problem_response(status: int, code: str = "", detail: str = "", **members: Any) -> HttpResponse:
    """Return an error as problem+json."""
    content = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "code": code or CODES.get(status, "error"),
        "detail": detail or default_detail(status),
        "errors": [],
        **members,
    }
    response = HttpResponse(
        dumps(content, option=OPT_NON_STR_KEYS), status=status, content_type=MEDIA_TYPE
    )
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="WikiCO2"'
    return response


def default_detail(status: int) -> str:
    """Return the sentence of a status that has no other one."""
    sentences = {
        401: _("This needs an account: send a token, or log in."),
        403: _("Your account or your token does not allow this."),
        404: _("There is nothing at this address, or you may not see it."),
        405: _("This address does not take this method."),
        422: _("The request is not valid."),
        429: _("Too many requests: wait for the next minute."),
    }
    return sentences.get(status, "")


def invalid_fields(error: ValidationError) -> list[dict[str, str]]:
    """Return the errors of a request's fields and parameters."""
    return [
        {"where": ".".join(str(part) for part in one["loc"]), "message": one["msg"]}
        for one in error.errors
    ]


def form_problem(errors: Mapping[str, Iterable[Any]], code: str = "text_invalid") -> ApiProblem:
    """Return the 422 of a form that was refused, from its errors by field."""
    found = [
        {"where": where, "message": str(sentence)}
        for where, sentences in errors.items()
        for sentence in sentences
    ]
    return ApiProblem(422, code, found[0]["message"], errors=found)


def user_error_response(error: UserError) -> HttpResponse:
    """Return the error of a page, with its code and its sentence."""
    members = {}
    if error.code == "duplicate":
        members = {"source": error.details.get("document")}
    return problem_response(STATUS.get(error.code, 422), error.code, error.sentence, **members)


def forbidden_response(request: HttpRequest) -> HttpResponse:
    """Return 403; 401 to a request without an account."""
    return problem_response(403 if isinstance(request.user, User) else 401)


def add_problem_handlers(api: NinjaAPI) -> None:
    """Answer every error of an operation as problem+json."""

    @api.exception_handler(ApiProblem)
    def on_problem(request: HttpRequest, error: ApiProblem) -> HttpResponse:
        return problem_response(error.status, error.code, error.detail, **error.members)

    @api.exception_handler(UserError)
    def on_user_error(request: HttpRequest, error: UserError) -> HttpResponse:
        return user_error_response(error)

    @api.exception_handler(Http404)
    def on_missing(request: HttpRequest, error: Http404) -> HttpResponse:
        return problem_response(404)

    @api.exception_handler(Unauthenticated)
    def on_anonymous(request: HttpRequest, error: Unauthenticated) -> HttpResponse:
        return problem_response(401)

    @api.exception_handler(PermissionDenied)
    def on_denied(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
        return forbidden_response(request)

    @api.exception_handler(ValidationError)
    def on_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        return problem_response(422, errors=invalid_fields(error))

    @api.exception_handler(AuthenticationError)
    def on_unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        return problem_response(401)

    @api.exception_handler(HttpError)
    def on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
        return problem_response(error.status_code, detail=str(error))
