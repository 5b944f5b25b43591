"""Things to do."""

from typing import Any

from benchmarks.intents.house.backend import Asked, State, add, find, named, says


def _list(state: State, asked: Asked) -> Any:
    due = asked.get("due_before")
    found = [
        one
        for one in named(state["tasks"])
        if asked.get("status") in (None, one["status"])
        and asked.get("project") in (None, one.get("project"))
        and (due is None or one.get("due", "9999") < due)
        and says(asked.get("search"), one["title"])
    ]
    return {"tasks": found[asked.get("offset") : asked.get("offset") + asked.get("limit")], "total": len(found)}


def _task(state: State, asked: Asked) -> Any:
    return find(state["tasks"], asked.get("task_id"), "task")


def _change(state: State, asked: Asked) -> Any:
    _task(state, asked).update(asked.body)
    return {"id": asked.get("task_id"), **_task(state, asked)}


def _become(status: str) -> Any:
    def become(state: State, asked: Asked) -> Any:
        _task(state, asked)["status"] = status
        return {"id": asked.get("task_id"), **_task(state, asked)}

    return become


def _delete(state: State, asked: Asked) -> None:
    _task(state, asked)
    del state["tasks"][asked.get("task_id")]


HANDLERS = {
    "getTasks": _list,
    "createTask": lambda state, asked: add(state["tasks"], "t", {"priority": "normal", **asked.body, "status": "open"}),
    "getTask": lambda state, asked: {"id": asked.get("task_id"), **_task(state, asked)},
    "updateTask": _change,
    "completeTask": _become("done"),
    "reopenTask": _become("open"),
    "deleteTask": _delete,
}
