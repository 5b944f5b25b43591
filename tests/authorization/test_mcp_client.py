"""The official MCP client signs in at the gateway itself."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import mcp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

from tests.auth.test_oidc_provider import Kept
from tests.authorization.conftest import REDIRECT, Ada, Served, Serves
from tests.conftest import BESIDE, LOOPBACK

pytestmark = pytest.mark.anyio


def signing_in(url: str, ada: Ada, kept: Kept, document: str | None = None, path: str = "/mcp") -> OAuthClientProvider:
    async def code() -> AuthorizationCodeResult:
        back = ada.came_back
        return AuthorizationCodeResult(code=back["code"], state=back["state"], iss=back["iss"])

    about = OAuthClientMetadata(
        client_name="A test",
        redirect_uris=[REDIRECT],  # type: ignore[list-item]
        grant_types=["authorization_code", "refresh_token"],
    )
    return OAuthClientProvider(url + path, about, kept, ada.open, code, client_metadata_url=document)


async def test_a_client_that_nobody_told_of_signs_a_person_in_and_calls_for_her(served: Served) -> None:
    """401, resource metadata, server metadata, registration, sign-in, consent, code with PKCE, token, call."""
    ada, kept = served.person(), Kept()
    async with (
        httpx2.AsyncClient(auth=signing_in(served.url, ada, kept)) as http,
        mcp.Client(streamable_http_client(f"{served.url}/mcp", http_client=http), mode="auto") as client,
    ):
        # It asked for nothing, so that what reads was offered ticked, and what writes was not.
        assert [tool.name for tool in (await client.list_tools()).tools] == ["lamps_list_lamps", *BESIDE]
        assert not (await client.call_tool("lamps_list_lamps", {})).is_error
    line = next(line for line in await served.lines() if line["tool"] == "lamps_list_lamps")
    assert kept.client is not None
    assert (line["subject"], line["client"], line["phase"]) == ("ada", kept.client.client_id, "done")


async def test_a_client_refreshes_and_asks_for_more_when_it_is_told_to(served: Served) -> None:
    """Its token ends while it goes on, and later a tool needs a scope that was not given: the person is asked again."""
    ada, kept = served.person(), Kept()
    provider = signing_in(served.url, ada, kept)
    async with (
        httpx2.AsyncClient(auth=provider) as http,
        mcp.Client(streamable_http_client(f"{served.url}/mcp", http_client=http), mode="auto") as client,
    ):
        await client.list_tools()
        first, provider.context.token_expiry_time = kept.tokens, 1.0
        assert first is not None
        await client.call_tool("lamps_list_lamps", {})
        second = kept.tokens
        assert second is not None
        assert (first.scope, second.scope, len(ada.seen)) == ("factotum:audit.read lamps:read",) * 2 + (2,)
        assert second.refresh_token != first.refresh_token
        assert second.access_token != first.access_token
        assert not (await client.call_tool("lamps_add_lamp", {})).is_error
        assert kept.tokens is not None
        assert (kept.tokens.scope, len(ada.seen)) == ("factotum:audit.read lamps:read lamps:write", 3)


class Published:
    """Documents by path: status and body."""

    def __init__(self) -> None:
        self.url = ""
        self.documents: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []

    def put(self, path: str = "/client.json", status: str = "200 OK", **told: Any) -> str:
        about = {"client_id": self.url + path, "client_name": "Lamplighter", "redirect_uris": [REDIRECT], **told}
        self.documents[path] = (status, json.dumps(about).encode())
        return self.url + path

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.asked.append(path)
            status, body = self.documents.get(path, ("404 Not Found", b""))
            more = f"location: {self.url}/client.json\r\n" if status.startswith("3") else ""
            writer.write(
                f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{more}connection: close\r\n\r\n".encode() + body
            )
            await writer.drain()
        writer.close()


@pytest.fixture
async def published(anyio_backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Published]:
    """A server over TLS at which clients publish what they are, and which the gateway trusts as it would any."""
    certificate, key = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    one = Published()
    server = await asyncio.start_server(one.answer, "127.0.0.1", 0, ssl=tls)
    one.url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    yield one
    server.close()
    await server.wait_closed()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(built.sign(key, SHA256()).public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, secret


async def test_a_client_whose_id_is_a_document_needs_no_registration(published: Published, serves: Serves) -> None:
    document = published.put()
    async with serves(allow_addresses=LOOPBACK) as served:
        await served.add_user()
        ada, kept = served.person(), Kept()
        async with (
            httpx2.AsyncClient(auth=signing_in(served.url, ada, kept, document)) as http,
            mcp.Client(streamable_http_client(f"{served.url}/mcp", http_client=http), mode="auto") as client,
        ):
            assert not (await client.call_tool("lamps_list_lamps", {})).is_error
        assert "May Lamplighter act for you?" in ada.seen[-1]
        assert document in ada.seen[-1]
        assert published.asked == ["/client.json"]
        line = next(line for line in await served.lines() if line["tool"] == "lamps_list_lamps")
        assert line["client"] == document
        assert not any(line["tool"] == "clients.register" for line in await served.lines())


async def test_a_client_document_elsewhere_than_its_id_or_with_other_addresses_is_refused(
    published: Published, serves: Serves
) -> None:
    good = published.put()
    bad = [
        published.put("/another.json", client_id=good),
        published.put("/moved.json", "302 Found"),
        published.put("/gone.json", "404 Not Found"),
        published.put("/large.json", client_name="x" * 100_000),
        published.put("/secret.json", token_endpoint_auth_method="client_secret_basic"),
        published.put("/script.json", redirect_uris=["javascript:alert(1)"]),
        published.put("/none.json", redirect_uris=[]),
        f"{published.url}/",
        published.url,
        f"{good}#fragment",
        f"{published.url}/../client.json",
        good.replace("https://", "https://ada@"),
    ]
    async with serves(allow_addresses=LOOPBACK) as served:
        await served.add_user()
        ada = served.person()
        await ada.sign_in()
        for document in bad:
            answer = await ada.http.get(served.authorize(document))
            assert (answer.status_code, "cannot sign you in" in answer.text) == (400, True), document
        answer = await ada.http.get(served.authorize(good, redirect_uri="https://evil.example/"))
        assert answer.status_code == 400
        assert (await ada.http.get(served.authorize(good))).status_code == 200


async def test_a_client_document_is_never_read_from_inside(published: Published, serves: Serves) -> None:
    """Nor is anything asked before somebody has signed in."""
    document = published.put()
    async with serves() as served:
        await served.add_user()
        ada = served.person()
        await ada.http.get(served.authorize(document))
        await served.redeem(document, "code")
        await ada.sign_in()
        for inside in (
            document,
            "https://127.0.0.1/c",
            "https://[::1]/c",
            "https://169.254.169.254/latest",
            "https://10.1/c",
        ):
            answer = await ada.http.get(served.authorize(inside))
            assert (answer.status_code, "cannot be read" in answer.text) == (400, True)
        assert published.asked == []
