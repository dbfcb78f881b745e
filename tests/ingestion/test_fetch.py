"""Fetch: what may be asked of which address, and what becomes of the answer."""

import gzip
import io
import ipaddress
import socket
import tempfile
import time
from typing import Any

import httpcore
import pytest
from pytest_django import Settings

from ingestion.intake.fetch import checked_url, fetch_file, is_public
from tests.cost import processor_time
from tests.ingestion import web
from wikico2.errors import TransientError, UserError


def failure(url: str) -> UserError:
    with pytest.raises(UserError) as caught:
        fetch_file(url, io.BytesIO())
    assert "%(" not in caught.value.sentence
    return caught.value


class TestAddress:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "rapport.pdf",
            "ftp://ademe.fr/rapport.pdf",
            "file:///etc/passwd",
            "http://",
            "https://nom:secret@ademe.fr/",
            "http://[::1",
            "https://ademe.fr/" + "a" * 2000,
            "gopher://127.0.0.1:6379/_FLUSHALL",
        ],
    )
    def test_other_than_the_webs_are_refused(self, url: str) -> None:
        with pytest.raises(UserError, match="address_invalid"):
            checked_url(url)

    def test_is_made_regular(self) -> None:
        assert checked_url(" HTTPS://Ademe.FR/Un rapport.pdf#page=3 ") == (
            "https://ademe.fr/Un%20rapport.pdf"
        )

    @pytest.mark.parametrize(
        "address",
        "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 "
        "255.255.255.255 192.0.0.1 198.18.0.1 ::1 :: fe80::1 fc00::1 fd00:ec2::254 fec0::1 ff02::1 "
        "::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe "
        "2002:7f00:1:: 2001:0:7f00:1::".split(),
    )
    def test_none_of_a_private_network_is_public(self, address: str) -> None:
        assert not is_public(ipaddress.ip_address(address))

    @pytest.mark.parametrize(
        "address", ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
    )
    def test_the_open_internet_is(self, address: str) -> None:
        assert is_public(ipaddress.ip_address(address))


class TestNetwork:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"]
    )
    def test_nothing_is_asked_of_this_machine(
        self, site: web.Site, settings: Settings, host: str
    ) -> None:
        settings.FETCH_PRIVATE_HOSTS = []
        assert failure(site.url("/", host)).code == "address_private"
        assert not site.asked

    def test_a_redirect_goes_through_the_same_door(self, site: web.Site) -> None:
        site.pages["/"] = (302, {"Location": site.url("/secret", "127.0.0.1")}, b"")
        site.pages["/secret"] = (200, {}, b"secret")
        assert failure(site.url("/")).code == "address_private"
        assert len(site.asked) == 1

    @pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://localhost/a", "http://a b:c/"])
    def test_a_redirect_stays_on_the_web(self, site: web.Site, place: str) -> None:
        site.pages["/"] = (302, {"Location": place}, b"")
        assert failure(site.url("/")).code in ("address_invalid", "address_unreachable")

    def test_redirects_end(self, site: web.Site) -> None:
        site.pages["/"] = (302, {"Location": "/"}, b"")
        assert failure(site.url("/")).code == "address_redirects"

    @pytest.mark.parametrize(
        "tag",
        [
            '<meta http-equiv="refresh" content="0; url=/guide.txt">',
            "<META HTTP-EQUIV=Refresh CONTENT='3;URL=guide.txt'>",
            '<meta content="0;url=&#47;guide.txt" http-equiv="refresh">',
            "<meta http-equiv=refresh content=\"0; url='/guide.txt'\">",
        ],
    )
    def test_a_page_that_leads_on_is_followed(self, site: web.Site, tag: str) -> None:
        site.pages["/"] = (200, {"Content-Type": "text/html"}, f"<html>{tag}</html>".encode())
        site.pages["/guide.txt"] = (200, {}, b"Le guide.")
        with tempfile.TemporaryFile() as file:
            fetched = fetch_file(site.url("/"), file)
            file.seek(0)
            assert (file.read(), fetched.name) == (b"Le guide.", "guide.txt")

    @pytest.mark.parametrize(
        "page",
        [
            "<noscript><meta http-equiv=refresh content='0;url=/sans-script'></noscript>Page",
            "<meta http-equiv=refresh content='60'>Page",
            "<meta http-equiv=refresh content='5; url=/'>Page",
            "<meta name=description content='0; url=/x'>Page about refresh",
            "Un texte sur la balise refresh, sans balise.",
        ],
    )
    def test_other_pages_stay(self, site: web.Site, page: str) -> None:
        site.pages["/"] = (200, {}, page.encode())
        with tempfile.TemporaryFile() as file:
            fetch_file(site.url("/"), file)
            assert file.tell() == len(page.encode())
        assert len(site.asked) == 1

    def test_where_it_leads_goes_through_the_same_door(self, site: web.Site) -> None:
        tag = f"<meta http-equiv=refresh content='0;url={site.url('/secret', '127.0.0.1')}'>"
        site.pages["/"] = (200, {}, tag.encode())
        assert failure(site.url("/")).code == "address_private"
        assert len(site.asked) == 1
        site.pages["/"] = (200, {}, b"<meta http-equiv=refresh content='0;url=file:///etc/passwd'>")
        assert failure(site.url("/")).code == "address_invalid"

    def test_pages_that_lead_on_without_end(self, site: web.Site) -> None:
        for n in range(20):
            tag = f"<meta http-equiv=refresh content='0;url=/{n + 1}'>"
            site.pages[f"/{n}"] = (200, {}, tag.encode())
        assert failure(site.url("/0")).code == "address_redirects"

    def test_the_search_for_it_costs_linear_time(self, site: web.Site) -> None:
        def fetch() -> None:
            with tempfile.TemporaryFile() as file:
                fetch_file(site.url("/"), file)

        for part in (b"<meta refresh", b"<meta content='0;url=", b"<noscript refresh>"):
            site.pages["/"] = (200, {}, part * 40_000)
            assert processor_time(fetch) < 1

    @pytest.mark.parametrize(
        ("typed", "url"),
        [
            ("www.exemple.fr/guide.pdf", "https://www.exemple.fr/guide.pdf"),
            ("exemple.fr", "https://exemple.fr"),
            ("exemple.fr:8080/a?b#c", "https://exemple.fr:8080/a?b"),
            ("http://exemple.fr/", "http://exemple.fr/"),
        ],
    )
    def test_an_address_may_lack_its_scheme(self, typed: str, url: str) -> None:
        assert checked_url(typed) == url

    @pytest.mark.parametrize("typed", ["rapport", "anne@exemple.fr", "ftp://x.fr/", "a..b", "12,5"])
    def test_not_all_is_an_address(self, typed: str) -> None:
        with pytest.raises(UserError):
            checked_url(typed)

    def test_http_is_tried_where_https_was_only_guessed(self, site: web.Site) -> None:
        site.pages["/a"] = (200, {}, b"Le guide.")
        address = site.url("/a").replace("http:", "https:")
        assert failure(address).code == "address_unreachable"
        with tempfile.TemporaryFile() as file:
            assert fetch_file(address, file, or_http=True).url == site.url("/a")

    def test_what_was_looked_at_is_what_is_connected_to(
        self, site: web.Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A name that means another machine the second time is not asked a second time."""
        answers = ["93.184.215.14", "127.0.0.1"]
        asked: list[str] = []
        connected: list[str] = []

        def resolve(host: str, port: int, **kwargs: Any) -> list[Any]:
            asked.append(host)
            address = answers[min(len(asked), len(answers)) - 1]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        def connect(self: Any, host: str, *args: Any, **kwargs: Any) -> Any:
            connected.append(host)
            raise httpcore.ConnectError

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
        assert failure(site.url("/", "rebond.example")).code == "address_unreachable"
        assert (asked, connected) == (["rebond.example"], ["93.184.215.14"])

    def test_one_private_address_among_others_is_enough_to_refuse(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
            for address in ("93.184.215.14", "10.0.0.1")
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
        assert failure("http://deux.example/").code == "address_private"

    def test_the_environments_proxy_is_not_used(
        self, site: web.Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{web.closed_port()}")
        site.pages["/a.pdf"] = (200, {}, b"%PDF")
        fetch_file(site.url("/a.pdf"), io.BytesIO())

    def test_a_name_that_nobody_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*args: Any, **kwargs: Any) -> Any:
            raise socket.gaierror

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        assert isinstance(failure("http://nulle.example/"), TransientError)

    def test_nobody_listens(self, site: web.Site) -> None:
        assert failure(f"http://localhost:{web.closed_port()}/").code == "address_unreachable"


class TestAnswer:
    @pytest.mark.parametrize(
        ("path", "headers", "name"),
        [
            ("/doc/Rapport%20n%C2%B01.pdf?v=2", {}, "Rapport n°1.pdf"),
            ("/get", {"Content-Disposition": 'attachment; filename="guide.pdf"'}, "guide.pdf"),
            (
                "/get",
                {"Content-Disposition": "attachment; filename*=UTF-8''%C3%A9t%C3%A9.pdf"},
                "été.pdf",
            ),
            ("/", {"Content-Disposition": "attachment; filename*=nonsense'"}, None),
            ("/", {}, "localhost"),
        ],
    )
    def test_has_a_name(
        self, site: web.Site, path: str, headers: dict[str, str], name: str | None
    ) -> None:
        site.pages[path] = (200, headers, b"%PDF")
        kept = io.BytesIO()
        found = fetch_file(site.url(path), kept)
        assert kept.getvalue() == b"%PDF"
        assert found.name == name if name else found.name

    def test_may_come_from_elsewhere_and_compressed(self, site: web.Site) -> None:
        site.pages["/"] = (301, {"Location": "/b.pdf"}, b"")
        site.pages["/b.pdf"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"%PDF"))
        kept = io.BytesIO()
        found = fetch_file(site.url("/"), kept)
        assert (found.name, found.url) == ("b.pdf", site.url("/b.pdf"))
        assert kept.getvalue() == b"%PDF"

    @pytest.mark.parametrize(
        ("status", "code", "may_pass"),
        [
            (401, "address_forbidden", False),
            (404, "address_missing", False),
            (418, "address_status", False),
            (204, "address_status", False),
            (429, "address_status", True),
            (503, "address_status", True),
        ],
    )
    def test_that_is_a_refusal(
        self, site: web.Site, status: int, code: str, may_pass: bool
    ) -> None:
        site.pages["/"] = (status, {"Retry-After": "7"}, b"")
        error = failure(site.url("/"))
        assert error.code == code
        assert isinstance(error, TransientError) == may_pass
        assert error.details.get("retry_after") == (7 if may_pass else None)

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            ({"Content-Length": "99999999"}, b""),
            ({}, bytes(1_100_000)),
            ({"Content-Encoding": "gzip"}, gzip.compress(bytes(50_000_000))),
        ],
        ids=["said", "sent", "blown up"],
    )
    def test_that_weighs_too_much(
        self, site: web.Site, settings: Settings, headers: dict[str, str], body: bytes
    ) -> None:
        settings.MAX_UPLOAD_MB = 1
        site.pages["/"] = (200, headers, body)
        kept = io.BytesIO()
        with pytest.raises(UserError, match="address_large"):
            fetch_file(site.url("/"), kept)
        assert len(kept.getvalue()) <= 1_048_576

    def test_that_is_empty(self, site: web.Site) -> None:
        site.pages["/"] = (200, {}, b"")
        assert failure(site.url("/")).code == "empty_file"

    def test_that_drips_ends_at_the_deadline(self, site: web.Site, settings: Settings) -> None:
        settings.FETCH_SECONDS = 0.4
        site.pages["/"] = (200, {}, 1_000)  # a hundred seconds
        begun = time.monotonic()
        assert failure(site.url("/")).code == "address_slow"
        assert time.monotonic() - begun < 10
