"""Answers of reads: chosen fields, ETag and 304; and the version that a write is based on."""

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict

from api.problems import ApiProblem
from api.rights import sheet_types_of
from sheets.rendering.page_cache import cache_key, is_cacheable, look_up_page, store_page

Item = TypeVar("Item")
FIELDS = re.compile(r"[a-z_]+(?:,[a-z_]+)*")
TAG = re.compile(r'(?:W/)?"(\d{1,10})-[^"]*"')


def drop_required(schema: dict[str, Any]) -> None:
    """Let a schema hold for an answer with chosen fields too."""
    schema.pop("required", None)


class Selectable(BaseModel):
    """What `fields=` can shorten: any of its members may be missing then."""

    model_config = ConfigDict(json_schema_extra=drop_required)


class Listed(BaseModel, Generic[Item]):
    """A page of a list; `next` is the cursor of the page behind it, null at the end."""

    items: list[Item]
    next: str | None = None


def json_answer(
    request: HttpRequest,
    content: BaseModel,
    *,
    fields: str = "",
    version: int = 0,
    status: int = 200,
) -> HttpResponse:
    """Return the content as JSON with its ETag, or 304 if the caller has it.

    `fields` are names of members that are wanted, of the items if it is a list. `version` is the
    number of the sheet's text, with which its ETag begins.
    """
    return tagged_answer(
        request, chosen_json(content, fields), "application/json", version=version, status=status
    )


def tagged_answer(
    request: HttpRequest, content: bytes, media_type: str, *, version: int = 0, status: int = 200
) -> HttpResponse:
    """Return the content with its ETag, or 304 if the caller has it."""
    etag = f'"{version}-{hashlib.blake2s(content, digest_size=8).hexdigest()}"'
    response = HttpResponse(content, content_type=media_type, status=status)
    response.headers["ETag"] = etag
    if request.method in ("GET", "HEAD"):
        return get_conditional_response(request, etag=etag, response=response) or response
    return response


def cached_answer(
    request: HttpRequest, slug: str, make: Callable[[], tuple[BaseModel, int]]
) -> HttpResponse:
    """Return a sheet's content and version as JSON, cached as the page of the sheet is.

    What it shows must be what the token of the page cache covers. A token for some sheet types
    goes round the cache, which knows nothing of it.
    """
    found = None
    if is_cacheable(request, ()) and not sheet_types_of(request):
        key = cache_key(request)
        found = look_up_page(request, slug, key)
    if found is not None and found.html is not None:
        version = int(found.nonce)
        return tagged_answer(request, found.html.encode(), "application/json", version=version)
    content, version = make()
    made = chosen_json(content, "")
    if found is not None:
        store_page(found, key, str(version), made.decode())
    return tagged_answer(request, made, "application/json", version=version)


def chosen_json(content: BaseModel, fields: str) -> bytes:
    """Return the JSON of the content, with only the chosen members; raises ApiProblem."""
    if not fields:
        return content.__pydantic_serializer__.to_json(content)
    wanted = read_fields(fields)
    whole = content.model_dump(mode="json")
    items = whole.get("items")
    rows: Sequence[dict[str, Any]] = items if isinstance(items, list) else [whole]
    for row in rows:
        if unknown := wanted - row.keys():
            detail = _("Unknown fields: %(names)s.") % {"names": ", ".join(sorted(unknown))}
            raise ApiProblem(422, "unknown_fields", detail)
        for name in row.keys() - wanted:
            del row[name]
    return orjson.dumps(whole)


def read_fields(fields: str) -> set[str]:
    """Return the names of `fields=a,b`; raises ApiProblem."""
    if not FIELDS.fullmatch(fields) or len(fields) > 1_000:
        raise ApiProblem(422, "unknown_fields", _("Give names of fields, with commas between."))
    return set(fields.split(","))


def base_version(request: HttpRequest, given: int | None) -> int:
    """Return the number of the text that an edit started from: from the body, or `If-Match`.

    Raises ApiProblem 428 without either, and 412 for a tag that no sheet has.
    """
    if given is not None:
        return given
    tag = request.headers.get("If-Match", "")
    if not tag:
        detail = _("Say which version you started from: `base`, or the header If-Match.")
        raise ApiProblem(428, "base_missing", detail)
    match = TAG.fullmatch(tag.strip())
    if match is None:
        raise ApiProblem(412, "base_unknown", _("This is no ETag of a sheet."))
    return int(match[1])
