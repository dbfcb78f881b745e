"""System checks: rules that involve several settings."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

MAPPED_ROLES = ("reader", "contributor", "expert", "administrator")
"""The roles that an organisation's claims may give: `RoleChoice` without its ends."""


@register()
def attempts_are_bounded(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse settings under which a slow task would run twice.

    A time slice, a request begun at its end and the back-off of that request must be over before
    the queue stops the task, and the queue must stop a task before it hands it out again.
    """
    problems: list[CheckMessage] = []
    longest = settings.TASK_SLICE_SECONDS + longest_request_seconds()
    if longest >= settings.TASK_TIMEOUT:
        problems.append(
            Error(
                f"A request may take {longest:.0f} s with its retries, but TASK_TIMEOUT is "
                f"{settings.TASK_TIMEOUT} s.",
                hint="Lower AI_TIMEOUT, AI_RETRIES or AI_BACKOFF_SECONDS, or raise TASK_TIMEOUT.",
                id="wikico2.E001",
            )
        )
    if settings.TASK_TIMEOUT >= settings.TASK_RETRY:
        problems.append(
            Error(
                f"TASK_TIMEOUT ({settings.TASK_TIMEOUT} s) must be below TASK_RETRY "
                f"({settings.TASK_RETRY} s), or the queue runs tasks twice.",
                id="wikico2.E002",
            )
        )
    return problems


@register()
def leases_outlive_requests(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a lease that may expire while its worker waits for one answer."""
    if settings.AI_TIMEOUT >= settings.LEASE_SECONDS:
        return [
            Error(
                f"AI_TIMEOUT ({settings.AI_TIMEOUT:g} s) must be below LEASE_SECONDS "
                f"({settings.LEASE_SECONDS} s), or work that waits counts as abandoned.",
                id="wikico2.E004",
            )
        ]
    return []


@register()
def organisation_is_described(
    app_configs: Sequence[Any] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse half a description of an organisation's accounts, and roles that do not exist."""
    problems: list[CheckMessage] = []
    if settings.OIDC_ISSUER and not settings.OIDC_CLIENT_ID:
        problems.append(
            Error("OIDC_ISSUER needs OIDC_CLIENT_ID, and OIDC_CLIENT_SECRET.", id="wikico2.E005")
        )
    wrong = [one for one in settings.OIDC_ROLES if one.rpartition(":")[2] not in MAPPED_ROLES]
    if wrong:
        problems.append(
            Error(
                f"OIDC_ROLES: {', '.join(wrong)} names no role.",
                hint=f"Write value:role, with one of {', '.join(MAPPED_ROLES)}.",
                id="wikico2.E006",
            )
        )
    return problems


def longest_request_seconds() -> float:
    """Return the longest time that one request may take, its retries and back-off included."""
    return float(settings.AI_TIMEOUT * (settings.AI_RETRIES + 1) + settings.AI_BACKOFF_SECONDS)


@register()
def chunks_advance(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse an overlap of more than half a passage: too little new text would be left."""
    if settings.CHUNK_OVERLAP * 2 > settings.CHUNK_SIZE:
        return [
            Error(
                f"CHUNK_OVERLAP ({settings.CHUNK_OVERLAP}) must be at most half of CHUNK_SIZE "
                f"({settings.CHUNK_SIZE}).",
                id="wikico2.E003",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def passwords_are_not_sent_openly(
    app_configs: Sequence[Any] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse plain HTTP, and any host name, for a site that others reach."""
    host = urlsplit(settings.SITE_URL).hostname
    is_here = host in ("localhost", "127.0.0.1", "::1")
    problems: list[CheckMessage] = []
    if not is_here and not settings.SESSION_COOKIE_SECURE:
        problems.append(
            Error(
                f"SITE_URL is {settings.SITE_URL}: passwords would go over plain HTTP.",
                hint="Serve it by HTTPS, for one with `docker compose --profile tls up`, and set "
                "BEHIND_HTTPS_PROXY=true.",
                id="wikico2.E005",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        problems.append(
            Error(
                "ALLOWED_HOSTS is *: the site answers to any name.",
                hint=f"Set ALLOWED_HOSTS={host}.",
                id="wikico2.E006",
            )
        )
    return problems
