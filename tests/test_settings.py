"""Settings: where they come from, and what happens to one that does not fit."""

from pathlib import Path

import pytest

from gateway.settings import (
    MemoryStore,
    Secrets,
    Settings,
    SettingsBroken,
    load_secrets,
    load_settings,
)


def test_nothing_set_gives_the_defaults(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path) == Settings()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "factotum.yaml").write_text("port: 9000\nmcp: {list_tools_max: 7}\nstore: {kind: memory}\n")
    settings = load_settings({"FACTOTUM_MCP__LIST_TOOLS_MAX": "9", "FACTOTUM_POLICY_PACKS": "a,b"}, tmp_path)
    assert (settings.port, settings.mcp.list_tools_max, settings.store) == (9000, 9, MemoryStore())
    assert settings.policy_packs == ("a", "b")


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"FACTOTUM_PROT": "1"}, "prot"),
        ({"FACTOTUM_PORT": "many"}, "port"),
        ({"FACTOTUM_PORT": "70000"}, "port"),
        ({"FACTOTUM_PORT__NUMBER": "1", "FACTOTUM_PORT": "1"}, "FACTOTUM_PORT__NUMBER"),
        ({"FACTOTUM_STORE__KIND": "clay-tablet"}, "clay-tablet"),
        ({"FACTOTUM_CONFIG": "nowhere.yaml"}, "nowhere.yaml"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(tmp_path: Path, environ: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsBroken, match=told):
        load_settings(environ, tmp_path)


def test_a_file_that_is_no_yaml_is_named_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "factotum.yaml").write_text("port: 1\nhost: [")
    with pytest.raises(SettingsBroken, match="line"):
        load_settings({}, tmp_path)


def test_secrets_come_from_the_environment_and_from_files_and_are_never_printed(tmp_path: Path) -> None:
    (tmp_path / "mail-token").write_text("from-a-file\n")
    settings = Settings(secrets_dir=str(tmp_path))
    secrets = load_secrets({"FACTOTUM_SECRET_HOME_TOKEN": "from-the-environment"}, settings)
    assert dict(secrets) == {"home-token": "from-the-environment", "mail-token": "from-a-file"}
    assert "from-" not in f"{secrets!r} {secrets}"


def test_a_secret_is_no_setting(tmp_path: Path) -> None:
    assert load_settings({"FACTOTUM_SECRET_X": "y"}, tmp_path) == Settings()
    assert repr(Secrets({"x": "y"})) == "Secrets(['x'])"


def test_every_setting_is_in_the_documentation() -> None:
    text = (Path(__file__).parent.parent / "docs" / "settings.md").read_text(encoding="utf-8")

    def leaves(part: type, path: str = "") -> list[str]:
        found = []
        for field in part.__struct_fields__:
            default = getattr(part(), field)
            deeper = hasattr(default, "__struct_fields__") and field not in ("store", "ranker")
            found += leaves(type(default), f"{path}{field}.") if deeper else [f"{path}{field}"]
        return found

    assert [name for name in leaves(Settings) if f"`{name}`" not in text] == []
