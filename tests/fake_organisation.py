"""An organisation's sign-in service for tests: an OpenID Connect provider that signs its tokens.

It lets everybody in at once, as the person that `claims` describe, and can be told to err.
"""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT, SECRET, KEY = "wikico2", "secret du client", "clé-1"


class FakeOrganisation:
    """A provider on a port of its own; `claims` are those of the person who signs in next."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"sub": "u-1"}
        self.userinfo: dict[str, Any] = {}
        self.token_changes: dict[str, Any] = {}
        self.refuses = self.is_forged = False
        self.granted: dict[str, dict[str, str]] = {}
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """End the service."""
        self.server.shutdown()
        self.server.server_close()

    def discovery(self) -> dict[str, Any]:
        """Return the description that clients ask for first."""
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token",
                 "userinfo_endpoint": "userinfo", "jwks_uri": "keys"}  # fmt: skip
        found = {name: f"{self.issuer}/{path}" for name, path in names.items()}
        return {"issuer": self.issuer, **found}

    def keys(self) -> dict[str, Any]:
        """Return the public keys."""
        public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [public | {"kid": KEY, "alg": "RS256", "use": "sig"}]}

    def authorize(self, asked: dict[str, str]) -> str:
        """Return the address that the person is led back to."""
        sent = {"state": asked["state"]}
        if self.refuses:
            return f"{asked['redirect_uri']}?{urlencode(sent | {'error': 'access_denied'})}"
        code = f"code-{len(self.granted)}"
        self.granted[code] = asked
        return f"{asked['redirect_uri']}?{urlencode(sent | {'code': code})}"

    def token(self, sent: dict[str, str]) -> dict[str, Any] | None:
        """Return the tokens of a code, once and only to the client that asked for it."""
        asked = self.granted.pop(sent.get("code", ""), None)
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != sent["redirect_uri"]
            or (sent["client_id"], sent["client_secret"]) != (CLIENT, SECRET)
        ):
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60}
        claims["nonce"] = asked["nonce"]
        key = self.key
        if self.is_forged:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        signed = jwt.encode(
            claims | self.claims | self.token_changes, key, "RS256", headers={"kid": KEY}
        )
        return {"access_token": "accès", "token_type": "Bearer", "id_token": signed}


def _handler(fake: FakeOrganisation) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = urlsplit(self.path).path, urlsplit(self.path).query
            if path == "/authorize":
                self.send_response(302)
                asked = {name: values[0] for name, values in parse_qs(query).items()}
                self.send_header("Location", fake.authorize(asked))
                self.end_headers()
                return
            answers = {
                "/.well-known/openid-configuration": fake.discovery,
                "/keys": fake.keys,
                "/userinfo": lambda: {"sub": fake.claims["sub"], **fake.userinfo},
            }
            self._answer(answers[path]() if path in answers else None)  # type: ignore[no-untyped-call]

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            sent = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(fake.token(sent))

        def _answer(self, value: dict[str, Any] | None) -> None:
            self.send_response(400 if value is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(value or {"error": "invalid_grant"}).encode())

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    return Handler
