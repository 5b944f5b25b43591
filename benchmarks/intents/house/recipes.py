"""A cookbook, and which of its recipes are favourites."""

from typing import Any

from benchmarks.intents.house.backend import Asked, State, find, says


def _search(state: State, asked: Asked) -> Any:
    found = [
        {"id": key, **{name: one[name] for name in ("title", "minutes", "servings", "tags")}}
        for key, one in state["recipes"].items()
        if says(asked.get("query"), one["title"], *(item["name"] for item in one["ingredients"]))
        and one["minutes"] <= asked.get("max_minutes", 1_000)
        and asked.get("tag") in (None, *one["tags"])
    ]
    return {"results": found, "count": len(found)}


def _get(state: State, asked: Asked) -> Any:
    return {"id": asked.get("recipe_id"), **find(state["recipes"], asked.get("recipe_id"), "recipe")}


def _mark(state: State, asked: Asked) -> Any:
    find(state["recipes"], asked.get("recipe_id"), "recipe")
    state["favourites"][asked.get("recipe_id")] = True


def _unmark(state: State, asked: Asked) -> Any:
    find(state["favourites"], asked.get("recipe_id"), "favourite")
    del state["favourites"][asked.get("recipe_id")]


HANDLERS = {
    "search_recipes": _search,
    "get_recipe": _get,
    "list_favourites": lambda state, _: [
        {"id": key, "title": state["recipes"][key]["title"]} for key in state["favourites"]
    ],
    "add_favourite": _mark,
    "remove_favourite": _unmark,
}
