"""The links of a document: what it says itself of which operation can follow on which (OAS 3.1 section 4.8.20), and what
`x-factotum` says of undoing and verifying. What leads nowhere or cannot be read is left aside and noted, and what is plainly
meant is mended and noted, once for each link. None of it ever costs a tool."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from gateway.core.directory import Directory, Lost, Made
from gateway.core.expression import Expression, ExpressionBroken, mend_value, parse_value
from gateway.core.extension import Follow
from gateway.core.extension_read import KEY
from gateway.core.faces import Faces, has_place, schema_at
from gateway.core.naming import snake
from gateway.core.outline import kinds
from gateway.core.pointer import escape, tokens
from gateway.core.references import At, Malformed
from gateway.core.relation import Binding, Relation
from gateway.core.servers import server_of
from gateway.core.source import Source
from gateway.core.tool import Tool

LINKS_MAX = 5_000
LINKS_OF_AN_OPERATION_MAX = 50
PARAMETERS_OF_A_LINK_MAX = 30
CONSTANT_BYTES_MAX = 4 << 10
SAID_CHARACTERS_MAX = 400


class Told(Struct, frozen=True):
    """What a document tells of one tool: whom it can be followed by, what takes it back, what shows what it did."""

    links: tuple[Relation, ...] = ()
    undo: Relation | None = None
    verify: Relation | None = None


def read_links(source: Source, made: Sequence[Made], ids: Iterable[str]) -> dict[str, Told]:
    """By the name of the earlier tool. `ids` are those of all operations, of those that become no tool too: a link to one
    of these is no fault of the document."""
    speaking = [(one, list(_links(source, one.at))) for one in made]
    speaking = [(one, links) for one, links in speaking if links or _follows(one.tool) != (None, None)]
    if not speaking:
        return {}
    directory = Directory(source, made, ids)
    faces = Faces(source.schemas.definition_of("input"), source.schemas.definition_of("output"))
    found = {}
    left = LINKS_MAX
    for one, every in speaking:
        links = every[:left]
        left -= len(links)
        if len(links) < len(every):
            source.note(
                "link-broken", one.at, f"the document has more than {LINKS_MAX} links; the others are left aside."
            )
        read = (_Link(source, directory, faces, one, place, status).read() for status, place in links)
        undo, verify = _follows(one.tool)
        found[one.tool.name] = Told(
            tuple(dict.fromkeys(link for link in read if link is not None)),
            _follow(source, directory, faces, one, "undo", undo) if undo else None,
            _follow(source, directory, faces, one, "verify", verify) if verify else None,
        )
    return found


def _follows(tool: Tool) -> tuple[Follow | None, Follow | None]:
    return (None, None) if tool.extension is None else (tool.extension.undo, tool.extension.verify)


def _links(source: Source, operation: At) -> Iterator[tuple[str, At]]:
    """The links of its successes, each with the status: nothing follows on an error."""
    responses = operation.get("responses")
    told = responses.value if responses is not None and isinstance(responses.value, dict) else {}
    count = 0
    for status in told:
        if responses is None or (not status.startswith(("2", "3")) and len(told) > 1):
            continue
        try:
            links = source.settle(responses.child(status)).get("links")
        except Malformed:
            continue  # noted where the answers are compiled
        if links is None:
            continue
        if not isinstance(links.value, dict):
            source.note("link-broken", links, "an object belongs here; left aside.")
            continue
        for name in links.value:
            count += 1
            if count > LINKS_OF_AN_OPERATION_MAX:
                detail = f"it has more than {LINKS_OF_AN_OPERATION_MAX} links; the others are left aside."
                source.note("link-broken", links, detail)
                return
            yield status, links.child(name)


class _Link:
    """One link while it is read: `mended` is what was read otherwise than it stands, `broken` what was left aside."""

    def __init__(
        self, source: Source, directory: Directory, faces: Faces, earlier: Made, place: At, status: str
    ) -> None:
        self._source = source
        self._directory = directory
        self._faces = faces
        self._earlier = earlier.tool
        self._place = place
        self._status = status if status == "default" else status.upper()
        self._answer = faces.answer(earlier.tool, self._status)
        self._mended: list[str] = []
        self._broken: list[str] = []

    def read(self) -> Relation | None:
        """None where it leads to no tool."""
        relation = None
        try:
            link = self._source.settle(self._place)
            later = self._target(link)
            relation = self._relation(link, later.tool) if later is not None else None
        except (Malformed, Lost) as error:
            self._broken = [error.detail.rstrip(".")]
        if self._broken:
            said = "; ".join(self._broken)[:SAID_CHARACTERS_MAX]
            self._source.note("link-broken", self._place, f"{said}; left aside.")
        if self._mended:
            said = "; ".join(self._mended)[:SAID_CHARACTERS_MAX]
            self._source.note("link-repaired", self._place, f"{said}.")
        return relation

    def _target(self, link: At) -> Made | None:
        told_id, reference = link.value.get("operationId"), link.value.get("operationRef")
        if isinstance(told_id, str) and told_id:
            found, mended = self._directory.by_id(told_id)
        elif isinstance(reference, str) and reference:
            found, mended = self._directory.by_reference(reference, link.uri)
        else:
            raise Lost("it names no operation, by `operationId` or by `operationRef`")
        self._mended += [mended] if mended else []
        return found

    def _relation(self, link: At, later: Tool) -> Relation | None:
        self._require_server(link, later)
        bindings: dict[str, Binding] = {}
        for name, value in self._parameters(link):
            try:
                argument = self._argument(later, name)
                bindings[argument] = self._bind(later, argument, value)
            except Lost as error:
                self._broken.append(f"{name[:60]}: {error.detail}")
        if "requestBody" in link.value:
            try:
                for binding in self._body(later, link.value["requestBody"]):
                    bindings.setdefault(binding.argument, binding)
            except Lost as error:
                self._broken.append(f"requestBody: {error.detail}")
        if not bindings and self._broken:
            return None
        return Relation(self._earlier.name, later.name, "link", tuple(bindings.values()))

    def _require_server(self, link: At, later: Tool) -> None:
        """A link may name another server than that of its operation; no tool sends anything there."""
        if link.value.get("server") is None or self._source.manifest.base_url:
            return
        try:
            url = server_of([[link.value["server"]]], self._source.root.uri, "", "")
        except Malformed as error:
            raise Lost("its `server` has no URL that can be called") from error
        if url != later.operation.server:
            raise Lost("its `server` is another than that of the operation")

    def _parameters(self, link: At) -> list[tuple[str, Any]]:
        told = link.value.get("parameters")
        if told is not None and not isinstance(told, dict):
            self._broken.append("`parameters` is no object")
        return list(told.items())[:PARAMETERS_OF_A_LINK_MAX] if isinstance(told, dict) else []

    def _argument(self, later: Tool, name: str) -> str:
        """The argument that a parameter is: by its name, or with its place in front (`path.id`)."""
        where, _, rest = name.partition(".")
        parameters = later.operation.parameters
        for one in parameters:
            if one.name == name or (one.location == where and one.name == rest):
                return one.argument
        field = _fields(later).get(name)
        if field is not None:
            self._mended.append(f"{name[:60]} is a property of the body, and no parameter")
            return field
        near = [one for one in parameters if snake(one.name) == snake(name)]
        if len(near) != 1:
            raise Lost(f"{later.operation.key} has no such parameter")
        self._mended.append(f"the parameter {near[0].name[:60]!r} is taken for {name[:60]!r}")
        return near[0].argument

    def _bind(self, later: Tool, argument: str, value: Any) -> Binding:
        if not isinstance(value, str):
            return Binding(argument, _constant(value))
        origin = self._origin(value)
        return Binding(argument, origin, self._faces.needs_text(self._earlier, origin, later, argument, self._status))

    def _origin(self, text: str) -> str:
        mended = mend_value(text)
        try:
            parts = parse_value(mended)
        except ExpressionBroken as error:
            raise Lost(error.detail) from error
        if mended != text:
            self._mended.append(f"{mended[:100]!r} is taken for {text[:100]!r}")
        if len(parts) == 1:
            return self._origin_of(parts[0]) if isinstance(parts[0], Expression) else _constant(parts[0])
        if any(isinstance(part, str) and ("{" in part or "}" in part) for part in parts):
            raise Lost("it has braces that hold no expression")
        return "template:" + "".join(
            f"{{{self._origin_of(part)}}}" if isinstance(part, Expression) else part for part in parts
        )

    def _origin_of(self, expression: Expression) -> str:
        match expression.of, expression.part:
            case "url", _:
                return "url:"
            case "method", _:
                return _constant(self._earlier.operation.method)
            case "statusCode", _:
                if not self._status.isdigit():
                    raise Lost("the status is not known beforehand")
                return _constant(int(self._status))
            case "response", "header":
                return f"headers:{expression.name.lower()}"
            case "response", _:
                return self._answered(expression.name)
            case _, "body":
                return _asked_body(self._earlier, expression.name)
            case _:
                return self._asked(expression)

    def _asked(self, expression: Expression) -> str:
        """A parameter of the earlier call; the name of a header has no case."""
        wanted, where = expression.name, expression.part
        named = [
            one
            for one in self._earlier.operation.parameters
            if one.name == wanted or (one.location == "header" and one.name.lower() == wanted.lower())
        ]
        placed = [one for one in named if one.location == where] or named
        if len(placed) != 1:
            raise Lost(f"{self._earlier.operation.key} has no {where} parameter {wanted[:60]!r}")
        if placed[0].location != where:
            self._mended.append(f"{wanted[:60]} is in the {placed[0].location}, not in the {where}")
        return f"arguments:/{escape(placed[0].argument)}"

    def _answered(self, pointer: str) -> str:
        """A place in the answer, which its schema must have where it has one. What is said of a list is meant of each of
        its items."""
        root, look_up = self._answer, self._faces.answered
        if has_place(root, look_up, pointer):
            return pointer
        if kinds(root, look_up) == {"array"} and has_place(root, look_up, f"/-{pointer}"):
            self._mended.append(f"the answer is a list, and {pointer[:100]} is that of an item")
            return f"/-{pointer}"
        raise Lost(f"the answer has no {pointer[:100]}")

    def _body(self, later: Tool, value: Any) -> Iterator[Binding]:
        """What `requestBody` gives: the argument that is the whole body, or those that are its properties. Raises Lost."""
        body = later.operation.body
        if body is None:
            raise Lost(f"{later.operation.key} takes no body")
        if body.argument:
            yield self._bind(later, body.argument, value)
            return
        fields = _fields(later)
        if isinstance(value, dict):
            unknown = next((name for name in value if name not in fields), None)
            if unknown is not None:
                raise Lost(f"the body of {later.operation.key} has no {unknown[:60]!r}")
            yield from (Binding(fields[name], _constant(member)) for name, member in value.items())
            return
        origin = self._origin(value) if isinstance(value, str) else ""
        if not isinstance(value, str) or (origin and not origin.startswith("/")):
            raise Lost("its properties are not told")
        whole = schema_at(self._answer, self._faces.answered, origin)
        for name, argument in fields.items():
            pointer = f"/{escape(name)}"
            if schema_at(whole, self._faces.answered, pointer) is not None:
                place = origin + pointer
                yield Binding(
                    argument, place, self._faces.needs_text(self._earlier, place, later, argument, self._status)
                )


def _follow(
    source: Source, directory: Directory, faces: Faces, earlier: Made, key: str, follow: Follow
) -> Relation | None:
    """What `x-factotum` says of undoing or verifying; None where that leads to no tool."""
    place = At(None, earlier.at.uri, f"{earlier.at.pointer}/{KEY}/{key}")
    try:
        later = directory.by_key(follow.operation)
        if later is None:
            return None
        names = {one.name: one.argument for one in later.tool.operation.parameters} | _fields(later.tool)
        names |= {name: name for name in faces.arguments(later.tool)}
        unknown = next((name for name in follow.arguments if name not in names), None)
        if unknown is not None:
            raise Lost(f"{later.tool.operation.key} has no argument {unknown[:60]!r}")
    except Lost as error:
        source.note("extension-broken", place, f"{error.detail}; left aside.")
        return None
    bindings = (
        Binding(names[name], origin, faces.needs_text(earlier.tool, origin, later.tool, names[name]))
        for name, origin in follow.arguments.items()
    )
    return Relation(earlier.tool.name, later.tool.name, "told", tuple(bindings))


def _fields(tool: Tool) -> dict[str, str]:
    """The arguments that are properties of the body, by their names there."""
    body = tool.operation.body
    return {field.name: field.argument for field in body.fields} if body is not None else {}


def _asked_body(earlier: Tool, pointer: str) -> str:
    """A place in the body of the earlier call, among its arguments. Raises Lost."""
    body = earlier.operation.body
    if body is None:
        raise Lost(f"{earlier.operation.key} takes no body")
    if body.argument:
        return f"arguments:/{escape(body.argument)}{pointer}"
    argument = _fields(earlier).get(tokens(pointer)[0]) if pointer else None
    if argument is None:
        raise Lost(f"the body of {earlier.operation.key} has no {pointer[:100] or 'argument that is all of it'}")
    return "/".join([f"arguments:/{escape(argument)}", *pointer.split("/")[2:]])


def _constant(value: Any) -> str:
    encoded = msgspec.json.encode(value)
    if len(encoded) > CONSTANT_BYTES_MAX:
        raise Lost(f"its value is longer than {CONSTANT_BYTES_MAX} bytes")
    return f"constant:{encoded.decode()}"
