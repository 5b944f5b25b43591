"""The audit log: show, follow, verify, export, shorten."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec
import rich_click as click

from gateway import __version__
from gateway.app import open_store
from gateway.audit_seal import AuditSeal, signing_key, verify_log
from gateway.cli.owner import now, settings_here
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, err, out
from gateway.core.audit import AuditEntry
from gateway.core.audit_chain import Verifier
from gateway.core.ocsf import to_ocsf
from gateway.errors import BadRequest
from gateway.serve import run
from gateway.settings import load_secrets
from gateway.stores.base import AuditFilter

FOLLOW_S = 0.5


@cli.group(invoke_without_command=True)
@click.option("--follow", is_flag=True, help="Go on as lines come.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def audit(context: click.Context, follow: bool, limit: int, as_json: bool) -> None:
    """Show the newest lines of the audit log; verify, export or shorten it by a command."""
    if context.invoked_subcommand is None:
        run(_show_audit(follow, limit, as_json))


async def _show_audit(follow: bool, limit: int, as_json: bool) -> None:
    show_line = _print_json if as_json else _print_line
    async with open_store(settings_here()) as store:
        lines = await store.read_audit(AuditFilter(tenant=None, limit=limit))
        last = 0
        while True:
            for line in lines:
                show_line(line)
                last = line.sequence
            if not follow:
                return
            await asyncio.sleep(FOLLOW_S)
            lines = await store.read_audit(AuditFilter(tenant=None, after_sequence=last, limit=1_000))


def _print_json(line: AuditEntry) -> None:
    out.print(msgspec.json.encode(line).decode())


def _print_line(line: AuditEntry) -> None:
    status = f" {line.status}" if line.status else ""
    reason = f"  {' '.join(line.reasons)}" if line.reasons and line.phase != "done" else ""
    out.print(
        f"{line.sequence:>6} {line.at:%H:%M:%S} {line.phase:<12} {line.tenant}/{line.subject} {line.tool}{status} "
        f"{line.latency_ms:.1f} ms {bytes(line.arguments).decode()}{reason}"
    )


@audit.command("verify")
@click.option(
    "--key", "more_keys", multiple=True, metavar="HEX", help="Another public key that has signed. Repeatable."
)
@asynchronous
async def verify_audit(more_keys: tuple[str, ...]) -> None:
    """Look whether any line was changed, taken out or moved; exit 1 where one was."""
    verifier_keys = {_public_key(), *map(_hex, more_keys)}
    async with open_store(settings_here()) as store:
        verifier = Verifier(await store.checkpoints(), verifier_keys)
        findings = 0
        async for finding in verify_log(store, verifier):
            findings += 1
            out.print(f"line {finding.sequence}: {finding.damage}: {finding.detail}")
    signed = verifier.signed
    held = f"signed up to line {signed.sequence} on {signed.at:%Y-%m-%d %H:%M}" if signed else "no line is signed yet"
    err.print(
        f"{verifier.lines} lines, {held}; {findings or 'nothing'} wrong. The public key is {_public_key().hex()}."
    )
    if findings:
        sys.exit(1)


@audit.command("export")
@click.option("--format", "form", type=click.Choice(["ndjson", "ocsf"]), default="ndjson", show_default=True)
@click.option("--after", type=click.IntRange(0), default=0, show_default=True, help="Begin after this line.")
@click.option("--tenant", default=None, help="That tenant's lines alone.")
@asynchronous
async def export_audit(form: str, after: int, tenant: str | None) -> None:
    """Write the log to standard output, one JSON object a line."""
    async with open_store(settings_here()) as store:
        while lines := await store.read_audit(AuditFilter(tenant=tenant, after_sequence=after, limit=1_000)):
            for line in lines:
                told = to_ocsf(line, __version__) if form == "ocsf" else line
                sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
            after = lines[-1].sequence


@audit.command("drop")
@click.option("--days", type=click.IntRange(1, 36_500), required=True, help="How old the lines are that go.")
@asynchronous
async def drop_audit(days: int) -> None:
    """Let old lines go, up to a signed one, so that the rest can still be verified. Export them first."""
    settings = settings_here()
    key = signing_key(load_secrets(os.environ, settings), Path(settings.data_dir))
    async with open_store(settings) as store:
        gone = await AuditSeal(store, key, settings.audit, now).drop(days)
    out.print(f"{gone} lines are gone")


def _public_key() -> bytes:
    settings = settings_here()
    return signing_key(load_secrets(os.environ, settings), Path(settings.data_dir)).public_key().public_bytes_raw()


def _hex(told: str) -> bytes:
    try:
        return bytes.fromhex(told)
    except ValueError:
        raise BadRequest(f"{told!r} is no public key in hexadecimal digits.") from None
