"""What governance costs a call: `python -m benchmarks.governance [--seconds 3] [--rounds 5]`.

The same call of the same tool, through MCP, by gateways that differ in one thing each: `bare` believes whoever calls, asks
no policy and writes nothing down; `all` verifies a JWT of an issuer, looks at its scopes, asks 1,000 policies (one of which
reads the arguments of this tool) and commits an audit line on SQLite; the rows between have one of them alone. `fresh
tokens` is `all` where every call comes with a token never seen before. `bare commit` is `bare` with one row committed a
call, by Python's sqlite3 on a thread: no audit log on SQLite can be much cheaper where a call has a commit of its own.
All take turns in every round. `cpu us` is the gateway's processor time a call, its threads among it; `more` is what that
is above `bare`.

On a loaded 2-core machine `all` is 0.11 ms more with 16 in flight, and 0.39 with one, of which the bare commit is 0.18: the
flush of the disk takes about 0.08, and what comes after the wait for it seems to find its caches cold.
"""

import argparse
import json
import os
import sqlite3
import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey
from msgspec import structs

from benchmarks.call_path import (
    DOCUMENT,
    GATEWAY_CORE,
    LOAD_CORE,
    cpu_seconds,
    load,
    mcp_requests,
    running,
    serve_backend,
)
from benchmarks.call_path import backend as orders
from gateway.serve import run, serve_forever
from gateway.stores.threads import Threads

PUBLIC = "https://gateway.example.com"
CONNECTORS = 100
POLICIES = 1_000
IN_FLIGHT = (1, 16)
TOOL = "orders_get_order"
LOOK = {"expand": "lines"}
FRESH, COMMIT = "fresh tokens", "bare commit"
MODULE = "benchmarks.governance"


# The backend, which is the issuer too


async def backend(scope: dict, receive, send) -> None:
    if scope["type"] != "http" or scope["path"] != "/jwks":
        await orders(scope, receive, send)
        return
    keys = os.environ["BENCH_KEYS"].encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(keys)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": keys})


# The gateways


@dataclass(frozen=True)
class Governance:
    """What one of them has on."""

    token: bool
    policies: bool
    audit: bool
    commit: bool = False


GOVERNANCE = {
    "bare": Governance(False, False, False),
    COMMIT: Governance(False, False, False, commit=True),
    "token": Governance(True, False, False),
    "policies": Governance(False, True, False),
    "audit": Governance(False, False, True),
    "all": Governance(True, True, True),
    FRESH: Governance(True, True, True),
}


class Anybody:
    """Takes whoever calls for the one principal there is."""

    def __init__(self, principal) -> None:
        self.principal = principal

    async def authenticate(self, presented, now):
        return self.principal


class NoPolicies:
    """Allows everything."""

    version = "none"

    def __init__(self, decision) -> None:
        self.decision = decision

    def decide(self, *_):
        return self.decision


class NoAudit:
    """Writes nothing down."""

    async def record(self, entry) -> None:
        return None


class BareCommit:
    """Commits one row of the size of an audit line on a thread, with Python's sqlite3 and the pragmas of the store, and does
    nothing else: no audit log on this machine and disk can be much cheaper."""

    ROW = b"0" * 600

    def __init__(self, path: Path) -> None:
        self.thread = Threads(1, "bare")
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for said in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE line (entry BLOB)"):
            self.connection.execute(said)

    async def record(self, entry) -> None:
        await self.thread.run(self.commit)

    def commit(self) -> None:
        self.connection.execute("INSERT INTO line VALUES (?)", (self.ROW,))


def write_policies(folder: str) -> str:
    """A thousand: five for everything, five for the connector that is called, one of them on the arguments of the tool,
    and the rest for a hundred other connectors. Gives the folder of them."""
    where = {
        "scopes-allow": "permit (principal, action, resource) when { context.in_scope }",
        "interns": 'forbid (principal, action in Action::"write", resource) when { principal.groups.contains("interns") }',
        "locals": 'forbid (principal, action, resource) when { principal.method == "local" }',
        "red": 'forbid (principal, action, resource) when { principal.tenant == "red" }',
        "robots": 'forbid (principal, action, resource) when { principal.client == "robot" }',
        "order": f'forbid (principal, action == Action::"{TOOL}", resource) when {{ context.arguments.order_id == 1300 }}',
    }
    members = 'when { principal.groups.contains("group-%d") && context.hour > 20 }'
    own = {
        f"own-{one}": f'forbid (principal, action, resource in Connector::"orders") {members % one}' for one in range(4)
    }
    others = {
        f"other-{one}": f'forbid (principal, action, resource in Connector::"c{one % CONNECTORS}") {members % one}'
        for one in range(POLICIES - len(where) - len(own))
    }
    texts = [f'@id("{name}") {text};' for name, text in {**where, **own, **others}.items()]
    made = Path(folder, "policies")
    made.mkdir()
    (made / "bench.cedar").write_text("\n".join(texts))
    return str(made)


async def serve_gateway(kind: str, base_url: str) -> None:
    from gateway.app import open_gateway
    from gateway.core.decision import Decision
    from gateway.core.issuer import Issuer
    from gateway.core.manifest import Limits, Manifest
    from gateway.core.principal import OPERATOR, Principal
    from gateway.fetch import Offered
    from gateway.published import Editions
    from gateway.settings import AuthSettings, HttpSettings, Secrets, Settings, SqliteStore
    from gateway.telemetry import set_up_logging

    set_up_logging("error", "json")
    on = GOVERNANCE[kind]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            port=0,
            data_dir=folder,
            connectors_dir=folder,
            store=SqliteStore(),
            policies_dir=write_policies(folder) if on.policies else "",
            http=HttpSettings(public_url=PUBLIC),
            auth=AuthSettings(issuers=(Issuer(issuer=base_url, keys_url=f"{base_url}/jwks"),)),
        )
        async with open_gateway(settings, Secrets({})) as gateway:
            limits = Limits(in_flight_max=256)
            manifest = Manifest(name="orders", base_url=base_url, allow_addresses=("127.0.0.0/8",), limits=limits)
            await gateway.ingestion.add(OPERATOR, Offered(manifest, content=json.dumps(DOCUMENT).encode()))
            if not on.token:
                scopes = frozenset({"orders:read", "orders:write"})
                gateway.desk.authenticator.__class__ = Anybody
                gateway.desk.authenticator.principal = Principal("default", "ada", "agent", scopes)
            if not on.policies:
                edition = structs.replace(gateway.published.current, policies=NoPolicies(Decision("allow", ())))
                gateway.published.publish(Editions(edition))
            if not on.audit:
                gateway.calls._audit = BareCommit(Path(folder, "bare.db")) if on.commit else NoAudit()
            await serve_forever(gateway, lambda url: print(json.dumps({"url": url}), flush=True))


# The tokens


def make_tokens(key: ECKey, issuer: str, count: int) -> list[str]:
    now = int(datetime.now().timestamp())
    claims = {
        "iss": issuer, "aud": PUBLIC, "sub": "ada", "client_id": "agent", "scope": "orders:read orders:write",
        "iat": now, "exp": now + 7_200,
    }  # fmt: skip
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
    return [jwt.encode(header, {**claims, "jti": str(number)}, key) for number in range(count)]


# The measurement


def measure(seconds: float, rounds: int) -> list[dict]:
    key = ECKey.generate_key("P-256", auto_kid=True)
    os.environ["BENCH_KEYS"] = json.dumps({"keys": [key.as_dict(private=False) | {"alg": "ES256", "use": "sig"}]})
    rows: dict[tuple[str, int], list[dict]] = {}
    with ExitStack() as stack:
        issuer, _ = stack.enter_context(running(LOAD_CORE, "--serve-backend", module=MODULE))
        gateways = {
            kind: stack.enter_context(
                running(GATEWAY_CORE, "--serve-gateway", kind, "--backend", issuer["url"], module=MODULE)
            )
            for kind in GOVERNANCE
        }
        if (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(0, {LOAD_CORE})
        usual = [
            request for [token] in [make_tokens(key, issuer["url"], 1)] for request in mcp_requests(token, TOOL, LOOK)
        ]
        for served, _ in gateways.values():
            run(load(served["url"], usual, 16, 1.0))
        for in_flight in IN_FLIGHT:
            for _ in range(rounds):
                for kind, (served, pid) in gateways.items():
                    if kind in (FRESH, COMMIT) and in_flight > 1:
                        continue  # Callers at once take turns with the same requests, and share commits.
                    requests = usual if kind != FRESH else fresh(key, issuer["url"], int(seconds * 1_500))
                    before = cpu_seconds(pid)
                    took = sorted(run(load(served["url"], requests, in_flight, seconds)))
                    rows.setdefault((kind, in_flight), []).append(
                        {"cpu_us": (cpu_seconds(pid) - before) / len(took) * 1e6, "p50_ms": took[len(took) // 2] * 1e3}
                    )
    return [
        {"kind": kind, "in_flight": in_flight, **{name: statistics.median(r[name] for r in many) for name in many[0]}}
        for (kind, in_flight), many in rows.items()
    ]


def fresh(key: ECKey, issuer: str, count: int) -> list[bytes]:
    """One request for each of so many tokens."""
    return [mcp_requests(token, TOOL, LOOK)[0] for token in make_tokens(key, issuer, count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve-backend", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--serve-gateway", metavar="KIND", help=argparse.SUPPRESS)
    parser.add_argument("--backend", metavar="URL", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve_backend:
        run(serve_backend(backend))
    elif asked.serve_gateway:
        run(serve_gateway(asked.serve_gateway, asked.backend))
    else:
        rows = measure(asked.seconds, asked.rounds)
        bare = {row["in_flight"]: row["cpu_us"] for row in rows if row["kind"] == "bare"}
        print(f"{'kind':<14} {'in flight':>9} {'p50 ms':>8} {'cpu us':>8} {'more us':>8}")
        for row in rows:
            more = row["cpu_us"] - bare[row["in_flight"]]
            print(f"{row['kind']:<14} {row['in_flight']:>9} {row['p50_ms']:>8.2f} {row['cpu_us']:>8.0f} {more:>8.0f}")


if __name__ == "__main__":
    main()
