"""FastMCP's side of `ingest.py`: run by a Python that has it, `python ingest_fastmcp.py TREES LINES`. TREES is a folder of
parsed documents as JSON (only entries: it takes one tree), LINES the file that gets one line a document, as
`ingest.Built`."""

import asyncio
import json
import logging
import resource
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
from fastmcp import FastMCP

logging.disable(logging.CRITICAL)


def resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def build(name: str, tree: Any, client: httpx2.AsyncClient) -> dict[str, Any]:
    started = time.process_time()
    try:
        server = FastMCP.from_openapi(tree, client=client, name="corpus")
        took = time.process_time() - started
        return {"document": name, "build_s": took, "tools": list(map(tell, asyncio.run(server.list_tools())))}
    except Exception as error:
        took = time.process_time() - started
        return {"document": name, "build_s": took, "broken": f"{type(error).__name__}: {str(error)[:100]}"}


def tell(tool: Any) -> dict[str, Any]:
    listed = tool.to_mcp_tool().model_dump(mode="json", by_alias=True, exclude_none=True)
    route = tool._route
    return {
        "operation": f"{route.method} {route.path}",
        "name": listed["name"],
        "description": listed.get("description", ""),
        "input": listed["inputSchema"],
        "output": listed.get("outputSchema"),
        "sends": [[name, told["location"], told["openapi_name"]] for name, told in route.parameter_map.items()],
    }


def main() -> None:
    trees, lines = Path(sys.argv[1]), Path(sys.argv[2])
    before = resident_kb()
    client = httpx2.AsyncClient(base_url="https://api.example")
    with lines.open("w") as file:
        for path in sorted(trees.iterdir()):
            tree = json.loads(path.read_bytes())
            built = build(path.name, tree, client)
            built["peak_kb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            file.write(json.dumps(built) + "\n")


if __name__ == "__main__":
    main()
