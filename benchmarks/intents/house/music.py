"""Players in rooms, and what they can play."""

from typing import Any

from benchmarks.intents.house.backend import Asked, State, find, named, says


def _player(state: State, asked: Asked) -> Any:
    return find(state["players"], asked.get("player_id"), "player")


def _told(state: State, asked: Asked) -> Any:
    return {"id": asked.get("player_id"), **_player(state, asked)}


def _search(state: State, asked: Asked) -> Any:
    kind = asked.get("type")
    found = [{"uri": uri, **one} for uri, one in state["library"].items() if kind in (None, one["type"])]
    return {"items": [one for one in found if says(asked.get("q"), one["title"], one.get("artist", ""))]}


def _play(state: State, asked: Asked) -> Any:
    uri = asked.body["uri"]
    find(state["library"], uri, "such thing to play")
    _player(state, asked).update(uri=uri, status="playing")
    return _told(state, asked)


def _pause(state: State, asked: Asked) -> Any:
    player = _player(state, asked)
    if player["status"] == "playing":
        player["status"] = "paused"
    return _told(state, asked)


def _resume(state: State, asked: Asked) -> Any:
    player = _player(state, asked)
    if player["status"] == "paused":
        player["status"] = "playing"
    return _told(state, asked)


def _volume(state: State, asked: Asked) -> Any:
    _player(state, asked)["volume"] = asked.body["level"]
    return _told(state, asked)


HANDLERS = {
    "players.list": lambda state, _: {"players": named(state["players"])},
    "players.get": _told,
    "players.play": _play,
    "players.pause": _pause,
    "players.resume": _resume,
    "players.volume": _volume,
    "library.search": _search,
}
