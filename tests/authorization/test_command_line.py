"""`factotum users` and `factotum clients`, as a person types them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.authorization.conftest import LAMPS, PASSWORD

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def factotum(tmp_path: Path) -> Run:
    """Runs the command in a directory of its own; gives the finished process."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FACTOTUM_")}
    told = {**environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200"}
    (tmp_path / "openapi.json").write_text(json.dumps(LAMPS | {"servers": [{"url": "https://lamps.example"}]}))

    def run(*args: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "gateway", *args]
        return subprocess.run(
            command, cwd=tmp_path, env=told, input=typed, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def test_people_are_added_listed_changed_and_removed(factotum: Run) -> None:
    assert factotum("add", "openapi.json").returncode == 0
    added = factotum("users", "add", "ada", "--scope", "lamps:*", "--role", "approver", typed=f"{PASSWORD}\n")
    assert (added.returncode, added.stdout) == (0, "ada can sign in, with 2 scopes\n"), added.stderr
    assert "lamps:read lamps:write" in factotum("users", "list").stdout
    again = factotum("users", "add", "ada", typed=f"{PASSWORD}\n")
    assert (again.returncode, "already" in again.stderr) == (1, True)
    assert factotum("users", "change", "ada", "--scope", "lamps:read", "--disable").returncode == 0
    for word, said in (("--enable", "can sign in"), ("--disable", "is disabled")):
        assert factotum("users", "change", "ada", word).stdout == f"ada {said}, with 1 scopes\n"
    listed = factotum("users", "list").stdout
    assert ("lamps:write" in listed, "disabled" in listed, "factotum:approver" in listed) == (False, True, True)
    assert factotum("users", "password", "ada", typed="another password\n").returncode == 0
    assert factotum("users", "remove", "ada").returncode == 0
    assert "ada" not in factotum("users", "list").stdout
    audit = factotum("audit", "--json").stdout
    for what in ("users.add", "users.change", "users.password", "users.remove"):
        assert what in audit
    assert PASSWORD not in audit


@pytest.mark.parametrize(
    ("args", "typed", "told"),
    [
        (("add", "Ada Lovelace"), PASSWORD, "small letters"),
        (("add", "ada"), "short", "at least 10 characters"),
        (("add", "ada", "--role", "emperor"), PASSWORD, "emperor"),
        (("add", "ada", "--group", "factotum:owner"), PASSWORD, "--role"),
        (("password", "nobody"), PASSWORD, "no user"),
    ],
)
def test_what_cannot_be_done_about_people_is_told(factotum: Run, args: tuple[str, ...], typed: str, told: str) -> None:
    done = factotum("users", *args, typed=f"{typed}\n")
    assert (done.returncode, told in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr


def test_an_agents_secret_is_shown_once(factotum: Run) -> None:
    factotum("add", "openapi.json")
    added = factotum("clients", "add", "Night watch", "--scope", "lamps:read")
    client, secret = added.stdout.split()
    listed = factotum("clients", "list").stdout
    assert (client in listed, "Night watch" in listed, secret in listed) == (True, True, False)
    assert secret not in factotum("audit", "--json").stdout
    refused = factotum("clients", "add", "x", "--redirect-uri", "javascript:alert(1)")
    assert (refused.returncode, "refused" in refused.stderr) == (1, True)
    assert factotum("clients", "remove", client).returncode == 0
    assert factotum("clients", "remove", client).returncode == 1
