"""One document while it is compiled: its files, its schemas, what was repaired, and typed ways to look into it."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from msgspec import Raw

from gateway.core import swagger
from gateway.core.declared import Answer
from gateway.core.document import require_openapi
from gateway.core.manifest import HeaderAuth, Manifest, QueryAuth
from gateway.core.mend import flag_meant
from gateway.core.place import Scope
from gateway.core.references import At, Documents, Malformed, pointer_steps
from gateway.core.schema import Schemas
from gateway.core.tool import Repair
from gateway.core.work import COPIED_A_STEP

REPAIRS_MAX = 10_000

Meant = TypeVar("Meant")


class Source:
    """What every step of the compilation looks at. `repairs` grows as they go; a place has one for each reason."""

    def __init__(self, manifest: Manifest, documents: Documents) -> None:
        self.version = require_openapi(documents.root.value)
        self.manifest = manifest
        self.documents = documents
        self.work = documents.work
        self.root = documents.root
        self.is_swagger = self.version.startswith("2")
        self.repairs: dict[tuple[str, str], Repair] = {}
        # What was read of each `x-factotum`, by its identity: the document's is inherited by every operation.
        self.extensions: dict[tuple[int, type], dict[str, Any]] = {}
        # The schemas of answers by where they stand, and the roots of these.
        self.roots: dict[tuple[str, str, Scope, bool], tuple[dict[str, Any] | None, Raw]] = {}
        self._answers: dict[tuple[str, str, bytes, str], Answer] = {}
        self.schemas = Schemas(documents, self.note, siblings_count=not self.version.startswith(("2", "3.0")))
        if self.is_swagger:
            for key in swagger.odd_places(self.root.value):
                self.note("server-repaired", self.root.child(key), f"`{key}` has more or less than belongs in it.")
        self.credential_parameters = frozenset(self._credential_parameters()) | _own_credential(manifest)

    def note(self, reason: str, at: At, detail: str) -> None:
        place = self.documents.place(at)
        if len(self.repairs) < REPAIRS_MAX:
            self.repairs.setdefault((place, reason), Repair(place, reason, detail))

    def shared(self, answer: Answer) -> Answer:
        """The first of its like: operations fail in the same few ways."""
        key = (answer.status, answer.media_type, bytes(answer.root), answer.description)
        return self._answers.setdefault(key, answer)

    def settle(self, at: At) -> At:
        """Follow its `$ref`s to an object; a summary or description beside the `$ref` counts (OAS 3.1 section 4.8.23).
        Raises Malformed."""
        settled = self.documents.resolve(at)
        if not isinstance(settled.value, dict):
            raise Malformed("malformed", self.documents.place(at), "an object belongs here.")
        if settled is at:
            return at
        texts = {key: at.value[key] for key in ("summary", "description") if isinstance(at.value.get(key), str)}
        if not texts:
            return settled
        self.work.spend(1 + len(settled.value) // COPIED_A_STEP)
        return settled._replace(value={**settled.value, **texts})

    def followed(self, at: At | None) -> At | None:
        """Past its `$ref`, where it is one: lists and maps too are kept elsewhere. None where that leads nowhere, which is
        noted."""
        try:
            return self.documents.resolve(at) if at is not None else None
        except Malformed as error:
            assert at is not None
            self.note(error.reason, at, error.detail)
            return None

    def meant(self, at: At, key: str, mend: Callable[[Any], Meant | None]) -> Meant | None:
        """A member as what it plainly means; a note where that is not what it says. None where it has no meaning."""
        found = self.followed(at.get(key))
        if found is None:
            return None
        told = mend(found.value)
        if told is not None and told != found.value:
            self.note(
                "wrong-type-repaired", found, f"`{key}` is not of the kind that belongs here; its meaning is plain."
            )
        return told

    def with_flags(self, at: At, keys: Iterable[str]) -> At:
        """The same object, with whatever of these it has true or false."""
        odd = [key for key in keys if key in at.value and not isinstance(at.value[key], bool | None)]
        if not odd:
            return at
        flags = {key: flag_meant(at.value[key]) for key in odd}
        for key, flag in flags.items():
            taken = "it is left aside" if flag is None else f"{str(flag).lower()} is taken"
            self.note("flag-repaired", at.child(key), f"`{key}` has to be true or false; {taken}.")
        return at._replace(value={**at.value, **flags})

    def members(self, at: At | None) -> dict[str, At]:
        """The members of an object; of nothing, none. Raises Malformed where it is no object."""
        if at is None:
            return {}
        if not isinstance(at.value, dict):
            raise Malformed("malformed", self.documents.place(at), "an object belongs here.")
        self.work.spend(len(at.value) * pointer_steps(at))
        return {key: at.child(key) for key in at.value}

    def inherited(self, operation: At, key: str) -> Any:
        """What the operation says, or else the document (Swagger's `consumes` and `produces`, and `security`)."""
        level = operation if operation.value.get(key) is not None else self.root
        if isinstance(level.value.get(key), str):
            self.note("wrong-type-repaired", level.child(key), "a list belongs here; one alone is taken for one.")
        return level.value.get(key)

    def _credential_parameters(self) -> set[tuple[str, str]]:
        """Where apiKey schemes put their secret, as (in, name): never an argument (a header's name in lower case)."""
        if self.is_swagger:
            schemes = self.followed(self.root.get("securityDefinitions"))
        else:
            components = self.followed(self.root.get("components"))
            schemes = self.followed(components.get("securitySchemes")) if components else None
        found: set[tuple[str, str]] = set()
        if schemes is None or not isinstance(schemes.value, dict):
            return set()
        for key in schemes.value:
            try:
                scheme = self.settle(schemes.child(key)).value
            except Malformed:
                continue
            name, where = scheme.get("name"), scheme.get("in")
            if scheme.get("type") == "apiKey" and isinstance(name, str) and isinstance(where, str):
                found.add((where, name.lower() if where == "header" else name))
        return found


def _own_credential(manifest: Manifest) -> frozenset[tuple[str, str]]:
    """Where the gateway itself puts the connector's secret."""
    match manifest.auth:
        case HeaderAuth(header=header):
            return frozenset({("header", header.lower())})
        case QueryAuth(parameter=parameter):
            return frozenset({("query", parameter)})
        case _:
            return frozenset()
