"""What stands in a document as another kind of value than belongs there, as what it plainly means: a flag as a word, one
thing where a list of them belongs, a list by name. Nothing is guessed: what has no plain meaning is None."""

from typing import Any

from gateway.core.place import At

Json = dict[str, Any]

_YES = frozenset({"true", "yes", "on", "1", "y"})
_NO = frozenset({"false", "no", "off", "0", "n"})
_SCOPES = " ,"


def flag_meant(value: Any) -> bool | None:
    """`yes`, `"true"` and 1 are true."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    return True if word in _YES else False if word in _NO else None


def parameters_meant(at: At) -> list[At] | None:
    """A list of parameters; one alone, or several by name, are such a list too. Nulls among them are none."""
    value = at.value
    if isinstance(value, list):
        return [at.child(index) for index, one in enumerate(value) if one is not None]
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("in"), str):
        return [at]
    return by_name(at)


def by_name(at: At) -> list[At] | None:
    """The objects of a map, each with its name in it; None where it has anything else."""
    if not all(isinstance(one, dict) for one in at.value.values()):
        return None
    members = [(name, at.child(name)) for name in at.value]
    return [one if "$ref" in one.value else one._replace(value={"name": name, **one.value}) for name, one in members]


def servers_meant(value: Any) -> list[Any] | None:
    """A list of servers; a URL alone is a server, a server alone a list of one."""
    if isinstance(value, str):
        return [{"url": value}]
    if isinstance(value, dict):
        listed = [value] if "url" in value else list(value.values())
        return servers_meant(listed) if listed else None
    if not isinstance(value, list):
        return None
    return [{"url": one} if isinstance(one, str) else one for one in value]


def tags_meant(value: Any) -> list[Any] | None:
    """A list of names; one alone is such a list, and a tag written out is its name."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        return None
    return [one["name"] if isinstance(one, dict) and "name" in one else one for one in value]


def security_meant(value: Any) -> list[Any] | None:
    """A list of alternatives; one alone is such a list, the name of a scheme alone an alternative."""
    if isinstance(value, dict):
        return security_meant([value])
    if not isinstance(value, list):
        return None
    alternatives = [{one: []} if isinstance(one, str) and one else one for one in value]
    return [
        {scheme: _scopes(scopes) for scheme, scopes in one.items()} if isinstance(one, dict) else one
        for one in alternatives
    ]


def _scopes(value: Any) -> Any:
    if isinstance(value, dict):
        return list(value)
    return value.replace(",", " ").split() if isinstance(value, str) else value


def content_meant(value: Any) -> Json | None:
    """Media types by name; a list of names, or one alone, says nothing of their schemas."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return {one: {} for one in value}
    return value if isinstance(value, dict) else None


def properties_meant(at: At) -> dict[str, At] | None:
    """Properties by name, of a list of them: each says its `name`, or is a map of one."""
    found: dict[str, At] = {}
    for index, one in enumerate(at.value if isinstance(at.value, list) else ()):
        item = at.child(index)
        if not isinstance(one, dict):
            return None
        if isinstance(one.get("name"), str):
            said = {key: member for key, member in one.items() if key not in ("name", "in")}
            found[one["name"]] = item._replace(value=said)
        elif len(one) == 1:
            [name] = one
            found[name] = item.child(name)
        else:
            return None
    return found or None


def schema_meant(value: Any, types: frozenset[str]) -> Json | None:
    """A type alone is a schema of that type, and a pointer alone a reference to what it points to."""
    if not isinstance(value, str):
        return None
    if value.startswith(("#/", "./", "../")):
        return {"$ref": value}
    return {"type": value.lower()} if value.lower() in types else None


def pattern_meant(pattern: str) -> str:
    """A regular expression as a program's source has it, `/^a+$/i`, without what is around it there."""
    start, _, flags = pattern.rpartition("/")
    if not start.startswith("/^") or not start.endswith("$") or not set(flags) <= set("gimsuy"):
        return pattern
    return f"(?i){start[1:]}" if "i" in flags else start[1:]
