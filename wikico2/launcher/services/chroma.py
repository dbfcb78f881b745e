"""An embedded Chroma server, on the loopback interface.

Chroma 1 has no authentication, so its answers are not trusted: hits are looked up in PostgreSQL,
and unknown ones are dropped.
"""

import http.client
import os
import sys
from pathlib import Path

from wikico2.launcher.services import Service, free_port
from wikico2.launcher.supervisor import Program

# What the `chroma` command does, without the two seconds and the memory that its imports take.
_COMMAND = "import sys; from chromadb_rust_bindings import cli; cli(sys.argv)"


class ChromaServer(Service):
    """Runs Chroma over `data_dir`; all of its files are there."""

    host = "127.0.0.1"

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port or free_port()

    def program(self) -> Program:
        """Return the server as a program to supervise."""
        self._make_folder()
        # The server reads every variable with this prefix as one of its settings.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("CHROMA_")}
        address = ["--host", self.host, "--port", str(self.port)]
        return Program(
            name="chroma",
            argv=[sys.executable, "-c", _COMMAND, "run", "--path", str(self.data_dir), *address],
            environment=inherited | {"ANONYMIZED_TELEMETRY": "False", "NO_COLOR": "1"},
            folder=self.data_dir,
            stage=1,
        )

    def _make_folder(self) -> None:
        """Create the folder readable by us alone, since it will hold text of documents."""
        if not self.data_dir.exists():
            self.data_dir.parent.mkdir(parents=True, exist_ok=True)
            self.data_dir.mkdir(mode=0o700)

    def is_ready(self) -> bool:
        """Tell whether the server answers."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=2)
        try:
            connection.request("GET", "/api/v2/heartbeat")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def start(self) -> str:
        """Start the server without a supervisor; return `host:port` once it answers."""
        self._make_folder()
        self.run_alone(self.data_dir / "server.log")
        return f"{self.host}:{self.port}"
