"""Whose answers give the arguments of whom: within a family and beneath it by the path, between families by names. An edge has
to be right: a name must say whose id it is, and the types must allow it."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from gateway.core.faces import NUMBERS, schema_at
from gateway.core.family import Entry, Group
from gateway.core.noun import Words, named, one_of, split
from gateway.core.outline import LookUp, kinds
from gateway.core.pointer import escape
from gateway.core.relation import Binding, Kind, Relation
from gateway.core.route import ANY
from gateway.core.thing_key import IDS, Argument, Fields, Thing, each_thing, key_field, one_thing, read_argument

NAMED_OF_A_TOOL_MAX = 10
OTHERS_OF_A_TOOL_MAX = 200
ELSEWHERE_MAX = 2
# What so many families are called, or so many tools list, tells nothing.
NAMESAKES_MAX = 100
# What names a thing of another family may end in these.
ENDINGS = IDS | {"slug", "number"}
# What is called after a thing alone, and means something else as often.
GENERIC = named(
    "order type status state page format version name limit sort filter query date language locale country currency"
    " region category tag label mode role key token event action source scope group level view field search value"
    " time size count total index position color size image link url text title code model service device default"
    " target metric unit method path file content message note comment description result option setting config"
)

# `key_id` is more often that of a secret's key than of a thing that is called so.
NOT_NAMED = named("key")

PAST = named("deleted archived trash trashed")

Steps = tuple[str, ...]


class Asked(Struct, frozen=True):
    """What one tool takes, as far as edges look at it: the arguments of its path in order, with the words of the parameters;
    those beside it that may name other things, by the words of their names on the wire; and those that it needs."""

    path: tuple[tuple[Words, str, Argument], ...] = ()
    others: tuple[tuple[Words, str, Argument], ...] = ()
    required: frozenset[str] = frozenset()


class Key(Struct, frozen=True):
    """Where the answers of a family have what an argument asks for; "" where one does not plainly have it."""

    listed: str = ""
    made: str = ""
    shown: str = ""


class Web:
    """The families of one document, and the edges between its tools."""

    def __init__(self, entries: Iterable[Entry], groups: Mapping[Steps, Group], asked: LookUp, answers: Fields) -> None:
        self._groups = groups
        self._answers = answers
        self._keys: dict[tuple[Steps, Words, Argument], Key] = {}
        self._nouns: dict[Words, list[Steps]] = {}
        for steps, group in groups.items():
            if group.has_items:
                self._nouns.setdefault(group.noun, []).append(steps)
        entries = list(entries)
        self.asked = {one.tool.name: self._read(one, asked) for one in entries}
        # Who lists things of a schema, wherever its path stands.
        self._listing: dict[str, list[Entry]] = {}
        for one in entries:
            if one.has_list and one.tool.effect == "read" and (reference := self._reference(one)):
                self._listing.setdefault(reference, []).append(one)

    def edges(self, entry: Entry) -> Iterator[Relation]:
        """Those whose later tool it is, and those by which names in its answers lead to what they name."""
        yield from self._by_path(entry)
        yield from self._by_arguments(entry)
        yield from self._by_answer(entry)

    def key(self, group: Group, words: Words, argument: Argument) -> Key:
        """Where the answers of a family have what an argument of these words asks for."""
        known = (group.steps, words, argument)
        if known not in self._keys:
            listed, made, shown = (group.one(role) for role in ("list", "create", "get"))
            self._keys[known] = Key(
                self._find(listed, group, words, argument, every=True),
                self._find(made, group, words, argument),
                self._find(shown, group, words, argument),
            )
        return self._keys[known]

    def bind(self, earlier: Entry, later: Entry, count: int) -> list[Binding]:
        """The first arguments of both paths, which name the same things."""
        pairs = zip(self.asked[earlier.tool.name].path[:count], self.asked[later.tool.name].path[:count], strict=False)
        return [
            Binding(argument, f"arguments:/{escape(given)}", _needs_text(taken, takes))
            for (_, given, taken), (_, argument, takes) in pairs
            if given and argument
        ]

    def answered(self, group: Group, entry: Entry, shown: Entry) -> Relation | None:
        """How a tool shows the thing that another answers, whichever that is; None where that answers no such thing, with its
        key."""
        path = self.asked[shown.tool.name].path
        words, name, argument = path[-1] if path else ((), "", Argument())
        if not name or not bytes(entry.tool.outputs) or not bytes(shown.tool.outputs):
            return None
        answers, asked = (msgspec.json.decode(one.tool.outputs) for one in (shown, entry))
        schemas = [one.schema for one in one_thing(self._answers, answers, group.noun)]
        same = (one for one in one_thing(self._answers, asked, group.noun) if one.schema in schemas)
        found = (key_field(self._answers, one, words, group.noun, argument, group.around) for one in same)
        pointer = next((one for one in found if one is not None), "")
        if not pointer:
            return None
        binding = Binding(name, pointer, self._text_for(entry, pointer, argument))
        bindings = (*self.bind(entry, shown, len(path) - 1), binding)
        return Relation(entry.tool.name, shown.tool.name, "family", bindings)

    def _read(self, entry: Entry, look_up: LookUp) -> Asked:
        root = msgspec.json.decode(entry.tool.inputs)
        schemas = root.get("properties", {})
        operation = entry.tool.operation
        in_path = {
            one.name.lstrip("+").rstrip("*"): one.argument for one in operation.parameters if one.location == "path"
        }
        wire = [(split(one.name), one.argument) for one in operation.parameters if one.location in ("query", "header")]
        wire += [(split(one.name), one.argument) for one in operation.body.fields] if operation.body is not None else []
        naming = [pair for pair in wire if self._families(pair[0])][:OTHERS_OF_A_TOOL_MAX]
        path = [(split(name), in_path.get(name, "")) for name in entry.route.names]

        def read(words: Words, argument: str) -> tuple[Words, str, Argument]:
            return words, argument, read_argument(schemas.get(argument), look_up)

        return Asked(
            tuple(read(*pair) for pair in path),
            tuple(read(*pair) for pair in naming),
            frozenset(root.get("required", ())),
        )

    # Within a family and beneath it.

    def _by_path(self, entry: Entry) -> Iterator[Relation]:
        """The nearest thing in its path whose family can list or make one, and what stands before it in the path too."""
        steps = entry.route.steps
        count = len(self.asked[entry.tool.name].path)
        for at in range(len(steps) - 1, 0, -1):
            if steps[at] != ANY:
                continue
            count -= 1
            group = self._groups.get(steps[:at])
            if group is None:
                continue
            found = list(self.giving(group, entry, count)) or list(self._listed_elsewhere(group, entry, count))
            if found:
                yield from found
                return

    def giving(self, group: Group, later: Entry, at: int) -> Iterator[Relation]:
        """The tools of a family whose answers give the argument at a place in the path of a tool, with what both name
        before it."""
        path = self.asked[later.tool.name].path
        words, name, argument = path[at] if at < len(path) else ((), "", Argument())
        if name and argument.is_scalar:
            yield from self._giving(group, words, argument, later, name, "family", at)

    def _giving(
        self, group: Group, words: Words, argument: Argument, later: Entry, name: str, kind: Kind, count: int
    ) -> Iterator[Relation]:
        """The tools of a family whose answers give an argument; of both paths the first `count` are the same things."""
        key = self.key(group, words, argument)
        for role, pointer in (("list", key.listed), ("create", key.made)):
            earlier = group.one(role)
            if earlier is None or not pointer or earlier is later:
                continue
            if kind == "name" and words == group.noun and not pointer.endswith("/id"):
                continue
            binding = Binding(name, pointer, self._text_for(earlier, pointer, argument))
            yield Relation(earlier.tool.name, later.tool.name, kind, (*self.bind(earlier, later, count), binding))

    def _listed_elsewhere(self, group: Group, later: Entry, at: int) -> Iterator[Relation]:
        """Where a family lists nothing: the nearest tools that list things of the schema that its `get` shows."""
        shown = group.one("get")
        path = self.asked[later.tool.name].path
        if shown is None or at >= len(path) or not (reference := self._reference(shown)):
            return
        words, name, argument = path[at]
        before, listing = group.steps.count(ANY), self._listing.get(reference, ())
        if len(listing) > NAMESAKES_MAX:
            return
        near = [one for one in listing if _shared(group.steps, one) == before and not _is_past(one)]
        near.sort(key=lambda one: (-_common(one.route.steps, later.route.steps), len(one.route.steps), one.tool.name))
        for earlier in near[:ELSEWHERE_MAX]:
            pointer = self._find(earlier, group, words, argument, every=True) if name and argument.is_scalar else ""
            if pointer and earlier is not later:
                binding = Binding(name, pointer, self._text_for(earlier, pointer, argument))
                bindings = (*self.bind(earlier, later, before), binding)
                yield Relation(earlier.tool.name, later.tool.name, "family", bindings)

    def _reference(self, entry: Entry) -> str:
        """The name of the schema of what it answers, or lists; "" where that has none."""
        thing = self._subject(entry) if bytes(entry.tool.outputs) else None
        schema = thing.schema if thing is not None else None
        reference = schema.get("$ref", "") if isinstance(schema, dict) and len(schema) == 1 else ""
        return str(reference)

    def _find(self, entry: Entry | None, group: Group, words: Words, argument: Argument, *, every: bool = False) -> str:
        if entry is None or not bytes(entry.tool.outputs):
            return ""
        answer = msgspec.json.decode(entry.tool.outputs)
        if entry.is_list and not every:
            return ""
        things = (each_thing if every else one_thing)(self._answers, answer, group.noun)
        found = (key_field(self._answers, thing, words, group.noun, argument, group.around) for thing in things)
        return next((one for one in found if one is not None), "")

    def _text_for(self, earlier: Entry, pointer: str, argument: Argument) -> bool:
        look_up = self._answers.look_up
        given = kinds(schema_at(msgspec.json.decode(earlier.tool.outputs), look_up, pointer), look_up) - {"null"}
        return bool(given) and given <= NUMBERS and bool(argument.kinds) and not argument.kinds & NUMBERS

    # Between families.

    def _families(self, words: Words) -> list[Steps]:
        """Those that a name may be of: `customer_id`, or `customer` where that is what their path calls it."""
        if len(words) > 1 and words[-1] in ENDINGS:
            return self._nouns.get(words[:-1], []) if words[-2] not in NOT_NAMED else []
        if words and words[-1] not in GENERIC:
            return [steps for steps in self._nouns.get(words, ()) if self._groups[steps].parameter == words]
        return []

    def _by_arguments(self, entry: Entry) -> Iterator[Relation]:
        for words, name, argument in self.asked[entry.tool.name].others:
            group = self._nearest(self._families(words), entry)
            if group is not None and argument.is_scalar:
                yield from self._giving(group, words, argument, entry, name, "name", _shared(group.steps, entry))

    def _by_answer(self, entry: Entry) -> Iterator[Relation]:
        """The fields of what it answers that name a thing of another family, which that shows."""
        if not bytes(entry.tool.outputs):
            return
        thing = self._subject(entry)
        count = 0
        for words, (name, schema) in self._answers.of(thing.schema).items() if thing is not None else ():
            found = self._names(entry, Thing(f"{thing.pointer}/{escape(name)}", schema), words) if thing else None
            if found is not None:
                yield found
                count += 1
                if count == NAMED_OF_A_TOOL_MAX:
                    return

    def _names(self, entry: Entry, field: Thing, words: Words) -> Relation | None:
        holding, naming = self._nouns.get(words, []), self._families(words)
        if not holding and not naming:
            return None
        is_object = self._answers.is_object(field.schema)
        families = holding if is_object else naming
        group = self._nearest(families, entry)
        shown = group.one("get") if group is not None else None
        if group is None or shown is None:
            return None
        path = self.asked[shown.tool.name].path
        asked, name, argument = path[-1]
        if is_object:
            pointer = key_field(self._answers, field, asked, group.noun, argument, group.around)
        else:
            is_plain = words != group.noun
            if not is_plain and not self.key(group, asked, argument).shown.endswith("/id"):
                return None
            fits = _ends_alike(words, asked, group.noun) and argument.takes(
                field.schema, self._answers.look_up, is_plain=is_plain
            )
            pointer = field.pointer if fits else None
        if pointer is None or not name:
            return None
        before = self.bind(entry, shown, min(_shared(group.steps, entry), len(path) - 1))
        needed = self.asked[shown.tool.name].required - {name} - {one.argument for one in before}
        if needed:
            return None
        binding = Binding(name, pointer, self._text_for(entry, pointer, argument))
        return Relation(entry.tool.name, shown.tool.name, "name", (*before, binding))

    def _subject(self, entry: Entry) -> Thing | None:
        """The thing that it answers, or one of those."""
        answer = msgspec.json.decode(entry.tool.outputs)
        noun = one_of(split(next((step for step in reversed(entry.route.steps) if step != ANY), "")))
        things = list((each_thing if entry.has_list else one_thing)(self._answers, answer, noun))
        return things[0] if things else None

    def _nearest(self, families: list[Steps], entry: Entry) -> Group | None:
        """The family that shares the most of its path with a tool, of these the one with the shortest; none where that is
        not one alone, or where the tool's own path names a thing of it or is its own."""
        if not families or len(families) > NAMESAKES_MAX:
            return None
        own = entry.route.steps
        ranked = sorted((-_common(steps, own), len(steps), steps) for steps in families)
        if len(ranked) > 1 and ranked[0][:2] == ranked[1][:2]:
            return None
        steps = ranked[0][2]
        is_own = own[: len(steps)] == steps
        return None if is_own else self._groups[steps]


def _ends_alike(words: Words, asked: Words, noun: Words) -> bool:
    """Whether a name (`order_id`) ends in what the path asks for (`{id}`, `{order_id}`, `{order}`)."""
    rest = asked[len(noun) :] if asked[: len(noun)] == noun else asked
    own = words[len(noun) :] if words[: len(noun)] == noun else words
    return rest == own or (not rest and own == ("id",)) or (not own and not rest)


def _is_past(entry: Entry) -> bool:
    """Whether it lists what is there no longer."""
    return bool(PAST & {word for step in entry.route.steps if step != ANY for word in split(step)})


def _common(steps: Steps, others: Steps) -> int:
    count = 0
    for one, other in zip(steps, others, strict=False):
        if one != other:
            break
        count += 1
    return count


def _shared(steps: Steps, entry: Entry) -> int:
    """How many things the paths of a family and a tool both name, from the start."""
    return steps[: _common(steps, entry.route.steps)].count(ANY)


def _needs_text(given: Argument, takes: Argument) -> bool:
    return bool(given.kinds) and given.kinds <= NUMBERS and bool(takes.kinds) and not takes.kinds & NUMBERS
