"""Fetch the file at a web address given by a person, but nothing of our own network.

A host name is resolved once per connection. All its addresses must be public, and the connection
is made to a checked address, so that the name cannot point to another machine in between. Each
redirect is checked in the same way. One deadline bounds the whole fetch, however slow the server.
"""

import html
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple, Protocol, runtime_checkable
from urllib.parse import unquote

import httpcore
import httpx
from django.conf import settings

from ingestion.readers.registry import EXTENSIONS
from wikico2.errors import TransientError, UserError
from wikico2.sizes import KILOBYTE, MEGABYTE

MAX_REDIRECTS = 5
CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 20.0
READ_SIZE = 64 * KILOBYTE
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
HEADERS = {"User-Agent": "WikiCO2", "Accept": "*/*", "Accept-Encoding": "gzip, identity"}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Progress = Callable[[int, int], None]
"""Called with the bytes received and the bytes announced (0: unknown)."""

UNSAFE_CODES = frozenset({"address_unreachable", "address_certificate"})
"""Failures of https after which http may work, for an address typed without either."""

REFRESH_WINDOW = 16 * KILOBYTE
HTML_START = 1_000
_BARE = re.compile(r"(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?::\d{1,5})?(?:[/?#]|\Z)")
_NO_SCRIPT = re.compile(r"(?is)<noscript\b.*?(?:</noscript>|\Z)")
_META = re.compile(r"(?is)<meta\b[^>]{0,2000}>")
_REFRESH = re.compile(r"(?i)http-equiv\s*=\s*[\"']?\s*refresh")
_TARGET = re.compile(
    r"(?i)content\s*=\s*(?:\"|')?\s*[0-9]{1,2}(?:\.\d*)?\s*[;,]\s*(?:url\s*=\s*)?"
    r"(?:[\"'](?P<quoted>[^\"'>]+)|(?P<bare>[^\"'>\s]+))"
)

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class FetchedFile(NamedTuple):
    """A fetched file: its name, and its address after all redirects."""

    name: str
    url: str


def checked_url(url: str) -> str:
    """Return a web address in normalised form; raises UserError("address_invalid").

    One without a scheme, such as `www.example.org/guide.pdf`, gets https.
    """
    url = url.strip()
    if is_without_scheme(url):
        url = f"https://{url}"
    try:
        parsed = httpx.URL(url)
        valid = parsed.scheme in ("http", "https") and parsed.host and not parsed.userinfo
    except (httpx.InvalidURL, ValueError, UnicodeError):
        valid = False
    if not valid or len(str(parsed)) > 2000:
        raise UserError("address_invalid")
    return str(parsed.copy_with(fragment=None))


def is_without_scheme(url: str) -> bool:
    """Tell whether a text is a web address without https:// or http://, not a file's name."""
    if not _BARE.match(url):
        return False
    return "/" in url or not url.lower().endswith(EXTENSIONS)


def fetch_file(
    url: str,
    into: IO[bytes],
    *,
    progress: Progress = lambda done, total: None,
    or_http: bool = False,
) -> FetchedFile:
    """Write the content at `url` into a file; return its name and its address after redirects.

    A page that leads on to another address at once (meta refresh) counts as a redirect. With
    `or_http`, http is tried where the site does not answer to https.

    Raises UserError: address_invalid, address_private, address_redirects, address_certificate,
    address_forbidden, address_missing, address_status, address_large, empty_file; and
    TransientError: address_unknown, address_unreachable, address_slow, address_status.
    """
    deadline = time.monotonic() + settings.FETCH_SECONDS
    url = checked_url(url)
    for _ in range(MAX_REDIRECTS + 1):
        try:
            fetched = _fetch_once(url, into, deadline, progress)
        except UserError as error:
            if not (or_http and error.code in UNSAFE_CODES and url.startswith("https:")):
                raise
            url, or_http = f"http:{url.removeprefix('https:')}", False
            fetched = None
        following = _refresh_target(into, fetched.url) if fetched else url
        if fetched and not following:
            return fetched
        url = checked_url(following)
        into.seek(0)
        into.truncate()
    raise UserError("address_redirects", limit=MAX_REDIRECTS)


def post_content(url: str, content: bytes, headers: dict[str, str], *, seconds: float) -> int:
    """Send content to an address of the public internet; return the status of the answer.

    Redirects are not followed, and the answer is not read. Raises UserError and TransientError like
    `fetch_file`.
    """
    deadline = time.monotonic() + seconds
    with (
        _translate_errors(url),
        httpx.Client(
            transport=_Transport(deadline),
            follow_redirects=False,
            timeout=httpx.Timeout(seconds),
            headers=HEADERS | headers,
        ) as client,
        client.stream("POST", checked_url(url), content=content) as response,
    ):
        return response.status_code


def _fetch_once(url: str, into: IO[bytes], deadline: float, progress: Progress) -> FetchedFile:
    """Write the content at one address, after its redirects, into a file."""
    limit = settings.MAX_UPLOAD_MB * MEGABYTE
    with (
        _translate_errors(url),
        httpx.Client(
            transport=_Transport(deadline),
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            timeout=httpx.Timeout(READ_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
            headers=HEADERS,
        ) as client,
        client.stream("GET", url) as response,
    ):
        _refuse_status(response)
        announced = int(length) if (length := response.headers.get("content-length", "")) else 0
        if announced > limit:
            raise _response_too_large()
        received = 0
        for data in response.iter_bytes(READ_SIZE):
            received += len(data)
            if received > limit:
                raise _response_too_large()
            into.write(data)
            progress(received, max(announced, received) if announced else 0)
        if not received:
            raise UserError("empty_file")
        return FetchedFile(_response_filename(response), str(response.url))


def _refresh_target(file: IO[bytes], url: str) -> str:
    """Return the address that a page leads on to by itself, `""` if it does not.

    What is only meant for browsers without scripts is passed over. Keeps the position in the file.
    """
    position = file.tell()
    file.seek(0)
    head = file.read(REFRESH_WINDOW).decode("utf-8", "replace")
    file.seek(position)
    if "<" not in head[:HTML_START] or "refresh" not in head.lower():
        return ""
    for tag in _META.findall(_NO_SCRIPT.sub("", head)):
        if _REFRESH.search(tag) and (target := _TARGET.search(tag)):
            address = html.unescape(target["quoted"] or target["bare"] or "").strip()
            joined = str(httpx.URL(url).join(address)) if address else ""
            return joined if joined and checked_url(joined) != checked_url(url) else ""
    return ""


def is_public(address: Address) -> bool:
    """Tell whether an address, or the IPv4 address embedded in it, is on the public internet."""
    if isinstance(address, ipaddress.IPv6Address):
        within = address.ipv4_mapped or address.sixtofour
        if within is None and address in _NAT64:
            within = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if within is not None:
            return is_public(within)
        if address.teredo or address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def public_addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a host; all must be public, unless `FETCH_PRIVATE_HOSTS` names it.

    Raises UserError("address_private") and TransientError("address_unknown").
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise TransientError("address_unknown", host=host) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = host.lower().rstrip(".") in settings.FETCH_PRIVATE_HOSTS
    for address in addresses:
        if not allowed and not is_public(ipaddress.ip_address(address.partition("%")[0])):
            raise UserError("address_private", host=host)
    return addresses


# --- Connecting -----------------------------------------------------------------------------------


class _DeadlineStream(httpcore.NetworkStream):
    """A connection on which every read and write times out at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self.stream = stream
        self.deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.stream.read(max_bytes, _seconds_left(self.deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.stream.write(buffer, _seconds_left(self.deadline, timeout))

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _seconds_left(self.deadline, timeout)
        return _DeadlineStream(
            self.stream.start_tls(ssl_context, server_hostname, left), self.deadline
        )

    def get_extra_info(self, info: str) -> Any:
        return self.stream.get_extra_info(info)


class _Network(httpcore.NetworkBackend):
    """Connects to checked addresses only; the host name is not resolved a second time."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(host)
        for address in public_addresses(host, port):
            try:
                stream = self.sockets.connect_tcp(
                    address,
                    port,
                    _seconds_left(self.deadline, timeout),
                    local_address,
                    socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _DeadlineStream(stream, self.deadline)
        raise failure


def _seconds_left(deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left if timeout is None else min(timeout, left)


@runtime_checkable
class Closeable(Protocol):
    def close(self) -> None: ...


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self.stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.stream)

    def close(self) -> None:
        if isinstance(self.stream, Closeable):
            self.stream.close()


class _Transport(httpx.BaseTransport):
    """Sends requests over `_Network`, without the proxies of the environment."""

    def __init__(self, deadline: float) -> None:
        self.pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(), network_backend=_Network(deadline)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        response = self.pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.read(),
                extensions=request.extensions,
            )
        )
        assert isinstance(response.stream, Iterable)
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response.stream),
            extensions=response.extensions,
        )

    def close(self) -> None:
        self.pool.close()


# --- Responses ------------------------------------------------------------------------------------


@contextmanager
def _translate_errors(url: str) -> Iterator[None]:
    """Turn errors of the HTTP libraries into UserError and TransientError."""
    host = httpx.URL(url).host
    try:
        yield
    except httpx.TooManyRedirects:
        raise UserError("address_redirects", limit=MAX_REDIRECTS) from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpcore.UnsupportedProtocol):
        raise UserError("address_invalid") from None
    except (httpx.TimeoutException, httpcore.TimeoutException):
        raise TransientError("address_slow", host=host, limit=settings.FETCH_SECONDS) from None
    except httpcore.ConnectError as error:
        if "CERTIFICATE" in str(error).upper():
            raise UserError("address_certificate", host=host) from None
        raise TransientError("address_unreachable", host=host) from None
    except (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError, ValueError):
        raise TransientError("address_unreachable", host=host) from None


def _refuse_status(response: httpx.Response) -> None:
    status, host = response.status_code, response.url.host
    if status in TRANSIENT_STATUSES:
        wait = response.headers.get("retry-after", "")
        details = {"retry_after": min(int(wait), 600)} if wait.isdecimal() else {}
        raise TransientError("address_status", host=host, status=status, **details)
    if status in (401, 403, 407):
        raise UserError("address_forbidden", host=host)
    if status in (404, 410):
        raise UserError("address_missing", host=host)
    if status != 200:
        raise UserError("address_status", host=host, status=status)


def _response_too_large() -> UserError:
    return UserError("address_large", limit=settings.MAX_UPLOAD_MB)


def _response_filename(response: httpx.Response) -> str:
    """Return the file name that the response states, else the last part of the address."""
    message = EmailMessage()
    try:
        message["content-disposition"] = response.headers.get("content-disposition", "")
        stated = message.get_filename()
    except (ValueError, LookupError, IndexError):
        stated = None
    last = PurePosixPath(unquote(response.url.path)).name
    return str(stated or last or response.url.host)[:255]
