"""The mailbox of one address. Lists come in pages and without bodies."""

from typing import Any

from benchmarks.intents.house.backend import Asked, State, add, find, named, says

OWNER = "ada@home.example"


def _list(state: State, asked: Asked) -> Any:
    found = [
        {key: value for key, value in one.items() if key != "body"}
        for one in named(state["messages"])
        if one["folder"] == asked.get("folder")
        and asked.get("unread") in (None, one["unread"])
        and says(asked.get("from"), one["from"]["name"], one["from"]["address"])
        and says(asked.get("q"), one["subject"], one["body"])
    ]
    found.sort(key=lambda one: one["date"], reverse=True)
    start = int(cursor) if (cursor := asked.get("cursor", "0")).isdigit() else 0
    end = start + asked.get("limit")
    return {"data": found[start:end], "paging": {"next": str(end)} if end < len(found) else {}}


def _sent(state: State, asked: Asked, to: list[str], subject: str, **more: Any) -> Any:
    message = {"from": {"name": "Ada", "address": OWNER}, "to": to, "subject": subject, "body": asked.body["body"]}
    return add(
        state["messages"], "m", {**message, "date": asked.now.isoformat(), "folder": "sent", "unread": False, **more}
    )


def _send(state: State, asked: Asked) -> Any:
    return _sent(state, asked, asked.body["to"], asked.body.get("subject", ""))


def _reply(state: State, asked: Asked) -> Any:
    key = asked.get("messageId")
    message = find(state["messages"], key, "message")
    return _sent(state, asked, [message["from"]["address"]], f"Re: {message['subject']}", in_reply_to=key)


def _change(state: State, asked: Asked) -> Any:
    message = find(state["messages"], asked.get("messageId"), "message")
    message.update(asked.body)
    return {"id": asked.get("messageId"), **message}


def _delete(state: State, asked: Asked) -> None:
    find(state["messages"], asked.get("messageId"), "message")
    del state["messages"][asked.get("messageId")]


HANDLERS = {
    "list_messages": _list,
    "send_message": _send,
    "get_message": lambda state, asked: {
        "id": asked.get("messageId"),
        **find(state["messages"], asked.get("messageId"), "message"),
    },
    "update_message": _change,
    "delete_message": _delete,
    "reply_to_message": _reply,
}
