"""Coverage-guided fuzzing of what reads foreign text: `python benchmarks/fuzz.py TARGET [SECONDS]`, in an environment that
has atheris beside the gateway. It ends with the input at the first exception that is none of ours, or that takes too long.

Not a part of the tests: what it found is there as tests of its own.
"""

import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

import atheris

with atheris.instrument_imports(include=["gateway", "yaml", "jsonpath_rfc9535"]):
    import msgspec

    from gateway.core.arguments import check_arguments, compile_arguments
    from gateway.core.compile import compile_document
    from gateway.core.document import DocumentBroken, external_references, parse_document
    from gateway.core.http import HttpRequest, HttpResponse
    from gateway.core.jsonpath import PathBroken, Paths
    from gateway.core.manifest import Manifest
    from gateway.core.operation import Paging
    from gateway.core.overlay import apply_overlay
    from gateway.core.pages import next_page, read_page
    from gateway.core.polling import is_accepted, look_at
    from gateway.core.references import Documents
    from gateway.core.request import Unbuildable, build_request
    from gateway.core.shorten import shorten_json
    from gateway.core.work import Work, WorkExceeded
    from gateway.core.yaml_tree import parse_yaml

INPUT_BYTES_MAX = 4_096
INPUT_S_MAX = 10
URI = "https://docs.example/openapi.json"
# Words that mean something somewhere; whatever else is needed is found by the coverage.
WORDS = """
    openapi swagger info title servers url variables default enum paths get put post delete parameters name in path query
    header cookie schema type string integer object array properties items required allOf oneOf anyOf not $ref $id $anchor
    $dynamicRef $dynamicAnchor discriminator mapping propertyName additionalProperties patternProperties pattern format
    requestBody content application/json application/xml multipart/form-data encoding headers style explode deepObject form
    responses 200 default links operationId operationRef requestBody security scopes tags description summary deprecated
    nullable readOnly writeOnly xml wrapped attribute x-factotum hide effect undo page kind next callbacks webhooks
    components schemas pathItems securitySchemes #/components/schemas/A #/paths/~1a/get 3.1.0 3.0.3 2.0 /a /a/{id} https://a.example
""".split()  # noqa: SIM905 - a list of a hundred lines says no more


class Tree:
    """A JSON value out of the bytes of a fuzzer: mostly of words that a document knows."""

    def __init__(self, data: bytes) -> None:
        self._data = atheris.FuzzedDataProvider(data)
        self._left = 200

    def value(self, depth: int = 0) -> Any:
        self._left -= 1
        kind = self._data.ConsumeIntInRange(0, 11) if self._left > 0 and depth < 12 else 11
        if kind <= 4:
            return {self.word(): self.value(depth + 1) for _ in range(self._data.ConsumeIntInRange(0, 5))}
        if kind <= 6:
            return [self.value(depth + 1) for _ in range(self._data.ConsumeIntInRange(0, 4))]
        if kind == 7:
            return self._data.PickValueInList([None, True, False, 0, 1, -1, 1.5, 10**30, 1e300])
        if kind == 8:
            return self._data.ConsumeUnicode(12)
        return self.word()

    def word(self) -> str:
        if self._data.ConsumeIntInRange(0, 15) == 0:
            return str(self._data.ConsumeUnicodeNoSurrogates(8))
        return str(self._data.PickValueInList(WORDS))

    def document(self) -> dict[str, Any]:
        """One whose operations are all sorts of things."""
        version = self._data.PickValueInList(["3.0.3", "3.1.0", "3.2.0"])
        paths = {self._data.PickValueInList(["/a", "/a/{id}", "/b"]): self.value() for _ in range(2)}
        operation, schemas = self.value(), {"A": self.value(), "B": self.value()}
        paths["/c/{id}"] = {"post": operation}
        servers = [{"url": "https://a.example"}]
        root = self.value(9)
        told = {"openapi": version, "servers": servers, "paths": paths, "components": {"schemas": schemas}}
        return {**(root if isinstance(root, dict) else {}), **told}


def fuzz_document(data: bytes) -> None:
    """Bytes to a tree, whatever they are."""
    with contextlib.suppress(DocumentBroken):
        external_references(parse_document(data, "any"), URI)


def fuzz_yaml(data: bytes) -> None:
    with contextlib.suppress(DocumentBroken):
        parse_yaml(data.decode("utf-8", "replace"))


def fuzz_compile(data: bytes) -> None:
    """A document to tools, and calls of them to requests."""
    tree = Tree(data)
    compile_and_call(tree.document(), tree.value(8))


def compile_and_call(document: dict[str, Any], arguments: Any) -> None:
    try:
        encoded = json.dumps(document).encode()
        documents = Documents(URI, {URI: parse_document(encoded, URI)})
        documents.work = Work(300_000)
        connector = compile_document(Manifest(name="x"), documents, "digest")
    except DocumentBroken:
        return
    given = arguments if isinstance(arguments, dict) else {"body": arguments}
    for tool in connector.tools[:5]:
        told = {**dict.fromkeys(json.loads(bytes(tool.inputs))["properties"], arguments), **given}
        check_arguments(compile_arguments(tool.input_schema), told)
        with contextlib.suppress(Unbuildable):
            request = build_request(tool.operation, told)
            own = tool.operation.server
            assert request.url == own or request.url[len(own)] in "/?", request.url
            assert not any("\n" in value or "\r" in value for _, value in request.headers)


def fuzz_overlay(data: bytes) -> None:
    tree = Tree(data)
    actions = [{"target": "$" + "".join(tree.word() for _ in range(2)), "update": tree.value()} for _ in range(3)]
    apply_overlay(tree.document(), {"overlay": "1.1.0", "actions": actions}, "overlay", steps_max=200_000)


def fuzz_jsonpath(data: bytes) -> None:
    with contextlib.suppress(PathBroken, WorkExceeded):
        Paths(Work(200_000)).locate(data.decode("utf-8", "replace"), {"a": [1, {"b": "x"}], "b": {"a": None}}, 1_000)


def fuzz_shorten(data: bytes) -> None:
    """A long answer, cut."""
    encoded = json.dumps(Tree(data).value()).encode()
    try:
        msgspec.json.decode(encoded)
    except msgspec.DecodeError:  # a lone surrogate: an answer that has one is text
        return
    shortened = shorten_json(encoded, 64)
    if shortened is not None:
        assert len(bytes(shortened.encoded)) <= 64 or not shortened.cuts
        json.loads(bytes(shortened.encoded))


def fuzz_pages(data: bytes) -> None:
    """An answer, as a page of a list and as work that goes on."""
    tree = Tree(data)
    kind = tree.word()
    body = json.dumps(tree.value()).encode() if data[:1] < b"\xc0" else data
    headers = (("link", tree.word()), ("location", tree.word()), ("operation-location", tree.word()))
    response = HttpResponse(202 if data[:1] < b"\x40" else 200, headers, body)
    request = HttpRequest("GET", "https://a.example/a")
    for paging in (Paging(one, kind, "limit") for one in ("cursor", "page", "offset", "next", "link")):
        page = read_page(paging, response)
        if page is not None:
            told = next_page(paging, {kind: tree.value(10)}, request, response, page)
            assert told is None or not told.url or told.url.startswith("https://a.example/"), told
    if is_accepted(response):
        url = look_at(request, response)
        assert not url or url.startswith("https://a.example"), url


TARGETS: dict[str, Callable[[bytes], None]] = {
    name.removeprefix("fuzz_"): one for name, one in dict(globals()).items() if name.startswith("fuzz_")
}


def main() -> None:
    name, seconds = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "60"
    bounds = [
        f"-max_len={INPUT_BYTES_MAX}",
        f"-timeout={INPUT_S_MAX}",
        f"-max_total_time={seconds}",
        "-rss_limit_mb=4096",
    ]
    atheris.Setup([sys.argv[0], *bounds, *sys.argv[3:]], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
