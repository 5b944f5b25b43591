"""What can be checked: the published JSON Schemas, and the policies with their case tables."""

from pathlib import Path

import rich_click as click

from gateway.cli.owner import open_here, settings_here
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, err, out
from gateway.errors import BadRequest
from gateway.policy_files import read_policies, roles_path, run_tables


@cli.command()
@click.option("--check", is_flag=True, help="Write nothing; fail where a file is not what the code says.")
def schemas(check: bool) -> None:
    """Write the JSON Schemas of what a user writes to schemas/."""
    from gateway.schemas import stale_schemas, write_schemas

    folder = Path("schemas")
    if not check:
        write_schemas(folder)
    elif stale := stale_schemas(folder):
        raise BadRequest(f"Run `factotum schemas`: {', '.join(stale)} in {folder} is not what the code says.")


@cli.group()
def policy() -> None:
    """Cedar policies."""


@policy.command("check")
@asynchronous
async def check_policies() -> None:
    """Validate the policies against the catalog, and run the case tables beside them."""
    settings = settings_here()
    failed = 0
    for name, count, failures in run_tables(settings):
        out.print(f"{name}: {count - len(failures)} of {count} cases hold")
        for failure in failures:
            out.print(f"  {failure}")
        failed += len(failures)
    if failed:
        raise BadRequest(f"{failed} cases came out otherwise than written.")
    async with open_here() as gateway:
        book, every = gateway.published.current.policies, gateway.published.editions.every()
    # What is there for one tenant is there.
    for warning in sorted(set.intersection(*(set(one.policies.warnings) for one in every))):
        err.print(f"warning: {warning}")
    names = ", ".join((*read_policies(settings), roles_path(settings).name))
    out.print(f"{names}: valid, version {book.version}")
