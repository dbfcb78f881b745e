"""Parse request parameters that no Django form reads, and the address of the client."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

LARGEST_ID = 2**63 - 1
LARGEST_NUMBER = 2**31 - 1
LONGEST_ADDRESS = 2_000


def whole_number(text: str, most: int = LARGEST_ID) -> int | None:
    """Return the number written in decimal digits; None for other text or above `most`."""
    if not text.isdecimal() or len(text) > len(str(LARGEST_ID)):
        return None
    number = int(text)
    return number if number <= most else None


def return_address(request: HttpRequest) -> str:
    """Return the address in the `next` of a form if it is on this site; else ""."""
    return own_address(request, request.POST.get("next", ""))


def own_address(request: HttpRequest, wanted: str) -> str:
    """Return an address if it is on this site; else ""."""
    is_ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(
        wanted, {request.get_host()}, request.is_secure()
    )
    return wanted if is_ours and len(wanted) <= LONGEST_ADDRESS else ""


def client_address(request: HttpRequest) -> str | None:
    """Return the network address of the sender; None where it is none, as over a socket file.

    Behind our own proxy it is the last address that the proxy has added.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.SECURE_PROXY_SSL_HEADER:
        address = request.META.get("HTTP_X_FORWARDED_FOR", address)[-100:].split(",")[-1].strip()
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None
