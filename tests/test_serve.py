"""`factotum serve` and `factotum demo` as processes: they say where they are, answer, notice, and stop when told to."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.rankers.cross import CrossEncoder
from tests.rankers.conftest import make_model

ROOT = Path(__file__).parent.parent
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "https://shop.example"}],
    "paths": {"/orders": {"get": {"operationId": "listOrders", "responses": {}}}},
}


def environ(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FACTOTUM_")}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "FACTOTUM_PORT": "0", **more}


@contextmanager
def running(folder: Path, *args: str, until: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process, and what it printed up to the line that `until` matches."""
    command = [sys.executable, "-u", "-m", "gateway", *args]
    process = subprocess.Popen(
        command, cwd=folder, env=environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = ""
    try:
        for line in process.stdout:
            said += line
            if re.search(until, line):
                break
        yield process, said
    finally:
        process.kill()
        process.wait(20)
        process.stdout.close()


def run(folder: Path, *args: str) -> str:
    command = [sys.executable, "-m", "gateway", *args]
    done = subprocess.run(command, cwd=folder, env=environ(), capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def wait_for_tools(url: str, token: str) -> list[str]:
    """The names of the tools, as soon as there are any."""
    for _ in range(100):
        answer = httpx.get(f"{url}/v1/tools", headers={"authorization": f"Bearer {token}"})
        if answer.status_code == 200 and answer.json()["tools"]:
            return [tool["name"] for tool in answer.json()["tools"]]
        time.sleep(0.1)  # the gateway looks at its store once a second
    return []


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_serve_answers_notices_what_the_command_line_adds_and_stops_cleanly(
    tmp_path: Path, told: signal.Signals
) -> None:
    with running(tmp_path, "serve", until="serves MCP at") as (process, said):
        (url,) = re.findall(r"(http://\S+)/mcp", said)
        assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
        assert httpx.get(f"{url}/readyz").json() == {"status": "ok"}
        (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
        run(tmp_path, "add", "openapi.json")
        token = run(tmp_path, "keys", "create", "ada", "--scope", "shop:*")
        assert wait_for_tools(url, token) == ["shop_list_orders"]
        process.send_signal(told)
        rest, _ = process.communicate(timeout=20)
        assert process.returncode in (0, -told)
        assert "Traceback" not in rest


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with running(tmp_path, "serve", until="serves MCP at") as (_, said):
        (port,) = re.findall(r"http://[^:]+:(\d+)/mcp", said)
        command = [sys.executable, "-m", "gateway", "serve"]
        second = subprocess.run(
            command,
            cwd=tmp_path,
            env=environ(FACTOTUM_PORT=port),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1
        assert f":{port}" in second.stderr
        assert "Traceback" not in second.stderr


def test_the_demo_prints_a_url_and_a_key_that_work_and_ctrl_c_stops_it(tmp_path: Path) -> None:
    with running(tmp_path, "demo", "--port", "0", until="Ctrl-C stops") as (process, said):
        (url,) = re.findall(r"MCP +(http://\S+)/mcp", said)
        (token,) = re.findall(r"key +(fct_\S+)", said)
        answer = httpx.post(
            f"{url}/v1/tools/home_list_locks:call", json={}, headers={"authorization": f"Bearer {token}"}
        )
        assert {lock["id"] for lock in answer.json()["structured"]} == {"front-door", "back-door"}
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
        assert (process.returncode, "Traceback" in rest) == (0, False), rest


def test_models_of_search_are_served_by_a_process_of_their_own(tmp_path: Path) -> None:
    make_model(tmp_path / "encoder")
    make_model(tmp_path / "reranker", "tiny reranker", make=CrossEncoder)
    (tmp_path / "factotum.yaml").write_text("secrets_dir: secrets")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "models").write_text("t0ken\n")
    folders = ("--model", "encoder", "--reranker", "reranker", "--device", "cpu")
    with running(tmp_path, "rank", "serve", *folders, "--port", "0", "--secret", "models", until=" at http") as (
        process,
        said,
    ):
        (url,) = re.findall(r"serves tiny and tiny reranker at (http://\S+)", said)
        assert httpx.get(f"{url}/health").status_code == 200
        asked = {"query": "light", "texts": ["lamp", "door"]}
        assert httpx.post(f"{url}/rerank", json=asked).status_code == 401
        told = httpx.post(f"{url}/rerank", json=asked, headers={"authorization": "Bearer t0ken"})
        assert sorted(one["index"] for one in told.json()) == [0, 1]
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=20)
        assert "Traceback" not in rest


def test_what_comes_along_is_served_where_nothing_is_named(tmp_path: Path) -> None:
    with running(tmp_path, "rank", "serve", "--port", "0", "--device", "cpu", until=" at http") as (_, told):
        assert "factotum-encoder-1" in told
        assert "factotum-reranker-6" in told


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--model", "reranker"), "is a reranker, and an encoder is needed"),
        (("--reranker", "reranker", "--secret", "models"), "FACTOTUM_SECRET_MODELS"),
        (("--reranker", "reranker", "--device", "nowhere"), "no device 'nowhere'"),
    ],
)
def test_what_cannot_be_served_is_one_clear_line(tmp_path: Path, args: tuple[str, ...], says: str) -> None:
    make_model(tmp_path / "reranker", make=CrossEncoder)
    command = [sys.executable, "-m", "gateway", "rank", "serve", "--port", "0", *args]
    done = subprocess.run(command, cwd=tmp_path, env=environ(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
