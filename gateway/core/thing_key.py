"""What identifies a thing: which field of an answer is what an argument asks for. A name has to say it, and the types to allow
it: where either is in doubt there is no key."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from msgspec import Struct

from gateway.core.faces import schema_at
from gateway.core.noun import Words, named, one_of, singular, split
from gateway.core.outline import LookUp, followed, kinds, members
from gateway.core.paging import find_items
from gateway.core.pointer import escape

# What an identifier's name ends in.
KEY_WORDS = named(
    "id ids uuid guid gid sid uid oid pk key slug number no num code name username login handle email identifier ref"
    " reference urn arn isbn sku ean upc hash token address uri iri did"
)
# Of these a field alone does not say whose they are: a thing's own is what its family's path asks for.
IDS = named("id uuid guid gid sid uid oid pk")
# Where an answer keeps the one thing that it gives.
ENVELOPES: tuple[Words, ...] = (
    *(("data",), ("result",), ("item",), ("resource",), ("payload",), ("response",)),
    *(("body",), ("entity",), ("object",), ("record",)),
)
LIST_ENVELOPES: tuple[Words, ...] = (*ENVELOPES, ("embedded",), ("results",))
METADATA: tuple[Words, ...] = (("metadata",),)
SCALARS = frozenset({"string", "integer", "number"})
# Formats that tell values apart; the others are about ranges and shapes.
FORMATS = named("uuid date date-time email uri url ipv4 ipv6 hostname time duration byte binary password")
FIELDS_MAX = 500
NAME_CHARACTERS_MAX = 100
NULL = frozenset({"null"})


class Thing(Struct, frozen=True):
    """An object in an answer that may be the thing itself, and the pointer to it."""

    pointer: str
    schema: Any


class Fields:
    """The fields of the objects in the answers of one document. What stands under a name is taken apart once."""

    def __init__(self, look_up: LookUp) -> None:
        self.look_up = look_up
        self._known: dict[str, dict[Words, tuple[str, Any]]] = {}

    def of(self, schema: Any) -> Mapping[Words, tuple[str, Any]]:
        """By the words of their names; the name and the schema of each."""
        reference = schema["$ref"] if isinstance(schema, dict) and len(schema) == 1 and "$ref" in schema else ""
        if reference in self._known:
            return self._known[reference]
        told = islice(members(schema, self.look_up).items(), FIELDS_MAX)
        found = {split(name): (name, one) for name, one in told if len(name) <= NAME_CHARACTERS_MAX}
        if reference:
            self._known[reference] = found
        return found

    def objects(self, schema: Any, names: Iterable[Words]) -> Iterator[Thing]:
        """Those of its fields that are called so and are objects."""
        for words in names:
            found = self.of(schema).get(words)
            if found is not None and self.is_object(found[1]):
                yield Thing(f"/{escape(found[0])}", found[1])

    def is_object(self, schema: Any) -> bool:
        return "object" in kinds(schema, self.look_up) or "properties" in followed(schema, self.look_up)

    def is_list(self, schema: Any) -> bool:
        return "array" in kinds(schema, self.look_up)

    def items(self, schema: Any) -> Any:
        return followed(schema, self.look_up).get("items")


def one_thing(fields: Fields, answer: Any, noun: Words) -> Iterator[Thing]:
    """Where an answer may have the one thing that it is about, the surest first: under its name, in an envelope, at the
    root, in Kubernetes' `metadata`."""
    yield from fields.objects(answer, (noun,))
    for held in fields.objects(answer, ENVELOPES):
        yield from _beneath(held, fields.objects(held.schema, (noun,)))
        yield held
    yield Thing("", answer)
    yield from fields.objects(answer, METADATA)


def each_thing(fields: Fields, answer: Any, noun: Words) -> Iterator[Thing]:
    """The same of an answer that is a list; none where no list is plain."""
    place = list_in(fields, answer, noun)
    if place is None:
        return
    item = Thing(f"{place.pointer}/-", fields.items(place.schema))
    yield from _beneath(item, fields.objects(item.schema, (noun,)))
    yield item
    yield from _beneath(item, fields.objects(item.schema, METADATA))


def list_in(fields: Fields, answer: Any, noun: Words) -> Thing | None:
    """The list that an answer gives: the one that is called after the things, or the one that paging would take."""
    for held in (Thing("", answer), *fields.objects(answer, LIST_ENVELOPES)):
        for words, (name, schema) in fields.of(held.schema).items():
            if noun and one_of(words) == noun and fields.is_list(schema):
                return Thing(f"{held.pointer}/{escape(name)}", schema)
    pointer = find_items(answer, fields.look_up)
    return Thing(pointer, schema_at(answer, fields.look_up, pointer)) if pointer is not None else None


def key_field(
    fields: Fields, thing: Thing, asked: Words, noun: Words, argument: "Argument", around: Words = ()
) -> str | None:
    """The pointer of the field of a thing that a parameter of its path asks for; None where that is not plain. `asked` are
    the words of the parameter, `noun` what the thing is called, `around` the other words of its path."""
    known = fields.of(thing.schema)
    for words, is_plain in _wanted(asked, noun, around):
        if words in known:
            name, schema = known[words]
            fits = argument.takes(schema, fields.look_up, is_plain=is_plain)
            return f"{thing.pointer}/{escape(name)}" if fits else None
    return None


def _beneath(held: Thing, things: Iterable[Thing]) -> Iterator[Thing]:
    return (Thing(held.pointer + one.pointer, one.schema) for one in things)


def _wanted(asked: Words, noun: Words, around: Words) -> Iterator[tuple[Words, bool]]:
    """The words of fields that may be meant, the surest first, and whether the name alone says it."""
    rest = _without(asked, noun, around)
    if not rest:
        # `/customers/{customer}`: its id, where it has one of that type, or what is called so.
        yield ("id",), False
        yield asked, True
        return
    if rest[-1] in KEY_WORDS:
        yield asked, True
        if rest != asked:
            yield rest, True
        if len(rest) == 1 and rest == asked and rest[0] in IDS:
            yield (*noun, rest[0]), True
            yield (*noun[-1:], rest[0]), True
    if noun and asked == (f"{noun[-1][:1]}id",):
        yield ("id",), True


def _without(words: Words, noun: Words, around: Words) -> Words:
    """The words of a parameter without the noun in front, or the end of the noun: `order_id` of a purchase order is its id,
    and so is `shop_order_id` of `/shops/orders`."""
    named = words
    while len(named) > len(noun) + 1 and singular(named[0]) in around and one_of(named[: len(noun)]) != noun:
        named = named[1:]
    for start in range(len(noun)):
        part = noun[start:]
        if one_of(named[: len(part)]) == part:
            return named[len(part) :]
    return words


class Argument(Struct, frozen=True):
    """What an argument takes, as far as its schema tells: types, a format, whether only listed values."""

    kinds: frozenset[str] = frozenset()
    format: str = ""
    is_closed: bool = False

    @property
    def is_scalar(self) -> bool:
        return not self.is_closed and (not self.kinds or bool(self.kinds & SCALARS))

    def takes(self, schema: Any, look_up: LookUp, *, is_plain: bool) -> bool:
        """Whether it takes what a field of this schema has. A number is written as text only where the names are plain."""
        given = kinds(schema, look_up) - NULL
        whole = followed(schema, look_up)
        if self.is_closed or "enum" in whole or "const" in whole or given - SCALARS or "properties" in whole:
            return False
        told = str(whole.get("format", ""))
        if {told, self.format} <= FORMATS and told != self.format:
            return False
        if not given or not self.kinds:
            return is_plain
        if given & self.kinds or ("number" in self.kinds and "integer" in given):
            return True
        if "string" in given:
            return False
        return is_plain and self.format not in FORMATS


def read_argument(schema: Any, look_up: LookUp) -> Argument:
    whole = followed(schema, look_up)
    return Argument(kinds(schema, look_up) - NULL, str(whole.get("format", "")), bool(whole.keys() & {"enum", "const"}))
