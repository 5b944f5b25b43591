"""Policies where they lie: which files are in force, and what the case tables beside them say. Decides nothing."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway.core.policy import PolicyBroken, load_policies
from gateway.core.policy_cases import CaseTable, run_cases, table_catalog
from gateway.core.yaml_tree import parse_yaml
from gateway.errors import BadRequest
from gateway.settings import Settings, SettingsBroken, shipped

CASES_SUFFIX = ".cases.yaml"


def read_policies(settings: Settings) -> dict[str, str]:
    """The policies in force by file name: those of `policies_dir` (the shipped default where none is set), and the
    shipped packs that `policy_packs` names. Raises SettingsBroken."""
    paths = policy_paths(settings)
    names = [path.name for path in paths]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingsBroken(
            f"Two policy files in force are named {twice[0]}; give yours another name than the pack's."
        )
    return {path.name: _read(path) for path in paths}


def policy_paths(settings: Settings) -> list[Path]:
    """The files themselves. Raises SettingsBroken where the folder or a pack is not there."""
    folder = Path(settings.policies_dir) if settings.policies_dir else shipped("policies")
    if not folder.is_dir():
        raise SettingsBroken(f"policies_dir {folder} is not a folder.")
    packs = shipped("policies") / "packs"
    missing = [name for name in settings.policy_packs if not (packs / f"{name}.cedar").is_file()]
    if missing:
        known = ", ".join(sorted(path.stem for path in packs.glob("*.cedar")))
        raise SettingsBroken(f"There is no policy pack named {missing[0]}; there are {known}.")
    return [*sorted(folder.glob("*.cedar")), *(packs / f"{name}.cedar" for name in settings.policy_packs)]


def run_tables(settings: Settings) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """For each policy file in force that has a case table beside it: its name, how many cases it has, and those that came
    out otherwise, in words. Raises BadRequest where a table cannot be read."""
    for path in policy_paths(settings):
        table_path = path.with_name(path.stem + CASES_SUFFIX)
        if table_path.is_file():
            table = _read_table(table_path)
            files = {one.name: _read(one) for one in (path, *(path.parent / name for name in table.beside))}
            yield path.name, len(table.cases), _failures(files, table)


def _failures(files: dict[str, str], table: CaseTable) -> tuple[str, ...]:
    try:
        book = load_policies(files, table_catalog(table))
    except PolicyBroken as error:
        return (f"the policies do not fit the tools that the table declares: {error}",)
    return tuple(f"{one.case}: {one.detail}" for one in run_cases(book, table.cases))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsBroken(f"The policy file {path} cannot be read.") from error


def _read_table(path: Path) -> CaseTable:
    try:
        return msgspec.convert(parse_yaml(_read(path)), CaseTable)
    except msgspec.ValidationError as error:
        # msgspec's text names the place and the type that was expected.
        raise BadRequest(f"{path}: {error}") from error
