"""Access tokens of an authorisation server, through the front door: what is good, and every way in which one is not.

The issuer here is a real HTTP server with keys of the test's own, because nobody else would sign what is wrong.
`test_oidc_provider.py` has one that we did not write.
"""

import asyncio
import hmac
import json
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from gateway.core.issuer import ClaimNames, Introspection, Issuer
from gateway.core.policy_context import agent
from gateway.core.principal import Principal
from gateway.serve import bind, serving_app, url_of
from gateway.settings import AuthSettings, HttpSettings, MemoryStore
from tests.conftest import Door

pytestmark = pytest.mark.anyio

PUBLIC = "http://127.0.0.1"
LAMPS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Lamps", "version": "1"},
    "paths": {"/lamps": {"get": {"operationId": "listLamps", "responses": {"200": {"description": "ok"}}}}},
}


@dataclass
class Server:
    """An authorisation server: its metadata, its keys, its opinion of tokens. `asked` are the paths it was asked for."""

    url: str = ""
    keys: list[Key] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    opinions: dict[str, dict[str, Any]] = field(default_factory=dict)
    credentials: list[str] = field(default_factory=list)
    body: bytes | None = None
    status: int = 200

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        form = (await receive())["body"].decode()
        self.asked.append(scope["path"])
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        told: Any = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **self.metadata}
        if scope["path"] == "/jwks":
            told = {"keys": [key.as_dict(private=False) for key in self.keys]}
        if scope["path"] == "/introspect":
            self.credentials.append(headers.get("authorization", ""))
            told = self.opinions.get(dict(pair.split("=") for pair in form.split("&"))["token"], {"active": False})
        body = json.dumps(told).encode() if self.body is None else self.body
        known = scope["path"] in ("/jwks", "/introspect", "/.well-known/oauth-authorization-server")
        await send({"type": "http.response.start", "status": self.status if known else 404, "headers": []})
        await send({"type": "http.response.body", "body": body})

    def token(self, key: Key | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A good token for ada by client agent, but for what is said otherwise; None takes a claim away."""
        signing = key or self.keys[0]
        now = int(time.time())
        told = {
            "iss": self.url,
            "sub": "ada",
            "client_id": "agent",
            "aud": PUBLIC,
            "iat": now,
            "exp": now + 300,
            "jti": "1",
            "scope": "lamps:read",
        }
        told = {name: value for name, value in {**told, **claims}.items() if value is not None}
        head = {"alg": "RS256", "typ": "at+jwt", "kid": signing.kid, **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return jws.serialize_compact(head, json.dumps(told).encode(), signing, algorithms=[head["alg"]])


RSA_KEY = RSAKey.generate_key(2048, {"kid": "first"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "other"})


@pytest.fixture
async def server(anyio_backend: str) -> AsyncIterator[Server]:
    one = Server(keys=[RSA_KEY])
    with bind("127.0.0.1", 0) as listening:
        one.url = url_of(listening)
        async with serving_app(one, listening):
            yield one


@dataclass(frozen=True)
class Trusting:
    """A gateway that trusts an issuer, with one backend behind it."""

    door: Door
    server: Server

    async def ask(self, *authorization: str, **headers: str) -> Any:
        sent = [*(("authorization", value) for value in authorization), *headers.items()]
        return await self.door.client.get("/v1/tools", headers=sent)

    async def is_let_in(self, token: str) -> bool:
        answer = await self.ask(f"Bearer {token}")
        assert answer.status_code in (200, 401), answer.text
        return bool(answer.status_code == 200)


@pytest.fixture
def trusts(opens: Callable[..., Any], server: Server, backend: Any) -> Callable[..., Any]:
    @asynccontextmanager
    async def trusting(secrets: dict[str, str] | None = None, **said: Any) -> AsyncIterator[Trusting]:
        auth = AuthSettings(issuers=(Issuer(server.url, **said),), scopes=("lamps:read",))
        async with opens(secrets, auth=auth, http=HttpSettings(public_url=PUBLIC), store=MemoryStore()) as door:
            await door.add("lamps", LAMPS, backend.url)
            yield Trusting(door, server)

    return trusting


@pytest.fixture
async def gateway(trusts: Callable[..., Any]) -> AsyncIterator[Trusting]:
    async with trusts() as one:
        yield one


async def test_a_good_token_calls_a_tool_as_the_person_it_is_for(gateway: Trusting) -> None:
    token = gateway.server.token(act={"sub": "agent-7", "act": {"sub": "agent-1"}})
    assert (await gateway.door.post("/v1/tools/lamps_list_lamps:call", token)).status_code == 200
    audit = await gateway.door.get("/v1/audit", await gateway.door.key("factotum:audit.read"))
    called = next(line for line in audit.json()["lines"] if line["tool"] == "lamps_list_lamps")
    assert (called["subject"], called["client"]) == ("ada", "agent")


async def test_without_a_token_a_client_learns_where_to_get_one(gateway: Trusting) -> None:
    for path, door in (("/v1/tools", "/v1"), ("/mcp", "/mcp"), ("/a2a", "/a2a")):
        answer = await gateway.door.client.post(path) if door != "/v1" else await gateway.door.client.get(path)
        assert answer.status_code == 401
        told = answer.headers["www-authenticate"]
        at = f"{PUBLIC}/.well-known/oauth-protected-resource{door}"
        assert told == f'Bearer scope="lamps:read", resource_metadata="{at}"'
        metadata = await gateway.door.client.get(at)
        assert metadata.json()["authorization_servers"] == [gateway.server.url]
        assert metadata.json()["resource"] == PUBLIC + door
        assert metadata.headers["access-control-allow-origin"] == "*"


async def test_a_missing_scope_is_named_with_where_to_get_it(gateway: Trusting) -> None:
    answer = await gateway.door.post("/v1/tools/lamps_list_lamps:call", gateway.server.token(scope="lamps:other"))
    assert answer.status_code == 403
    told = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope", scope="lamps:read", resource_metadata="' in told


def head(**members: Any) -> dict[str, Any]:
    return {"header": members}


NOW = time.time()
WRONG: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "https://other.example"},
    "no audience": {"aud": None},
    "an audience that only begins alike": {"aud": PUBLIC + ".evil.example"},
    "another issuer": {"iss": "https://other.example"},
    "an issuer with a slash more": {"iss_suffix": "/"},
    "expired": {"exp": NOW - 60},
    "no end": {"exp": None},
    "an end that is text": {"exp": "99999999999"},
    "an end that is true": {"exp": True},
    "not yet good": {"nbf": NOW + 86_400},
    "made in the future": {"iat": NOW + 86_400},
    "no subject": {"sub": None},
    "a subject that is no text": {"sub": 7},
    "no client": {"client_id": None},
    "an ID token": {"nonce": "n"},
    "no type": head(typ=None),
    "the type of any JWT": head(typ="JWT"),
    "bound to a key, sent as bearer": {"cnf": {"jkt": "abc"}},
    "bound to a certificate": {"cnf": {"x5t#S256": "abc"}},
    "bound in an unknown way": {"cnf": {"kid": "abc"}},
    "bound to nothing": {"cnf": {}},
    "an actor without a name": {"act": {}},
    "actors without end": {"act": json.loads('{"sub":"a","act":' * 9 + '{"sub":"a"}' + "}" * 9)},
    "a key id that nobody has": head(kid="nobody"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_token_is_refused_by_name(gateway: Trusting, what: str) -> None:
    claims = dict(WRONG[what])
    if "iss_suffix" in claims:
        claims = {"iss": gateway.server.url + claims["iss_suffix"]}
    assert await gateway.is_let_in(gateway.server.token())
    answer = await gateway.ask(f"Bearer {gateway.server.token(**claims)}")
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert answer.json()["code"] == "invalid_token"
    assert answer.json()["detail"].startswith("This access token is not good here: ")


CLAIMS = {"sub": "ada", "client_id": "agent", "aud": PUBLIC, "exp": time.time() + 86_400}


def parts(*values: Any) -> str:
    return ".".join(urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in values)


async def test_a_token_that_nobody_signed_is_refused(gateway: Trusting) -> None:
    good = gateway.server.token()
    claims = CLAIMS | {"iss": gateway.server.url}
    for unsigned in (
        parts({"alg": "none", "typ": "at+jwt"}, claims) + ".",
        parts({"alg": "None", "typ": "at+jwt"}, claims) + ".",
        good[: good.rindex(".") + 1],
        good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
        ".".join([good.split(".")[0], parts({**claims, "scope": "lamps:write"}), good.split(".")[2]]),
    ):
        assert not await gateway.is_let_in(unsigned)


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(gateway: Trusting) -> None:
    for secret in (RSA_KEY.as_pem(private=False), json.dumps(RSA_KEY.as_dict(private=False)).encode()):
        claims = parts({"alg": "HS256", "typ": "at+jwt", "kid": "first"}, CLAIMS | {"iss": gateway.server.url})
        signature = urlsafe_b64encode(hmac.digest(secret, claims.encode(), "sha256")).decode().rstrip("=")
        assert not await gateway.is_let_in(f"{claims}.{signature}")


async def test_a_token_that_brings_its_own_key_is_refused(gateway: Trusting) -> None:
    brought = {"jwk": OTHER_KEY.as_dict(private=False), "kid": "first"}
    assert not await gateway.is_let_in(gateway.server.token(OTHER_KEY, brought))
    assert not await gateway.is_let_in(gateway.server.token(OTHER_KEY, {"kid": None}))
    assert not await gateway.is_let_in("ey.ey.ey")


@pytest.mark.parametrize("algorithm", ["PS256", "RS512", "ES256", "Ed25519"])
async def test_every_algorithm_is_taken_that_the_issuer_may_use_and_no_other(
    trusts: Callable[..., Any], server: Server, algorithm: str
) -> None:
    key: Key = RSA_KEY
    if algorithm == "ES256":
        key = ECKey.generate_key("P-256", {"kid": "curve"})
    if algorithm == "Ed25519":
        key = OKPKey.generate_key("Ed25519", {"kid": "edwards"})
    server.keys = [key]
    token = server.token(key, {"alg": algorithm})
    async with trusts(algorithms=(algorithm,)) as allowing:
        assert await allowing.is_let_in(token)
    async with trusts(algorithms=("ES384",)) as other:
        assert not await other.is_let_in(token)


async def test_scopes_are_exact_and_nothing_is_smuggled_in_by_case_or_white_space(gateway: Trusting) -> None:
    for scope in (
        "LAMPS:READ",
        "lamps:read\tlamps:x",
        "lamps:read\u00a0",
        "lamps:*",
        '"lamps:read"',
        ["lamps:read\n"],
        {},
    ):
        token = gateway.server.token(scope=scope)
        answer = await gateway.door.post("/v1/tools/lamps_list_lamps:call", token)
        assert answer.status_code == 403, scope
    token = gateway.server.token(scope="other  lamps:read ")
    assert (await gateway.door.post("/v1/tools/lamps_list_lamps:call", token)).status_code == 200


async def test_claims_mean_what_the_issuer_is_said_to_mean_by_them(trusts: Callable[..., Any], server: Server) -> None:
    said = {
        "claims": ClaimNames(groups=("/realm_access/roles",), tenant="https://example.com/org"),
        "tenants": {"acme-7": "acme"},
        "scope_names": {"api://gateway/Lamps.Read": ("lamps:read",)},
        "group_scopes": {"lamp-readers": ("lamps:read",)},
        "types": ("JWT",),
    }
    async with trusts(**said) as gateway:
        org = {"https://example.com/org": "acme-7", "header": {"typ": "JWT"}}
        for claims in (
            {"scope": None, "scp": ["api://gateway/Lamps.Read"]},
            {"scope": "", "realm_access": {"roles": ["lamp-readers"]}},
        ):
            token = server.token(**org, **claims)
            assert (await gateway.door.post("/v1/tools/lamps_list_lamps:call", token)).status_code == 200
        token = server.token(**org, scope="Lamps.Read", realm_access={"roles": "no list"}, groups=["lamp-readers"])
        assert (await gateway.door.post("/v1/tools/lamps_list_lamps:call", token)).status_code == 403
        assert not await gateway.is_let_in(server.token(**{**org, "https://example.com/org": "other"}))
        assert not await gateway.is_let_in(server.token(header={"typ": "JWT"}))


async def test_the_same_name_at_another_issuer_is_somebody_else(gateway: Trusting) -> None:
    ours = Principal("default", "ada", "agent")
    theirs = Principal("default", "ada", "agent", issuer=gateway.server.url)
    assert ours.owner != theirs.owner
    assert agent(ours) != agent(theirs)


async def test_a_token_in_the_url_is_refused(gateway: Trusting) -> None:
    token = gateway.server.token()
    for path in ("/v1/tools:search", "/mcp"):
        answer = await gateway.door.client.post(
            f"{path}?access_token={token}", headers={"authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 401, path
        assert "never sent in a URL" in answer.text


async def test_two_authorization_headers_are_as_good_as_none(gateway: Trusting) -> None:
    token = gateway.server.token()
    answer = await gateway.ask(f"Bearer {token}", f"Bearer {token}")
    assert answer.status_code == 401


async def test_however_many_keys_are_unknown_the_issuer_is_asked_once(gateway: Trusting) -> None:
    assert await gateway.is_let_in(gateway.server.token())
    before = gateway.server.asked.count("/jwks")
    forged = [gateway.server.token(OTHER_KEY, {"kid": f"unknown-{number}"}) for number in range(50)]
    assert not any(await asyncio.gather(*map(gateway.is_let_in, forged)))
    assert gateway.server.asked.count("/jwks") == before
    assert await gateway.is_let_in(gateway.server.token(jti="2"))


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, None), (200, b"{"), (200, b"[]"), (200, b'{"keys": 7}'), (200, b'{"x": "' + b"a" * 300_000 + b'"}')],
)
async def test_an_issuer_that_cannot_be_asked_is_said_to_be_so(
    gateway: Trusting, status: int, body: bytes | None
) -> None:
    gateway.server.status, gateway.server.body = status, body
    answer = await gateway.ask(f"Bearer {gateway.server.token()}")
    assert answer.status_code == 503
    assert "www-authenticate" not in answer.headers


async def test_metadata_of_another_issuer_is_not_believed(gateway: Trusting) -> None:
    gateway.server.metadata = {"issuer": "https://evil.example"}
    assert (await gateway.ask(f"Bearer {gateway.server.token()}")).status_code == 503


async def test_keys_that_are_secret_small_or_for_encryption_are_not_used(
    trusts: Callable[..., Any], server: Server
) -> None:
    for told in (
        {**RSA_KEY.as_dict(private=True)},
        {**RSA_KEY.as_dict(private=False), "use": "enc"},
        {**RSA_KEY.as_dict(private=False), "key_ops": ["encrypt"]},
        {**RSA_KEY.as_dict(private=False), "alg": "PS512"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "first"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "first"},
        {"kty": "RSA", "n": 7, "e": [], "kid": "first"},
        None,
    ):
        async with trusts() as gateway:
            server.body = json.dumps({"issuer": server.url, "jwks_uri": f"{server.url}/jwks", "keys": [told]}).encode()
            assert not await gateway.is_let_in(server.token()), told


def introspected(server: Server, **claims: Any) -> dict[str, Any]:
    now = time.time()
    told = {"active": True, "sub": "ada", "client_id": "agent", "aud": PUBLIC, "exp": now + 60, "scope": "lamps:read"}
    return {name: value for name, value in {**told, "iss": server.url, **claims}.items() if value is not None}


async def test_a_token_that_is_no_jwt_is_asked_about(trusts: Callable[..., Any], server: Server) -> None:
    server.metadata = {"introspection_endpoint": f"{server.url}/introspect"}
    server.opinions = {
        "good": introspected(server),
        "other": introspected(server, aud="https://other.example"),
        "over": introspected(server, exp=NOW - 60),
        "nobodys": introspected(server, aud=None),
        "maybe": introspected(server, active="true"),
    }
    how = Introspection("gate way", "introspection", cache_s=0)
    async with trusts({"introspection": "p:w%"}, introspection=how) as gateway:
        assert await gateway.is_let_in("good")
        for token in ("other", "over", "nobodys", "maybe", "unknown"):
            assert not await gateway.is_let_in(token), token
        assert server.credentials[0] == "Basic " + b64encode(b"gate+way:p%3Aw%25").decode()
        server.opinions["good"] = {"active": False}
        assert not await gateway.is_let_in("good")
    async with trusts(introspection=how) as lacking:
        assert (await lacking.ask("Bearer good")).status_code == 503


PROVING = ECKey.generate_key("P-256")


def proof(token: str, key: Key = PROVING, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A good proof for GET /v1/tools with this token, but for what is said otherwise."""
    ath = urlsafe_b64encode(sha256(token.encode()).digest()).decode().rstrip("=")
    told = {
        "jti": str(time.perf_counter_ns()),
        "htm": "GET",
        "htu": f"{PUBLIC}/v1/tools",
        "iat": time.time(),
        "ath": ath,
    }
    told = {name: value for name, value in {**told, **claims}.items() if value is not None}
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False), **(header or {})}
    return jws.serialize_compact(head, json.dumps(told).encode(), key, algorithms=[head["alg"]])


async def test_a_bound_token_is_good_with_a_proof_of_its_key_and_only_once(gateway: Trusting) -> None:
    token = gateway.server.token(cnf={"jkt": PROVING.thumbprint()})
    once = proof(token)
    assert (await gateway.ask(f"DPoP {token}", dpop=once)).status_code == 200
    again = await gateway.ask(f"DPoP {token}", dpop=once)
    assert again.status_code == 401
    assert again.headers["www-authenticate"].startswith('DPoP error="invalid_dpop_proof"')
    assert "used before" in again.json()["detail"]
    assert (
        await gateway.ask(f"dpop {token}", dpop=proof(token, htu="HTTP://127.0.0.1:80/v1/tools?x=1#y"))
    ).status_code == 200


SECRET_KEY = OctKey.generate_key(256)
BAD_PROOFS: dict[str, Callable[[str], str]] = {
    "of another method": lambda token: proof(token, htm="POST"),
    "of another URL": lambda token: proof(token, htu=f"{PUBLIC}/v1/audit"),
    "of another host": lambda token: proof(token, htu="http://evil.example/v1/tools"),
    "for another token": lambda token: proof(token, ath="x"),
    "for no token": lambda token: proof(token, ath=None),
    "too old": lambda token: proof(token, iat=time.time() - 120),
    "of the future": lambda token: proof(token, iat=time.time() + 120),
    "without an id": lambda token: proof(token, jti=None),
    "with another type": lambda token: proof(token, header={"typ": "JWT"}),
    "of another key": lambda token: proof(token, ECKey.generate_key("P-256")),
    "with a private key": lambda token: proof(token, header={"jwk": PROVING.as_dict(private=True)}),
    "signed by a secret": lambda token: proof(
        token, SECRET_KEY, header={"alg": "HS256", "jwk": SECRET_KEY.as_dict(private=True)}
    ),
    "signed by another than it says": lambda token: proof(
        token, ECKey.generate_key("P-256"), header={"jwk": PROVING.as_dict(private=False)}
    ),
    "no JWT": lambda token: "x",
}


@pytest.mark.parametrize("what", BAD_PROOFS)
async def test_a_proof_that_does_not_hold_is_refused(gateway: Trusting, what: str) -> None:
    token = gateway.server.token(cnf={"jkt": PROVING.thumbprint()})
    answer = await gateway.ask(f"DPoP {token}", dpop=BAD_PROOFS[what](token))
    assert answer.status_code == 401
    assert answer.json()["code"] == "invalid_dpop_proof"


async def test_a_bound_token_needs_a_proof_and_an_unbound_one_takes_none(gateway: Trusting) -> None:
    bound, free = gateway.server.token(cnf={"jkt": PROVING.thumbprint()}), gateway.server.token()
    assert (await gateway.ask(f"DPoP {bound}")).status_code == 401
    assert (await gateway.ask(f"Bearer {bound}", dpop=proof(bound))).status_code == 401
    assert (await gateway.ask(f"DPoP {free}", dpop=proof(free))).status_code == 401


async def test_a_token_bound_to_a_certificate_is_good_where_the_proxy_saw_it(
    opens: Callable[..., Any], server: Server
) -> None:
    certificate = b"the bytes of a certificate"
    bound = urlsafe_b64encode(sha256(certificate).digest()).decode().rstrip("=")
    token = server.token(cnf={"x5t#S256": bound})
    told = f":{b64encode(certificate).decode()}:"
    for header, expected in (("Client-Cert", 200), ("", 401)):
        auth = AuthSettings(issuers=(Issuer(server.url),), certificate_header=header)
        async with opens(auth=auth, http=HttpSettings(public_url=PUBLIC), store=MemoryStore()) as door:
            gateway = Trusting(door, server)
            assert (await gateway.ask(f"Bearer {token}", **{"client-cert": told})).status_code == expected
            assert (await gateway.ask(f"Bearer {token}", **{"client-cert": ":AAAA:"})).status_code == 401
            assert (await gateway.ask(f"Bearer {token}")).status_code == 401


async def test_keys_of_the_gateway_itself_stay_good(gateway: Trusting) -> None:
    key = await gateway.door.key("lamps:read")
    assert await gateway.is_let_in(key)
    assert not await gateway.is_let_in(key[:-1] + ("0" if key[-1] != "0" else "1"))
    assert (await gateway.ask(f"DPoP {key}")).status_code == 401
