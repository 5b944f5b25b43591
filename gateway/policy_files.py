"""Policies where they lie: which files are in force, and what the case tables beside them say. Decides nothing."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct, structs

from gateway.core.policy import PolicyBroken, load_policies
from gateway.core.policy_cases import CaseTable, run_cases, table_catalog
from gateway.core.policy_pack import Pack
from gateway.core.role_cases import RoleTable, run_role_cases
from gateway.core.roles import RoleBook, load_roles
from gateway.core.yaml_tree import parse_yaml
from gateway.errors import BadRequest, Conflict
from gateway.settings import Settings, SettingsBroken, shipped

CASES_SUFFIX = ".cases.yaml"
ROLES_FILE = "roles.cedar"
FILE_BYTES_MAX = 4 << 20

_T = TypeVar("_T")


# Where a file is, its inode and size, when it was written and when anything about it was last changed.
Place = tuple[str, int, int, int, int]


class PolicyFiles(Struct, frozen=True):
    """The policies that are to be in force: Cedar texts by file name, and those over the gateway's own API."""

    texts: Mapping[str, str]
    roles: RoleBook
    roles_file: str
    roles_text: str

    @property
    def all_texts(self) -> dict[str, str]:
        return {**self.texts, self.roles_file: self.roles_text}


class Look(Struct, frozen=True):
    """The policy files and case tables at one moment, and a digest of all they hold."""

    places: tuple[Place, ...]
    digest: str


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


def read_in_force(settings: Settings) -> PolicyFiles:
    """All that is to be in force. Raises SettingsBroken where a file cannot be read, or BadRequest where a case table does not
    come out as written or the policies over the gateway's own API are broken; whether the others fit the catalog is not looked
    at here."""
    texts, path = read_policies(settings), roles_path(settings)
    roles_text = _read(path)
    failures = [f"{name}: {failure}" for name, _, failures in run_tables(settings) for failure in failures]
    if failures:
        more = f" ({len(failures)} cases in all)" if len(failures) > 1 else ""
        raise BadRequest(f"A case came out otherwise than written{more}: {failures[0]}")
    return PolicyFiles(texts, _load_roles(path.name, roles_text), path.name, roles_text)


def look_at(settings: Settings, last: "Look | None" = None) -> "Look":
    """What policy files and case tables there are now. They are read only where one is not as it was at the last look. Raises
    SettingsBroken where one cannot be."""
    folders = {path.parent for path in (*policy_paths(settings), roles_path(settings))}
    folders.add(Path(settings.policies_dir) if settings.policies_dir else shipped("policies"))
    paths = sorted(path for folder in folders for kind in ("*.cedar", f"*{CASES_SUFFIX}") for path in folder.glob(kind))
    places = tuple(map(_place, paths))
    if last is not None and last.places == places:
        return last
    digest = sha256()
    for path in paths:
        digest.update(msgspec.json.encode((str(path), _read(path))))
    return Look(places, digest.hexdigest())


def read_others(settings: Settings, path: Path) -> dict[str, str]:
    """What would be in force with other files: those of a folder in place of `policies_dir`, or one file beside those there are,
    in place of the one of its name. Raises SettingsBroken."""
    if path.is_dir():
        return read_policies(structs.replace(settings, policies_dir=str(path)))
    return {**read_policies(settings), path.name: _read(path)}


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
    own = sorted(path for path in folder.glob("*.cedar") if path.name != ROLES_FILE)
    return [*own, *(packs / f"{name}.cedar" for name in settings.policy_packs)]


def roles_path(settings: Settings) -> Path:
    """The policies over the gateway's own API: `roles.cedar` of `policies_dir` where there is one, else the shipped one."""
    own = Path(settings.policies_dir) / ROLES_FILE if settings.policies_dir else None
    return own if own is not None and own.is_file() else shipped("policies") / ROLES_FILE


def _load_roles(file: str, text: str) -> RoleBook:
    """Raises BadRequest where the text is broken."""
    try:
        return load_roles(file, text)
    except PolicyBroken as error:
        raise BadRequest(f"The policies over the gateway's own API are broken: {error}") from error


def run_tables(settings: Settings) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """For each policy file in force that has a case table beside it: its name, how many cases it has, and those that came
    out otherwise, in words. Raises BadRequest where a table cannot be read."""
    for path in policy_paths(settings):
        table_path = path.with_name(path.stem + CASES_SUFFIX)
        if table_path.is_file():
            table = _convert_table(table_path, CaseTable)
            files = {one.name: _read(one) for one in (path, *(path.parent / name for name in table.beside))}
            yield path.name, len(table.cases), table_failures(files, table)
    path = roles_path(settings)
    table_path = path.with_name(path.stem + CASES_SUFFIX)
    if table_path.is_file():
        roles = _convert_table(table_path, RoleTable)
        failures = run_role_cases(_load_roles(path.name, _read(path)), roles.cases)
        yield path.name, len(roles.cases), tuple(f"{one.case}: {one.detail}" for one in failures)


def table_failures(files: Mapping[str, str], table: CaseTable) -> tuple[str, ...]:
    """The cases that come out otherwise with these files in force, in words."""
    also = {"also": table.also} if table.also else {}
    try:
        book = load_policies({**files, **also}, table_catalog(table))
    except PolicyBroken as error:
        return (f"the policies do not fit the tools that the table declares: {error}",)
    return tuple(f"{one.case}: {one.detail}" for one in run_cases(book, table.cases))


def _place(path: Path) -> Place:
    try:
        told = path.stat()
    except OSError as error:
        raise SettingsBroken(f"The policy file {path} cannot be read.") from error
    return str(path), told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns


def _read(path: Path) -> str:
    try:
        # What is no file might have no end.
        if not path.is_file() or path.stat().st_size > FILE_BYTES_MAX:
            raise SettingsBroken(f"{path} is no file of at most {FILE_BYTES_MAX} bytes.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsBroken(f"The policy file {path} cannot be read.") from error


def write_pack(pack: Pack, folder: Path) -> list[Path]:
    """Write its two files, the table first: beside it the policy is never without. Raises BadRequest where one is there already or
    cannot be written, or where what was made does not do what its table says."""
    paths = [folder / f"{pack.name}{CASES_SUFFIX}", folder / f"{pack.name}.cedar"]
    table = msgspec.convert(parse_yaml(pack.cases), CaseTable)
    if failures := table_failures({paths[1].name: pack.policy}, table):
        raise BadRequest(f"Nothing is written: {failures[0]}")
    if there := next((path for path in paths if path.exists()), None):
        raise Conflict(f"{there} is there already; take it away first.")
    try:
        for path, text in zip(paths, (pack.cases, pack.policy), strict=True):
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"{folder} cannot be written to.") from error
    return paths


def _convert_table(path: Path, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(parse_yaml(_read(path)), kind)
    except msgspec.ValidationError as error:
        # msgspec's text names the place and the type that was expected.
        raise BadRequest(f"{path}: {error}") from error
