"""A fake model service: its protocol, its faults and delays, and deterministic answers.

Vectors are close when texts share meaningful words, so that a wrong ranking makes a test fail.
Chat answers are made from the passages in the prompt, or scripted by the test.
"""

import argparse
import base64
import functools
import hashlib
import io
import json
import math
import random
import re
import threading
import time
import unicodedata
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import numpy as np
from PIL import Image

DIMENSIONS = 128
EMBEDDING_MODEL = "fake-embeddings"
CHAT_MODEL = "fake-chat"
VISION_MODEL = "fake-vision"
IMAGE_TOKENS = 1000

_STOP_WORDS = frozenset(
    "alors ainsi aussi autre avec avoir ceci cela cette comme comment dans depuis donc elle elles "
    "entre etre font leur leurs lors mais même moins nous pour plus peut quel quelle quelles quels "
    "sans selon sera sont sous tout tous toute toutes très vers votre vous what which with".split()
)


def stems(text: str) -> list[str]:
    """Return the stems of meaningful words: no accents, six letters at most, no stop words."""
    plain = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    words = re.findall(r"[a-z]{4,}|\d+", plain)
    return [word[:6] for word in words if word not in _STOP_WORDS]


def vector_of(text: str) -> list[float]:
    """Return the unit vector of a text: stem counts, hashed into `DIMENSIONS` components."""
    values = np.zeros(DIMENSIONS)
    values[0] = 0.01
    for stem, times in Counter(stems(text)).items():
        values[component_of(stem)] += times
    values = np.sqrt(values)
    return list(map(float, values / np.linalg.norm(values)))


@functools.lru_cache(maxsize=100_000)
def component_of(stem: str) -> int:
    digest = hashlib.blake2b(stem.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % DIMENSIONS


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request."""

    kind: str  # status, reset, hang, short, nan, ragged, long, garbage
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "something went wrong"
    seconds: float = 0.0


@dataclass(frozen=True)
class Request:
    path: str
    body: Any
    at: float


class FakeAI:
    """The HTTP server and its scripted behaviour; call `reset` between tests."""

    def __init__(self, port: int = 0) -> None:
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"service": self})
        self.server = _Server(("127.0.0.1", port), handler)
        self.reset()

    def start(self) -> "FakeAI":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def reset(self) -> None:
        """Forget all requests, faults and scripts."""
        with self.lock:
            self.requests: list[Request] = []
            self.faults: deque[Fault | None] = deque()
            self.latency = 0.0
            self.latency_per_text = 0.0
            self.models = [CHAT_MODEL, EMBEDDING_MODEL, VISION_MODEL]
            self.answers: deque[str] = deque()
            self.answer: Callable[[Any], str] = answer_from_passages
            self.sees: Callable[[bytes, str], str] = describe_image
            self.refused_formats: set[str] = set()
            self.refused_roles: set[str] = set()
            self.sends_numbers = False  # numbers even if base64 is requested
            self.no_choices = False
            self.chat_faults: deque[Fault] = deque()
            self.chat_seconds: list[float] = []
            self.chats_now = self.most_chats_at_once = 0
            self.first_token = 0.0
            self.tokens_per_second = 0.0
            self.down = False
            self.down_after: int | None = None
            self.dimensions = DIMENSIONS
            self.granted = 0  # requests in any minute; 0 for no limit
            self.too_many = 0
            self.mix: list[tuple[float, Fault]] = []
            self.rng = random.Random(5)
            self.most_bytes = 2_000_000

    def fail(self, *faults: Fault) -> None:
        """Make the next requests fail with these faults, one after another."""
        self.faults.extend(faults)

    def busy(self, times: int = 1, retry_after: str = "0") -> None:
        """Answer the next requests with 429."""
        headers = {"Retry-After": retry_after}
        self.fail(*[Fault("status", 429, headers, "rate limit")] * times)

    def deal(self, mix: list[tuple[float, Fault]], requests: int, rng: random.Random) -> None:
        """Spread these shares of faults over the next `requests` requests, in random order."""
        faults = [fault for share, fault in mix for _ in range(round(share * requests))]
        no_faults: list[Fault | None] = [None] * (requests - len(faults))
        self.faults.extend(rng.sample([*faults, *no_faults], requests))

    def random_fault(self) -> Fault | None:
        """Return a random fault, or None, by the shares of `mix`."""
        draw = self.rng.random()
        for share, fault in self.mix:
            draw -= share
            if draw < 0:
                return fault
        return None

    def is_too_fast(self) -> bool:
        """Tell whether there were more than `granted` requests in the last minute."""
        since = time.monotonic() - 60.0
        recent = 0
        for request in reversed(self.requests):
            if request.at < since or recent > self.granted:
                break
            recent += 1
        return 0 < self.granted < recent

    @property
    def pictures(self) -> list[bytes]:
        """Return all images sent to the model, in order."""
        return [
            p
            for r in self.requests
            if r.path.endswith("chat/completions")
            for p in pictures(r.body)
        ]

    @property
    def texts(self) -> list[str]:
        """Return all texts of embedding requests, failed ones included, in order."""
        return [t for r in self.requests if r.path == "/v1/embeddings" for t in r.body["input"]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of clients that were killed during a request."""


class _Handler(BaseHTTPRequestHandler):
    service: ClassVar[FakeAI]
    protocol_version = "HTTP/1.1"
    # Send each response in one piece and at once, as real servers do.
    disable_nagle_algorithm = True
    wbufsize = -1
    due = 0.0

    def do_GET(self) -> None:
        self._serve(None)

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        if length > self.service.most_bytes:
            self.rfile.read(length)
            self._error(413, "body too large")
            return
        self._serve(json.loads(self.rfile.read(length)))

    def _serve(self, body: Any) -> None:
        service = self.service
        if self.path == "/stats":  # asked by tests, not by the program: no faults, no latency
            self.due = time.monotonic()
            self._json(_stats(service))
            return
        texts = body.get("input", []) if body else []
        self.due = time.monotonic() + service.latency + service.latency_per_text * len(texts)
        with service.lock:
            service.requests.append(Request(self.path, body, time.monotonic()))
            chat_faults = service.chat_faults if self.path.endswith("/chat/completions") else None
            faults: deque[Any] = chat_faults or service.faults
            fault = faults.popleft() if faults else service.random_fault()
            count = len(service.requests)
            if service.is_too_fast():
                service.too_many += 1
                fault = Fault("status", 429, {"Retry-After": "1"}, "rate limit")
        if service.down or (service.down_after is not None and count > service.down_after):
            fault = Fault("reset")
        if fault is None or fault.kind in ("short", "nan", "ragged", "long"):
            self._answer(body, fault)
        elif fault.kind == "status":
            self._error(fault.status, fault.message, fault.headers)
        elif fault.kind == "garbage":
            self._send(200, b"<html>Bad gateway</html>", {"Content-Type": "text/html"})
        else:
            time.sleep(fault.seconds)
            self._wait()
            self.close_connection = True
            self.connection.close()

    def _answer(self, body: Any, fault: Fault | None) -> None:
        model = body.get("model") if body else None
        if model is not None and model not in self.service.models:
            self._error(404, f"The model `{model}` does not exist.")
        elif self.path == "/v1/embeddings":
            form = body.get("encoding_format", "float")
            if form in self.service.refused_formats:
                self._error(400, f"encoding_format {form} is not supported")
                return
            as_bytes = form == "base64" and not self.service.sends_numbers
            rows = _embeddings(body, fault, DIMENSIONS if as_bytes else self.service.dimensions)
            if as_bytes:
                for row in rows:
                    floats = np.array(row["embedding"], dtype="<f4")
                    padding = bytes(4 * max(0, self.service.dimensions - DIMENSIONS))
                    row["embedding"] = base64.b64encode(floats.tobytes() + padding).decode()
            self._json({"object": "list", "model": model, "data": rows})
        elif self.path == "/v1/chat/completions":
            self._chat(body)
        elif self.path == "/v1/models":
            rows = [{"id": name, "object": "model"} for name in self.service.models]
            self._json({"object": "list", "data": rows})
        else:
            self._error(404, "no such address")

    def _chat(self, body: Any) -> None:
        """Answer after the time to the first token and the time of the other tokens."""
        if {m["role"] for m in body["messages"]} & self.service.refused_roles:
            self._error(400, "System role not supported")
            return
        response_format = (body.get("response_format") or {}).get("type", "")
        if response_format in self.service.refused_formats:
            self._error(400, f"response_format {response_format} is not supported")
            return
        with self.service.lock:
            scripted = self.service.answers.popleft() if self.service.answers else None
        if scripted is None:
            shown = pictures(body)
            text = (
                self.service.sees(shown[0], prompt_of(body)) if shown else self.service.answer(body)
            )
        else:
            text = scripted
        limit = body.get("max_tokens") or 10_000
        words = text.split(" ")
        reason = "stop" if len(words) <= limit else "length"
        message = {"role": "assistant", "content": " ".join(words[:limit])}
        prompt = len(prompt_of(body).split()) + IMAGE_TOKENS * len(pictures(body))
        usage = {"prompt_tokens": prompt, "completion_tokens": min(len(words), limit)}
        begun = time.monotonic()
        with self.service.lock:
            self.service.chats_now += 1
            most = max(self.service.most_chats_at_once, self.service.chats_now)
            self.service.most_chats_at_once = most
        time.sleep(self.service.first_token)
        if self.service.tokens_per_second:
            # A French word is about a token and a half.
            time.sleep(1.5 * usage["completion_tokens"] / self.service.tokens_per_second)
        with self.service.lock:
            self.service.chats_now -= 1
            self.service.chat_seconds.append(time.monotonic() - begun)
        choices = [{"index": 0, "message": message, "finish_reason": reason}]
        self._json(
            {
                "id": "chat-1",
                "object": "chat.completion",
                "created": 0,
                "model": body["model"],
                "choices": [] if self.service.no_choices else choices,
                "usage": usage | {"total_tokens": sum(usage.values())},
            }
        )

    def _json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self._send(status, content, {"Content-Type": "application/json", **(headers or {})})

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        self._json({"error": {"message": message, "type": "error"}}, status, headers)

    def _wait(self) -> None:
        """Wait for the rest of the latency; the time spent on the answer counts."""
        time.sleep(max(0.0, self.due - time.monotonic()))

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self._wait()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _stats(service: FakeAI) -> dict[str, int]:
    """Return counters of the embedding requests so far."""
    texts = service.texts
    embeddings = [r for r in service.requests if r.path == "/v1/embeddings"]
    counts = {"requests": len(embeddings), "texts": len(texts), "different_texts": len(set(texts))}
    return counts | {"too_many": service.too_many}


def _embeddings(body: Any, fault: Fault | None, dimensions: int) -> list[dict[str, Any]]:
    padding = [0.0] * (dimensions - DIMENSIONS)
    rows: list[dict[str, Any]] = [
        {"object": "embedding", "index": i, "embedding": vector_of(text) + padding}
        for i, text in enumerate(body["input"])
    ]
    rows.reverse()  # clients must order the rows by their index
    if fault is None:
        return rows
    if fault.kind == "short":
        return rows[1:]
    if fault.kind == "nan":
        rows[0]["embedding"][3] = math.nan
    if fault.kind == "ragged":
        rows[0]["embedding"].append(0.5)
    if fault.kind == "long":
        for row in rows:
            row["embedding"].append(0.5)
    return rows


def prompt_of(body: Any) -> str:
    """Return the text of all messages, without images."""
    words = []
    for message in body["messages"]:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        words += [part["text"] for part in parts if part["type"] == "text"]
    return "\n".join(words)


def pictures(body: Any) -> list[bytes]:
    """Return the images of all messages; raises for an invalid `data:` URL."""
    found = []
    for message in body["messages"]:
        if not isinstance(message["content"], str):
            for part in message["content"]:
                if part["type"] == "image_url":
                    head, data = part["image_url"]["url"].split(",", 1)
                    assert head.startswith("data:image/"), head
                    assert head.endswith(";base64"), head
                    found.append(base64.b64decode(data, validate=True))
    return found


def describe_image(data: bytes, prompt: str) -> str:
    """Return a description of an image: its size and its most frequent colour."""
    with Image.open(io.BytesIO(data)) as image:
        most = max(image.convert("RGB").getcolors(image.width * image.height) or [(0, (0, 0, 0))])
        return f"Une image de {image.width} sur {image.height}, surtout {most[1]}."


_NUMBERED = re.compile(r"^#(\d+) (.+)$", re.MULTILINE)
_PASSAGE = re.compile(r"^\[(S\d+)\]\n[^\n]*\n(.*?)\n\[/\1\]$", re.MULTILINE | re.DOTALL)


_ASKED = re.compile(r"^- (\w+) \(.*\) : .*\[(.*)\]$", re.MULTILINE)


def asked_fields(body: Any) -> dict[str, bool]:
    """Return {field: is it a table?} of the fields in the schema, or else in the prompt."""
    form = body.get("response_format") or {}
    fields = form.get("json_schema", {}).get("schema", {}).get("properties", {})
    if fields:
        return {key: "'cells'" in str(f["items"]) for key, f in fields.items()}
    prompt = prompt_of(body)
    return {key: shape.startswith("un tableau") for key, shape in _ASKED.findall(prompt)}


def answer_from_passages(body: Any) -> str:
    """Return an answer in which each field quotes one passage, by its number where it has one."""
    prompt = prompt_of(body)
    passages = _PASSAGE.findall(prompt)
    fields = asked_fields(body)
    if not passages:
        return json.dumps({key: [] for key in fields})
    answer: dict[str, Any] = {}
    if numbers := [int(number) for number, _text in _NUMBERED.findall(prompt)]:
        at = {key: numbers[n % len(numbers)] for n, key in enumerate(fields)}
        return json.dumps({key: [number] for key, number in at.items()})
    for number, (key, is_table) in enumerate(fields.items()):
        label, text = passages[number % len(passages)]
        sentence = re.split(r"(?<=[.!?])\s", " ".join(text.split()))[0]
        item = {"cells": [sentence]} if is_table else {"text": sentence}
        answer[key] = [item | {"sources": [label]}]
    return json.dumps(answer, ensure_ascii=False)


def answer_generously(body: Any) -> str:
    """Return an answer that quotes all sentences and table rows of the passages.

    Each goes to the field whose description shares most words with it, up to 300 a field.
    """
    prompt = prompt_of(body)
    numbered = [(int(number), text) for number, text in _NUMBERED.findall(prompt)]
    pieces: list[tuple[Any, str]] = numbered or [
        (label, piece.strip())
        for label, text in _PASSAGE.findall(prompt)
        for line in text.split("\n")
        for piece in ([line] if line.startswith("|") else re.split(r"(?<=[.!?])\s", line))
        if len(piece) > 20 and not set(piece) <= set("|- ")
    ]
    described = {
        m[1]: set(stems(m[0])) for m in re.finditer(r"^- (\w+) \(.*$", prompt, re.MULTILINE)
    }
    fields = asked_fields(body)
    answer: dict[str, list[Any]] = {key: [] for key in fields}
    for label, piece in pieces:
        words = set(stems(piece))
        key = max(
            fields, key=lambda k: (len(answer[k]) < 300, len(described.get(k, set()) & words))
        )
        item = {"cells": [piece]} if fields[key] else {"text": piece}
        answer[key].append(label if numbered else item | {"sources": [label]})
    return json.dumps(answer, ensure_ascii=False)


MIX = [
    (0.20, Fault("status", 429, {"Retry-After": "1"}, "rate limit")),
    (0.05, Fault("status", 500)),
    (0.02, Fault("reset")),
    (0.01, Fault("hang", seconds=20.0)),
    (0.01, Fault("long")),
]


def main() -> None:
    """Serve until killed, as a process of its own: `python -m tests.fake_ai --port 9000`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.150)
    parser.add_argument("--per-text", type=float, default=0.002)
    parser.add_argument("--granted", type=int, default=400)
    parser.add_argument("--dimensions", type=int, default=DIMENSIONS)
    parser.add_argument("--faults", action="store_true")
    options = parser.parse_args()
    service = FakeAI(options.port)
    service.latency, service.latency_per_text = options.latency, options.per_text
    service.granted, service.dimensions = options.granted, options.dimensions
    service.mix = MIX if options.faults else []
    service.server.serve_forever(0.05)


if __name__ == "__main__":
    main()
