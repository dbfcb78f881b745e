"""Run the whole site over one `var` folder, in a process that does not load Django's apps.

`manage.py up` replaces itself by this module; `python -m wikico2.launcher.run` runs it directly.
"""

import contextlib
import errno
import http.client
import os
import socket
import sys
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv

from wikico2 import env
from wikico2.launcher.services import Service, publish_addresses, withdraw_addresses
from wikico2.launcher.services.chroma import ChromaServer
from wikico2.launcher.services.postgres import PostgresServer
from wikico2.launcher.supervisor import (
    RUN_VARIABLE,
    Child,
    Console,
    OperatorError,
    Program,
    StopRequestedError,
    Supervisor,
    only_run,
    stop_strays,
)

BASE = Path(__file__).resolve().parents[2]
ADMINISTRATOR = "admin"
START_SECONDS = 120.0
FIRST_START = "First start: about 1 minute (environ 1 minute)."
LATER_START = "About 15 seconds (environ 15 secondes)."
LAST_PORT = 65535
# Niceness of the worker: serving pages has priority over processing documents.
WORKER_NICE = 5


def password_file(var: Path) -> Path:
    """Return the path of the file with the first administrator's initial password."""
    return var / "admin-password.txt"


@dataclass(frozen=True)
class ListenAddress:
    """Host and port of the web server."""

    host: str
    port: int

    @property
    def bind(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def local(self) -> str:
        """The host name to use on this machine to reach the web server."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104

    @property
    def url(self) -> str:
        host = "localhost" if self.local in ("127.0.0.1", "::1") else self.local
        return f"http://{host}:{self.port}"

    def refuse_if_taken(self) -> None:
        """Raise OperatorError, with a message that names PORT, when the port cannot be bound."""
        if self.port > LAST_PORT:
            raise OperatorError(f"PORT is {self.port}, but ports end at {LAST_PORT}.")
        try:
            family, *_, sockaddr = socket.getaddrinfo(
                self.host or None, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(sockaddr)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise OperatorError(
                    f"Port {self.port} is already taken by another program. "
                    f"Choose another one: PORT={self.port % LAST_PORT + 1} make run"
                ) from None
            raise OperatorError(
                f"Cannot listen on {self.bind} ({error.strerror}): check WIKICO2_HOST and PORT."
            ) from None

    def answers(self) -> bool:
        """Tell whether the web server answers."""
        connection = http.client.HTTPConnection(self.local, self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class SiteRun:
    """One run of all programs over one `var` folder."""

    def __init__(
        self,
        address: ListenAddress,
        base: Path,
        var: Path,
        *,
        verbose: bool = False,
        demo: bool = True,
    ) -> None:
        self.address = address
        self.base = base
        self.var = var
        self.verbose = verbose
        self.demo = demo
        os.environ[RUN_VARIABLE] = str(self.var)
        self.environment = os.environ | {
            "PORT": str(address.port),
            "SITE_URL": env.text("SITE_URL", address.url),
            "PYTHONUNBUFFERED": "1",
            "ANONYMIZED_TELEMETRY": "False",
        }

    def start(self) -> None:
        """Serve until a signal comes; raises OperatorError when something cannot start."""
        holder = f"process {os.getpid()}, {self.address.url}"
        with only_run(self.var / "run" / "up.lock", holder):
            stop_strays(self.var)
            self.address.refuse_if_taken()
            console = Console(self.var / "log", verbose=self.verbose, chatty=frozenset({"demo"}))
            with contextlib.suppress(StopRequestedError), Supervisor(console) as supervisor:
                try:
                    self._serve(supervisor)
                finally:
                    withdraw_addresses(self.var)
                    console.say("Stopping WikiCO2…")
            console.say("WikiCO2 has stopped.")

    def _serve(self, supervisor: Supervisor) -> None:
        first_run = not password_file(self.var).exists()
        supervisor.console.say(f"Starting WikiCO2… {FIRST_START if first_run else LATER_START}")
        self._start_services(supervisor)
        if supervisor.run(self._manage("prepare")):
            evidence = supervisor.console.evidence("prepare")
            raise OperatorError(f"The database could not be prepared. {evidence}")
        web = supervisor.start(self._web())
        supervisor.wait_until(self.address.answers, web, seconds=START_SECONDS)
        supervisor.start(self._manage("qcluster", name="worker", nice=WORKER_NICE))
        self._welcome(supervisor.console, first_run=first_run)
        if self.demo:
            supervisor.start(self._manage("load_demo", name="demo"), once=True)
        supervisor.watch()

    def _start_services(self, supervisor: Supervisor) -> None:
        """Start the services without a configured address; put theirs into the environment."""
        waiting: list[tuple[Service, Child]] = []
        given: dict[str, str] = {}
        if not env.text("CHROMA_HOST"):
            chroma = ChromaServer(self.var / "chroma")
            waiting.append((chroma, supervisor.start(chroma.program())))
            given |= {"CHROMA_HOST": chroma.host, "CHROMA_PORT": str(chroma.port)}
            given |= {"CHROMA_TOKEN": "", "CHROMA_SSL": "false"}
        if not env.text("DATABASE_URL"):
            postgres = PostgresServer(self.var / "postgres", say=supervisor.console.say)
            waiting.append((postgres, supervisor.start(postgres.program())))
            given |= {"DATABASE_URL": postgres.url}
        for service, child in waiting:
            supervisor.wait_until(service.is_ready, child, seconds=START_SECONDS)
        self.environment |= given
        publish_addresses(self.var, {**given, "SITE_URL": self.environment["SITE_URL"]})

    def _welcome(self, console: Console, *, first_run: bool) -> None:
        file = password_file(self.var)
        lines = [f"WikiCO2 is ready: {self.address.url}", f"administrator:    {ADMINISTRATOR}"]
        if first_run and file.exists():
            lines.append(f"password:         {file.read_text().strip()}   (kept in {file})")
        elif file.exists():
            lines.append(f"first password:   in {file}")
        lines += [f"logs:             {console.folder}", "to stop:          Ctrl-C"]
        rule = "─" * max(map(len, lines))
        console.say("\n".join(["", rule, *lines, rule, ""]))

    def _manage(self, command: str, *, name: str = "", nice: int = 0) -> Program:
        prefix = ["nice", "-n", str(nice)] if nice else []
        return Program(
            name=name or command,
            argv=[*prefix, sys.executable, str(self.base / "manage.py"), command],
            environment=self.environment,
            folder=self.base,
        )

    def _web(self) -> Program:
        options = {
            "--bind": self.address.bind,
            "--workers": str(env.integer("WEB_WORKERS", 2, least=1)),
            "--worker-class": "gthread",
            "--threads": str(env.integer("WEB_THREADS", 4, least=1)),
            "--timeout": "120",
            "--graceful-timeout": "3",
            "--log-level": "warning",
        }
        flags = ["--preload", "--no-control-socket"]
        arguments = [part for option in options.items() for part in option]
        return Program(
            name="web",
            argv=[sys.executable, "-m", "gunicorn", *arguments, *flags, "wikico2.wsgi"],
            environment=self.environment,
            folder=self.base,
        )


def add_arguments(parser: ArgumentParser) -> None:
    """Define the command-line options; defaults come from the environment."""
    parser.add_argument("--host", default=env.text("WIKICO2_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=env.integer("PORT", 8000, least=1))
    parser.add_argument(
        "--no-demo", action="store_true", help="do not load the demonstration documents"
    )
    parser.add_argument("--verbose", action="store_true", help="show every line of every program")


def main(arguments: list[str]) -> int:
    """Run until a signal comes; return the exit status."""
    load_dotenv(BASE / ".env")
    try:
        env.refuse_unknown(BASE / ".env")
        parser = ArgumentParser(prog="manage.py up")
        add_arguments(parser)
        given = parser.parse_args(arguments)
        var = Path(env.text("WIKICO2_VAR", str(BASE / "var"))).resolve()
        address = ListenAddress(given.host, given.port)
        SiteRun(address, BASE, var, verbose=given.verbose, demo=not given.no_demo).start()
    except (OperatorError, ImproperlyConfigured) as error:
        sentence = str(error)
    except PermissionError as error:
        sentence = f"No permission for {error.filename}: start as the user who owns it."
    else:
        return 0
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
