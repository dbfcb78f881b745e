"""Idempotency keys: a request that is sent again gets the first answer, and does nothing twice."""

import datetime as dt
import functools
import hashlib
import inspect
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja.responses import Status
from pydantic import BaseModel

from api.models import LIFETIME, UNFINISHED, KeptAnswer
from api.problems import ApiProblem, user_error_response
from wikico2.errors import UserError
from wikico2.models import User

HEADER = "Idempotency-Key"
LONGEST_KEY = 200
KEPT_HEADERS = ("Content-Type", "Location", "ETag")

View = Callable[..., Any]


def once(view: View) -> View:
    """Answer a request with a known idempotency key as it was answered the first time.

    The key belongs to the account. The same key with another request is refused; so is one whose
    first request is still under way.
    """

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        key = request.headers.get(HEADER, "")
        if not key or not isinstance(request.user, User):
            return view(request, *args, **kwargs)
        if len(key) > LONGEST_KEY or not key.isprintable():
            raise ApiProblem(422, "idempotency_key", _("This idempotency key is too long."))
        kept = claim_key(request.user, key, request_fingerprint(request))
        if kept.status:
            return replayed(kept)
        try:
            response = as_response(view(request, *args, **kwargs))
        except UserError as error:
            response = user_error_response(error)
        except BaseException:
            KeptAnswer.objects.filter(pk=kept.pk).delete()
            raise
        keep_answer(kept, response)
        return response

    answer.__signature__ = inspect.signature(view)  # type: ignore[attr-defined]
    return answer


def request_fingerprint(request: HttpRequest) -> str:
    """Return a hash of what was asked: method, address, text and files."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.content_type == "multipart/form-data":
        for name, values in sorted(request.POST.lists()):
            digest.update(repr((name, values)).encode())
        for name, files in sorted(request.FILES.lists()):
            for file in files:
                digest.update(repr((name, file.name, file.size)).encode())
                for part in file.chunks():
                    digest.update(part)
                file.seek(0)
    else:
        digest.update(request.body)
    return digest.hexdigest()


def claim_key(user: User, key: str, fingerprint: str) -> KeptAnswer:
    """Return the row of a key: new, or with the answer that was kept; raises ApiProblem."""
    now = timezone.now()
    KeptAnswer.objects.filter(user=user, created_at__lt=now - LIFETIME).delete()
    stale: dt.datetime = now - UNFINISHED
    KeptAnswer.objects.filter(user=user, key=key, status=0, created_at__lt=stale).delete()
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(user=user, key=key, fingerprint=fingerprint)
    except IntegrityError:
        kept = KeptAnswer.objects.filter(user=user, key=key).first()
    if kept is None or not kept.status:
        detail = _("The first request with this idempotency key is still under way.")
        raise ApiProblem(409, "idempotency_in_progress", detail)
    if kept.fingerprint != fingerprint:
        detail = _("This idempotency key belongs to another request.")
        raise ApiProblem(422, "idempotency_reused", detail)
    return kept


def as_response(answer: Any) -> HttpResponseBase:
    """Return what a view gave as a response."""
    if isinstance(answer, HttpResponseBase):
        return answer
    status, content = 200, answer
    if isinstance(answer, Status):
        status, content = answer.status_code, answer.value
    assert isinstance(content, BaseModel)
    return HttpResponse(
        content.__pydantic_serializer__.to_json(content),
        status=status,
        content_type="application/json",
    )


def keep_answer(kept: KeptAnswer, response: HttpResponseBase) -> None:
    """Store an answer below its key."""
    assert isinstance(response, HttpResponse)
    kept.status = response.status_code
    kept.headers = {n: response.headers[n] for n in KEPT_HEADERS if n in response.headers}
    kept.content = response.content
    kept.save(update_fields=["status", "headers", "content"])


def replayed(kept: KeptAnswer) -> HttpResponse:
    """Return a kept answer."""
    response = HttpResponse(bytes(kept.content), status=kept.status)
    for name, value in kept.headers.items():
        response.headers[name] = value
    response.headers["Idempotency-Replayed"] = "true"
    return response
