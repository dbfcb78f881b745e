"""Parse request parameters that no Django form reads."""

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
    """Return the address in `next` if it is on this site; else ""."""
    wanted = request.POST.get("next", "")
    is_ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(
        wanted, {request.get_host()}, request.is_secure()
    )
    return wanted if is_ours and len(wanted) <= LONGEST_ADDRESS else ""
