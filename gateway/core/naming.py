"""Names of tools and arguments: readable, valid for every client, the same whatever the order of the document."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256

from msgspec import Struct

NAME_CHARACTERS_MAX = 64
HASH_CHARACTERS = 6
# An underscore and as many digits as there can be arguments.
NUMBER_CHARACTERS_MAX = 5
# What stands for the whole catalog, and the actions that policies know effects by.
RESERVED = frozenset({"search_tools", "describe_tool", "call_tool", "read", "write", "destructive"})

# The plural of an acronym (`IDs`, `URLs`) is one word.
_WORDS = re.compile(r"[A-Z]{2,}s(?![a-z0-9])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_ARGUMENT = re.compile(r"[^a-zA-Z0-9_.-]+")


class Identity(Struct, frozen=True):
    """What an operation may be named by. `name` is what its document wants its tool to be called, if anything."""

    method: str
    path: str
    operation_id: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


def name_tools(prefix: str, operations: Sequence[Identity]) -> list[str]:
    """One name each, in the order given. A name that is told or an id names its operation where no other has it; else
    method and path do; where these give a name that is taken, a hash of them is put behind. The order changes nothing.
    """
    owned = _own_names(operations)
    wanted = [own or _name_by_path(one) for own, one in zip(owned, operations, strict=True)]
    fitted = [_fit(_prefixed(prefix, name)) for name in wanted]
    every = Counter(fitted)
    by_own = Counter(name for name, own in zip(fitted, owned, strict=True) if own)

    def is_free(name: str, own: str) -> bool:
        return name not in RESERVED and (every[name] == 1 or (own != "" and by_own[name] == 1))

    return [
        name if is_free(name, own) else _with_hash(name, one.key)
        for name, own, one in zip(fitted, owned, operations, strict=True)
    ]


def snake(text: str) -> str:
    """`listPetsV2`, `list-pets/v2` -> `list_pets_v2`. What is snake already stays as it is."""
    plain = unicodedata.normalize("NFKD", text.replace("'", "")).encode("ascii", "ignore").decode()
    if re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", plain):
        return plain
    return "_".join(_WORDS.findall(plain)).lower()


def words(text: str) -> str:
    """A name as a phrase: `listPets` -> `List pets`."""
    return snake(text).replace("_", " ").capitalize()


def name_argument(wire_name: str) -> str:
    """A wire name as an argument: `filter[name]` -> `filter_name`, `$top` -> `top`. One that is fit stays as it is."""
    if len(wire_name) <= NAME_CHARACTERS_MAX and wire_name and not _ARGUMENT.search(wire_name):
        return wire_name
    return _ARGUMENT.sub("_", wire_name).strip("_")[:NAME_CHARACTERS_MAX].strip("_") or "value"


class Distinct:
    """Gives out names, each once."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = set(reserved)
        # Where to go on counting, so that many of one name do not start at 2 each time.
        self._numbers: dict[str, int] = {}

    def take(self, name: str, location: str) -> str:
        """`name`, or where it is taken `<location>_<name>`, or that with a number."""
        candidate = name if name not in self._taken else f"{location}_{name}"[:NAME_CHARACTERS_MAX]
        base = candidate[: NAME_CHARACTERS_MAX - NUMBER_CHARACTERS_MAX]
        while candidate in self._taken:
            number = self._numbers[base] = self._numbers.get(base, 1) + 1
            candidate = f"{base}_{number}"
        self._taken.add(candidate)
        return candidate


def _own_names(operations: Sequence[Identity]) -> list[str]:
    """What each alone is told to be called, or else has as its id; "" where there is neither. Names go before ids."""
    pairs = [(snake(one.name), snake(one.operation_id)) for one in operations]
    names, ids = Counter(name for name, _ in pairs), Counter(own for _, own in pairs)
    return [
        name if name and names[name] == 1 else own if ids[own] == 1 and own not in names else "" for name, own in pairs
    ]


def _name_by_path(one: Identity) -> str:
    """`GET /rooms/{id}/lights` -> `get_rooms_by_id_lights`."""
    spoken = _PLACEHOLDER.sub(lambda match: f" by {match[1]} ", one.path)
    return snake(f"{one.method.lower()} {spoken}") or one.method.lower()


def _prefixed(prefix: str, name: str) -> str:
    start = snake(prefix)
    return name if not start or name == start or name.startswith(f"{start}_") else f"{start}_{name}"


def _fit(name: str) -> str:
    return name if len(name) <= NAME_CHARACTERS_MAX else _with_hash(name, name)


def _with_hash(name: str, hashed: str) -> str:
    """The name cut so that a hash fits behind it: at a word where that keeps most of it."""
    digest = sha256(hashed.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_CHARACTERS]
    room = NAME_CHARACTERS_MAX - HASH_CHARACTERS - 1
    if len(name) > room:
        head = name[: room + 1].rpartition("_")[0]
        name = head if len(head) > room // 2 else name[:room]
    return f"{name}_{digest}"
