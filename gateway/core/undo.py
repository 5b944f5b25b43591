"""What takes a call back, and what shows what it did, as far as families tell. Only what can be called whole: every argument
that it needs comes from the call or from its answer. What deletes is not taken back."""

from gateway.core.edges import Web
from gateway.core.family import Entry, Group, words_of
from gateway.core.noun import named
from gateway.core.pointer import escape
from gateway.core.relation import Binding, Relation
from gateway.core.route import ANY

# What is done to a thing, and what undoes it.
OPPOSITES = (
    ("lock", "unlock"), ("archive", "unarchive"), ("enable", "disable"), ("activate", "deactivate"),
    ("publish", "unpublish"), ("follow", "unfollow"), ("mute", "unmute"), ("pin", "unpin"), ("star", "unstar"),
    ("like", "unlike"), ("block", "unblock"), ("subscribe", "unsubscribe"), ("pause", "resume"), ("suspend", "unsuspend"),
    ("suspend", "resume"), ("hide", "unhide"), ("ban", "unban"), ("attach", "detach"), ("assign", "unassign"),
    ("link", "unlink"), ("freeze", "unfreeze"), ("hold", "unhold"), ("power_on", "power_off"), ("poweron", "poweroff"),
)  # fmt: skip

# What is out in the world is not taken back by deleting what is kept of it.
SENT = named("email mail sms call fax message payment charge refund transfer payout notification")
QUERIES_MAX = 5


def undo_of(web: Web, group: Group, role: str, entry: Entry) -> Relation | None:
    """What takes back a call that made something, or that did what has an opposite."""
    if entry.tool.effect == "read":
        return None
    if role == "create":
        is_sent = group.noun[-1] in SENT or "send" in words_of(entry)
        return None if is_sent else _made(web, group, entry, group.one("delete"))
    for opposite in _opposites(role):
        other = group.one(opposite)
        # What takes a body needs to be told what was there before.
        if other is not None and not other.has_body and other.route.steps[:-1] == entry.route.steps[:-1]:
            return _same_things(web, entry, other)
    return None


def verify_of(web: Web, group: Group, role: str, entry: Entry) -> Relation | None:
    """What shows the thing that a call wrote."""
    shown = group.one("get")
    if shown is None or entry.tool.effect == "read":
        return None
    if role == "create":
        return _made(web, group, entry, shown)
    steps = shown.route.steps
    if entry.route.steps[: len(steps)] != steps:
        return None
    if entry.method == "POST" and entry.has_body and role not in ("update", "replace"):
        # What is said there may be of another thing than that of the path: of the reply, and not of the letter.
        found = web.answered(group, entry, shown)
        return _whole(web, entry, shown, found) if found is not None else None
    return _same_things(web, entry, shown)


def _made(web: Web, group: Group, entry: Entry, later: Entry | None) -> Relation | None:
    """A call of what was made just now: its key is in the answer, or it was made at a path of its own."""
    if later is None:
        return None
    if entry.route.steps == later.route.steps:
        return _same_things(web, entry, later)
    path = web.asked[later.tool.name].path
    if later.route.steps != (*entry.route.steps, ANY) or not path or not path[-1][1]:
        return None
    relation = next((one for one in web.giving(group, later, len(path) - 1) if one.earlier == entry.tool.name), None)
    return _whole(web, entry, later, relation) if relation is not None else None


def _same_things(web: Web, entry: Entry, later: Entry) -> Relation | None:
    """A call of the things that the earlier one named in its path."""
    bindings = web.bind(entry, later, later.route.steps.count(ANY))
    if entry.route.steps == later.route.steps and later.route.steps[-1] != ANY:
        bindings += _same_queries(entry, later)
    return _whole(web, entry, later, Relation(entry.tool.name, later.tool.name, "family", tuple(bindings)))


def _same_queries(entry: Entry, later: Entry) -> list[Binding]:
    """What both take in the query under one name: some paths name their thing there."""
    given = {one.name: one.argument for one in entry.tool.operation.parameters if one.location == "query"}
    takes = [one for one in later.tool.operation.parameters if one.location == "query" and one.name in given]
    return [Binding(one.argument, f"arguments:/{escape(given[one.name])}") for one in takes[:QUERIES_MAX]]


def _whole(web: Web, entry: Entry, later: Entry, relation: Relation) -> Relation | None:
    """The relation with all that the later call needs; what both need under one name in the query or the headers (a version,
    an account) is the same for both. None where something is missing."""
    bound = {one.argument for one in relation.bindings}
    needed = web.asked[later.tool.name].required - bound
    if not needed:
        return relation
    given = {(one.location, one.name): one.argument for one in entry.tool.operation.parameters if one.required}
    same = [
        Binding(one.argument, f"arguments:/{escape(given[one.location, one.name])}")
        for one in later.tool.operation.parameters
        if one.argument in needed and one.location in ("query", "header") and (one.location, one.name) in given
    ]
    if len(same) < len(needed):
        return None
    return Relation(relation.earlier, relation.later, relation.kind, (*relation.bindings, *same))


def _opposites(role: str) -> list[str]:
    return [pair[1 - index] for pair in OPPOSITES for index in (0, 1) if pair[index] == role]
