"""Measure the speed of pages against a bare view with one query: `python -m bench.pages [options]`.

Creates sheets of 8 KB with two versions each in a temporary database. The bare view (`bench.bare`)
and the wiki run side by side, with two gunicorn processes each; 16 clients request random pages of
one and of the other in turns. Prints requests a second, and the ratio to the bare view in the same
turn (median of the turns).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wikico2.launcher.services.postgres import PostgresServer

if TYPE_CHECKING:
    from sheets.schema.types import SheetTemplate

CLIENTS = 16
WORDS = (
    "récupération chaleur compresseur énergie atelier vapeur réseau procédé débit température "
    "échangeur pompe froid condensation rendement puissance mesure compteur maintenance coût gain "
    "installation site usine eau air fumées préchauffage stockage régulation besoin saison"
).split()


class Series(NamedTuple):
    """One kind of page: its paths, the ratio wanted, and the cookie of the client."""

    name: str
    paths: Sequence[str]
    least: float
    cookie: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sheets", type=int, default=2_000)
    parser.add_argument("--many", type=int, default=10_000, help="sheets in the last comparison")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    with database():
        run(options)
    return 0


@contextlib.contextmanager
def database() -> Iterator[None]:
    """Start a temporary database, and make Django use it."""
    with tempfile.TemporaryDirectory(prefix="wikico2-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        postgres = PostgresServer(folder / "postgres", fast=True)
        try:
            os.environ |= {
                "DJANGO_SETTINGS_MODULE": "wikico2.settings",
                "DATABASE_URL": postgres.start(),
                "WIKICO2_VAR": str(folder / "var"),
                "EMBEDDING_BACKEND": "local",
                "LLM_BACKEND": "local",
                "LOG_LEVEL": "ERROR",
            }
            import django
            from django.core.management import call_command
            from django.db import connection

            django.setup()
            call_command("migrate", verbosity=0)
            call_command("collectstatic", interactive=False, verbosity=0)
            yield
            connection.close()
        finally:
            postgres.stop()


def run(options: argparse.Namespace) -> None:
    """Create the sheets, serve both applications, measure and print."""
    begun = time.monotonic()
    slugs = fill(0, options.sheets)
    cookie = log_in()
    out(f"{len(slugs)} sheets of 8 KB made in {time.monotonic() - begun:.1f} s.")
    sheets = [f"/fiches/{slug}/" for slug in slugs]
    wanted = [
        Series("anonymous view", sheets, 0.50),
        Series("logged-in view", sheets, 0.30, cookie),
        Series("history", [f"{path}historique/" for path in sheets], 0.25),
        Series("difference", [f"{path}diff/1/2/" for path in sheets], 0.20),
        Series("API, anonymous", [f"/v1/sheets/{slug}" for slug in slugs], 0.40),
    ]
    with served("bench.bare") as bare, served("wikico2.wsgi") as wiki:
        out(f"{'page':34} {'requests/s':>10} {'bare':>8} {'share':>6} {'wanted':>6}")
        for series in wanted:
            compare(series, bare, wiki, options)
        more = fill(options.sheets, options.many)
        sheets += [f"/fiches/{slug}/" for slug in more]
        compare(Series(f"anonymous, {len(sheets)} sheets", sheets, 0.45), bare, wiki, options)


def compare(series: Series, bare: int, wiki: int, options: argparse.Namespace) -> None:
    """Request each page once, then measure in turns and print one line."""
    status = status_of(wiki, series.paths[0], series.cookie)
    if status != 200:
        out(f"{series.name:34} answers {status}")
        return
    warm(wiki, series)
    slugs = [re.findall(r"fiche-\d+", path)[0] for path in series.paths]
    bare_paths = [f"/fiches/{slug}/" for slug in slugs]
    rates: list[tuple[float, float]] = []
    for _turn in range(options.turns):
        slow = rate(bare, bare_paths, "", options.seconds)
        rates.append((slow, rate(wiki, series.paths, series.cookie, options.seconds)))
    base, ours = (statistics.median(column) for column in zip(*rates, strict=True))
    share = statistics.median(own / base for base, own in rates)
    out(f"{series.name:34} {ours:10.0f} {base:8.0f} {share:6.2f} {series.least:6.2f}")


# --- Data -----------------------------------------------------------------------------------------


def fill(start: int, stop: int) -> list[str]:
    """Create sheets number `start` to `stop`, two rendered versions each; return their slugs."""
    from django.db import connection

    from sheets.models import Revision, SearchedSheet, Sheet, SheetType
    from sheets.models.schema_loader import load_template
    from sheets.rendering.html import render_sheet
    from wikico2.models import User
    from wikico2.text.normalize import fold_text

    rng = random.Random(start)  # noqa: S311 (the same texts each time)
    kind = SheetType.objects.get(key="solution")
    template = load_template(kind)
    author, _made = User.objects.get_or_create(username="bench", is_superuser=True)
    bodies = []
    for _n in range(20):
        first = text(rng, template)
        second = first.replace(WORDS[0], WORDS[1], 5) + "\n\nUne phrase de plus."
        bodies.append(
            [(body, render_sheet(body, {}, template, {}).as_json()) for body in (first, second)]
        )
    slugs = [f"fiche-{n}" for n in range(start, stop)]
    sheets = Sheet.objects.bulk_create(
        [Sheet(sheet_type=kind, title=f"Fiche {slug}", slug=slug) for slug in slugs]
    )
    SearchedSheet.objects.bulk_create(
        [SearchedSheet(sheet=one, title=one.title, folded=fold_text(one.title)) for one in sheets]
    )
    before: list[Revision | None] = [None] * len(sheets)
    for number in (1, 2):
        rows = [
            Revision(
                sheet=sheet,
                number=number,
                parent=parent,
                body=bodies[n % 20][number - 1][0],
                rendered=bodies[n % 20][number - 1][1],
                origin="human",
                author=author,
                comment="Une version",
            )
            for n, (sheet, parent) in enumerate(zip(sheets, before, strict=True))
        ]
        before = list(Revision.objects.bulk_create(rows, batch_size=500))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE sheets_sheet s SET current_id = r.id, completeness = 60 FROM sheets_revision r"
            " WHERE r.sheet_id = s.id AND r.number = 2 AND s.current_id IS NULL"
        )
        cursor.execute("VACUUM ANALYZE")
    return slugs


def text(rng: random.Random, template: SheetTemplate) -> str:
    """Return about 8 KB of Markdown: sections, paragraphs, lists and a table."""
    parts: list[str] = []
    size = 0
    sections = template.written
    share = 8_000 // len(sections)
    for section in sections:
        part = [f"## {section.heading}"]
        while sum(map(len, part)) < share:
            words = " ".join(rng.choices(WORDS, k=30))
            part.append(f"{words.capitalize()}.")
            part.append("\n".join(f"- {' '.join(rng.choices(WORDS, k=8))}" for _ in range(3)))
        parts.append("\n\n".join(part))
        size += len(parts[-1])
    return "\n\n".join(parts)


def log_in() -> str:
    """Return the session cookie of a logged-in user."""
    from django.conf import settings
    from django.test import Client

    from wikico2.models import User

    client = Client()
    client.force_login(User.objects.get(username="bench"))
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


# --- Serving and requesting
# ---------------------------------------------------------------------------


@contextlib.contextmanager
def served(module: str) -> Iterator[int]:
    """Serve a module with two gunicorn processes; yield the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    arguments = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--worker-class", "gthread"]
    arguments += ["--threads", "4", "--log-level", "warning", "--preload", "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *arguments, f"{module}:application"]
    process = subprocess.Popen(command)
    try:
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


class PageClient:
    """One HTTP client with a keep-alive connection, reopened when the server closes it."""

    def __init__(self, port: int, cookie: str) -> None:
        self.port = port
        self.headers = "Host: localhost\r\nAccept-Language: fr\r\n"
        self.headers += f"Cookie: {cookie}\r\n\r\n" if cookie else "\r\n"
        self.connection: socket.socket | None = None

    def get(self, path: str) -> int:
        """Request a page and read all of it; return its status."""
        request = f"GET {path} HTTP/1.1\r\n{self.headers}".encode()
        for _try in range(3):
            with contextlib.suppress(OSError):
                if self.connection is None:
                    self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
                self.connection.sendall(request)
                if status := self.read(self.connection):
                    return status
            self.close()
        raise ConnectionError(path)

    def read(self, connection: socket.socket) -> int:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(262_144)
            if not piece:
                return 0
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lower = head.lower()
        start = lower.index(b"content-length:") + len(b"content-length:")
        length = int(lower[start:].split(b"\r\n", 1)[0])
        got = len(body)
        while got < length:
            got += len(connection.recv(262_144))
        if b"connection: close" in lower:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None


Job = Callable[[PageClient], None]


def status_of(port: int, path: str, cookie: str) -> int:
    page_client = PageClient(port, cookie)
    status = page_client.get(path)
    page_client.close()
    return status


def warm(port: int, series: Series) -> None:
    """Request every page once, to fill the caches."""

    def ask(number: int) -> Job:
        def work(page_client: PageClient) -> None:
            for path in series.paths[number::CLIENTS]:
                page_client.get(path)

        return work

    run_parallel([ask(n) for n in range(CLIENTS)], port, series.cookie)


def rate(port: int, paths: Sequence[str], cookie: str, seconds: float) -> float:
    """Return how many requests a second 16 clients complete."""
    counts = [0] * CLIENTS
    end = time.perf_counter() + seconds

    def ask(number: int) -> Job:
        def work(page_client: PageClient) -> None:
            rng = random.Random(number)  # noqa: S311
            while time.perf_counter() < end:
                page_client.get(rng.choice(paths))
                counts[number] += 1

        return work

    begun = time.perf_counter()
    run_parallel([ask(n) for n in range(CLIENTS)], port, cookie)
    return sum(counts) / (time.perf_counter() - begun)


def run_parallel(jobs: Sequence[Job], port: int, cookie: str) -> None:
    """Run the jobs in parallel, each with a client of its own."""

    def run_one(job: Job) -> None:
        page_client = PageClient(port, cookie)
        job(page_client)
        page_client.close()

    threads = [threading.Thread(target=run_one, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def out(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
