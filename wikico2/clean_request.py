"""Requests without values that no field, column or codec can hold."""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import QueryDict
from django.http.multipartparser import MultiPartParserError
from django.utils.datastructures import MultiValueDict
from django.utils.functional import cached_property
from django.utils.http import parse_header_parameters

NUL = "\0"


class Request(WSGIRequest):
    """A request without NUL characters in its query, its form and its cookies.

    PostgreSQL refuses NUL in text and JSON. Forms and queries are decoded as UTF-8 whatever charset
    the header names: another one may decode to lone surrogates, or not at all.
    """

    _post: QueryDict

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            parsed = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (ValueError, LookupError):
            parsed = "", {}
        self.content_type, self.content_params = parsed

    @cached_property
    def GET(self) -> QueryDict:  # type: ignore[override]  # noqa: N802 (Django's name)
        return without_nul(super().GET)

    @cached_property
    def COOKIES(self) -> dict[str, str]:  # type: ignore[override]  # noqa: N802 (Django's name)
        return {key: value for key, value in super().COOKIES.items() if NUL not in key + value}

    def _load_post_and_files(self) -> None:
        super()._load_post_and_files()
        self._post = without_nul(self._post)

    def parse_file_upload(
        self, meta: Any, post_data: Any
    ) -> tuple[QueryDict, MultiValueDict[str, Any]]:
        """Parse a form with files; raises MultiPartParserError for an unknown charset."""
        try:
            return super().parse_file_upload(meta, post_data)
        except (LookupError, UnicodeError) as error:
            raise MultiPartParserError(str(error)) from error


class Handler(WSGIHandler):
    """The WSGI application, with `Request` as its request class."""

    request_class = Request


def without_nul(data: QueryDict) -> QueryDict:
    """Return the names and values without NUL characters."""
    if not any(NUL in text for name, values in data.lists() for text in (name, *values)):
        return data
    clean = QueryDict(mutable=True, encoding=data.encoding)
    for name, values in data.lists():
        for value in values:
            clean.appendlist(name.replace(NUL, ""), value.replace(NUL, ""))
    clean._mutable = False
    return clean
