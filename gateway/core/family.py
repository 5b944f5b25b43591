"""The operations on one resource as a family: who lists its things, shows, makes, changes, replaces and deletes one, and what
else can be done to them. Told by paths and methods, and by the words of the operation where these leave it open."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from gateway.core.noun import Words, is_plural, named, noun_of, singular, split
from gateway.core.relation import Family, Member
from gateway.core.route import ANY, Route, is_literal
from gateway.core.tool import Tool

MEMBERS_MAX = 40
# So many operations on one path are looked at: there are fewer methods.
ENTRIES_OF_A_PLACE_MAX = 20
CHANGES = named("update updates edit modify change changes patch set save upsert amend rename")
MAKES = named(
    "create creates add adds new make insert register post save submit upload put send issue open start invite"
)
# What puts one thing that there is to another, or switches something on.
ADDS = MAKES | named(
    "enable join follow star like subscribe watch block mute pin assign grant attach link associate set mark accept allow"
    " activate favorite vote share lock hold suspend connect include approve"
)
# What is done by a POST on a collection without making one thing of it.
OTHERWISE = named(
    "search find query list get fetch read count export bulk batch delete remove validate verify check preview test"
    " calculate estimate update replace merge sync login logout refresh cancel lookup filter multiple many all move"
    " reorder sort import process execute run clear reset purge aggregate compute convert parse match resolve ping"
)
# What else a PUT or a PATCH may do than to write what it is given.
ELSE = named(
    "move moves copy convert merge restore cancel send reorder import reset refresh start stop run execute trigger"
)
# What stands behind a name and picks no thing of it, and names that are of no collection.
NO_KEYS = named(
    "path field fields filter format status state date from to start end language locale lang query q term page limit"
    " offset width height size year month day lat lon latitude longitude amount"
)
NO_NOUNS = named("update delete get list search add create remove edit set find query new by lookup check validate")
# A name beneath a collection that is something to do, and no thing.
ACTIONS = OTHERWISE | named("copy clone download summary stats statistics archive restore publish autocomplete suggest")


class Entry(Struct, frozen=True, eq=False):
    """One tool as families look at it. `is_list`: its answer is a list; `has_list`: it is or holds the list that it is about,
    None where no schema tells."""

    tool: Tool
    route: Route
    is_list: bool = False
    has_list: bool | None = None

    @property
    def has_body(self) -> bool:
        return self.tool.operation.body is not None

    @property
    def method(self) -> str:
        return self.tool.operation.method


class Place(Struct, eq=False):
    """All that stands on one path. `parameter`: there are paths `<this>/{...}`, and what they call it first."""

    steps: tuple[str, ...]
    entries: list[Entry]
    parameter: Words = ()

    @property
    def is_collection(self) -> bool:
        return bool(self.parameter)

    def by(self, method: str) -> Entry | None:
        return next((one for one in self.entries if one.method == method and not one.route.verb), None)


Places = Mapping[tuple[str, ...], Place]


def place_entries(entries: Iterable[Entry]) -> dict[tuple[str, ...], Place]:
    """By their steps. Of several on one path and method the first counts; of a great many on one path the first few."""
    places: dict[tuple[str, ...], Place] = {}
    for one in entries:
        place = places.setdefault(one.route.steps, Place(one.route.steps, []))
        if len(place.entries) < ENTRIES_OF_A_PLACE_MAX:
            place.entries.append(one)
    for steps, place in list(places.items()):
        if _is_item(place):
            beneath = places.setdefault(steps[:-1], Place(steps[:-1], []))
            beneath.parameter = beneath.parameter or split(place.entries[0].route.names[-1])
    return places


def _is_item(place: Place) -> bool:
    """Whether it is the path of one thing of a collection."""
    steps = place.steps
    if len(steps) < 2 or steps[-1] != ANY or not is_literal(steps[-2]):
        return False
    noun, key = split(steps[-2]), split(place.entries[0].route.names[-1])
    return bool(noun and key) and key[-1] not in NO_KEYS and not (len(noun) == 1 and noun[0] in NO_NOUNS)


class Group(Struct, eq=False):
    """A family while it is put together: the steps of its collection, or of the one thing that it is about."""

    steps: tuple[str, ...]
    noun: Words
    members: dict[str, list[Entry]]
    # What the paths of its things call one; () where it is about one thing only.
    parameter: Words = ()

    @property
    def has_items(self) -> bool:
        return bool(self.parameter)

    @property
    def around(self) -> Words:
        """The words of its path before its name, each for one of what it names."""
        return tuple(singular(word) for step in self.steps[:-1] if is_literal(step) for word in split(step))

    def one(self, role: str) -> Entry | None:
        """The only one of that role."""
        found = self.members.get(role, ())
        return found[0] if len(found) == 1 else None

    @property
    def entries(self) -> Iterator[tuple[str, Entry]]:
        return ((role, one) for role, every in self.members.items() for one in every)

    def frozen(self) -> Family:
        members = tuple(Member(role, one.tool.name) for role, one in self.entries)
        return Family(f"/{'/'.join(self.steps)}", "_".join(self.noun), members[:MEMBERS_MAX])


def group_entries(places: Places) -> dict[tuple[str, ...], Group]:
    """The families by their steps; each entry is in one at most."""
    groups: dict[tuple[str, ...], Group] = {}
    for place in places.values():
        for one in place.entries:
            found = _role(places, place, one)
            if found is not None:
                steps, role = found
                group = groups.setdefault(steps, Group(steps, noun_of(steps[-1]), {}, places[steps].parameter))
                group.members.setdefault(role, []).append(one)
    return {steps: group for steps, group in groups.items() if _is_family(places, group)}


def _is_family(places: Places, group: Group) -> bool:
    """One operation alone is a family only where it has a collection's path."""
    return places[group.steps].is_collection or sum(map(len, group.members.values())) > 1


def _role(places: Places, place: Place, one: Entry) -> tuple[tuple[str, ...], str] | None:
    """The steps of its family, and its role there."""
    steps = place.steps
    if not steps or not any(map(is_literal, steps)):
        return None
    is_item = _is_item(place)
    if one.route.verb:
        collection = steps[:-1] if is_item else steps
        words = "_".join(split(one.route.verb))
        return (collection, words) if words and is_literal(collection[-1]) and collection in places else None
    if is_item:
        role = _item_role(place, places[steps[:-1]], one)
        return (steps[:-1], role) if role else None
    if not is_literal(steps[-1]):
        return None
    if place.is_collection or _is_list(place):
        role = _collection_role(place, one)
        return (steps, role) if role else None
    return _action(places, place, one) or _single(place, one)


def _item_role(place: Place, collection: Place, one: Entry) -> str:
    """Of what stands on the path of one thing."""
    if one.method in ("PUT", "PATCH") and _first_word(one) in ELSE:
        return ""
    match one.method:
        case "GET":
            return "" if one.is_list or _first_word(one) in ("list", "lists", "search") else "get"
        case "PUT" if one.has_body or collection.by("POST") is not None:
            return "replace"
        case "PUT":
            return _switched_on(place, one)
        case "PATCH":
            return "update"
        case "DELETE":
            return "delete"
        case "POST" if one.has_body and words_of(one) & CHANGES:
            return "update"
        case _:
            return ""


def _collection_role(place: Place, one: Entry) -> str:
    match one.method:
        case "GET" if one.has_list or (one.has_list is None and place.is_collection and is_plural(place.steps[-1])):
            return "list"
        case "POST" if makes_one(place, one):
            return "create"
        case _:
            return ""


def makes_one(place: Place, one: Entry) -> bool:
    """Whether a POST on a collection makes one thing of it, as its words have it."""
    said, own = words_of(one), _words_of_path(one)
    if (said - own) & named("bulk batch multiple many") or one.is_list:
        return False
    if _first_word(one) in OTHERWISE and not said & MAKES:
        return False
    return bool(said & MAKES) or (place.is_collection and not (said - own) & OTHERWISE)


def _is_list(place: Place) -> bool:
    """A collection of whose things none has a path of its own."""
    shown = place.by("GET")
    return shown is not None and shown.has_list is True and is_plural(place.steps[-1])


def _action(places: Places, place: Place, one: Entry) -> tuple[tuple[str, ...], str] | None:
    """What can be done to a thing (`/orders/{}/cancel`), or with a collection (`/orders/search`)."""
    steps = place.steps
    words = split(steps[-1])
    if len(steps) < 2 or not words:
        return None
    is_listed = len(steps) > 3 and steps[-3] == ANY and steps[-2] in ("actions", "action")
    if steps[-2] == ANY or is_listed:
        collection = steps[:-3] if is_listed else steps[:-2]
        is_done = one.method in ("POST", "PUT", "PATCH") and place.by("DELETE") is None
        is_said = _first_word(one) == words[0] or words[0] in ACTIONS
        is_done = is_done and (is_said or (one.method == "POST" and place.by("GET") is None))
        is_done = is_done and not (is_plural(steps[-1]) and words_of(one) & MAKES)
    else:
        collection = steps[:-1]
        is_done = one.method == "POST" or (one.method == "GET" and words[0] in ACTIONS)
        is_done = is_done and (one.method != "POST" or place.by("GET") is None)
    if not is_done or not collection or collection not in places or not places[collection].is_collection:
        return None
    return collection, "_".join(words)


def _single(place: Place, one: Entry) -> tuple[tuple[str, ...], str] | None:
    """What stands on the path of a thing of which there is one only: `/account/settings`."""
    if one.is_list or (one.method == "DELETE" and one.has_body):
        return None
    role = {"GET": "get", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}.get(one.method, "")
    if one.method in ("PUT", "POST") and not one.has_body:
        role = _switched_on(place, one)
    return (place.steps, role) if role else None


def _switched_on(place: Place, one: Entry) -> str:
    """The role of a write that takes no body: what can be deleted there was made by it, where its words say no other."""
    others = [other for other in place.entries if other is not one and other.method in ("PUT", "POST", "PATCH")]
    if others or place.by("DELETE") is None:
        return "replace" if one.method == "PUT" and words_of(one) & CHANGES else ""
    return "create" if words_of(one) & ADDS else ""


def _first_word(one: Entry) -> str:
    """Of its title, which is a verb as often as not."""
    return (*split(one.tool.title.partition(" ")[0]), "")[0]


def words_of(one: Entry) -> frozenset[str]:
    """What its document calls it."""
    return frozenset((*split(one.tool.operation.operation_id), _first_word(one)))


def _words_of_path(one: Entry) -> frozenset[str]:
    return frozenset(word for step in one.route.steps if is_literal(step) for word in split(step))
