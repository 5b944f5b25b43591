"""All settings: one frozen tree, and the only reader of the environment and of configuration files.

Later wins: the defaults here, then the file (`factotum.yaml` in the working directory, or what FACTOTUM_CONFIG names),
then the environment: FACTOTUM_PORT=9000, and two underscores for a step down: FACTOTUM_MCP__LIST_TOOLS_MAX=60.
Secrets are apart from it all: FACTOTUM_SECRET_GITHUB is the secret `github`, and so is the file `github` in `secrets_dir`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

from gateway.core.flow import FlowRule, Verdict
from gateway.core.issuer import Issuer
from gateway.core.plan import BYTES_MAX, CALLS_MAX, MONEY_MAX, TOKENS_MAX, WALL_S_MAX, Budget
from gateway.core.principal import Principal
from gateway.core.quota import Quota
from gateway.core.tenancy import TenantPowers
from gateway.core.toolset import NAME_PATTERN, Toolset

PREFIX = "FACTOTUM_"
SECRET_PREFIX = "FACTOTUM_SECRET_"  # noqa: S105 (the name of a prefix)
SECRET_BYTES_MAX = 64 << 10
# The short way to a planner with a language model: its address, and the secret `llm` where there is one.
LLM_URL = "FACTOTUM_LLM_URL"
LLM_SECRET = "llm"  # noqa: S105 (the name of a secret)
# Where the settings are, and which other gateway the command line is about.
NO_SETTINGS = frozenset({"FACTOTUM_CONFIG", "FACTOTUM_GATEWAY", LLM_URL})

Count = Annotated[int, Meta(ge=1)]
Bytes = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]


# As many as one process serves beside the list of all tools.
Toolsets = Annotated[dict[Annotated[str, Meta(pattern=NAME_PATTERN)], Toolset], Meta(max_length=100)]


class SettingsBroken(Exception):
    """A setting that cannot be used: which, and what would do."""


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    """One branch of the tree."""


class MemoryStore(_Part, frozen=True, tag_field="kind", tag="memory"):
    """Keeps nothing after the process ends. For tests and for trying things out."""


class SqliteStore(_Part, frozen=True, tag_field="kind", tag="sqlite"):
    """One file. `path` is relative to `data_dir`. `durability` is what a committed line survives: the end of the `process`,
    or a loss of `power` too."""

    path: str = "factotum.db"
    durability: Literal["process", "power"] = "power"


StoreSettings = MemoryStore | SqliteStore


class LexicalRanker(_Part, frozen=True, tag_field="kind", tag="lexical"):
    """BM25 over the words of each tool."""


class RemoteModel(_Part, frozen=True, tag_field="kind", tag="remote"):
    """An encoder that another process serves at `url` + `/v1/embeddings`. `secret` names the secret that it is shown as a bearer
    token. `width`: how many numbers a vector has; 0 asks the server at the start, and needs it there."""

    url: str
    model: str
    secret: str = ""
    width: Annotated[int, Meta(ge=0, le=8_192)] = 0


class LocalReranker(_Part, frozen=True, tag_field="kind", tag="local"):
    """`model` is the folder of a reranker, "" the small one that comes along, `full` the large one. It reads the best `candidates`
    of a search, for `deadline_s` at most; its order has so many `votes`, where words and meaning have one each."""

    model: str = ""
    candidates: Annotated[int, Meta(ge=1, le=1_000)] = 20
    votes: Annotated[float, Meta(gt=0, le=10)] = 1.0
    deadline_s: Seconds = 0.2


class RemoteReranker(_Part, frozen=True, tag_field="kind", tag="remote"):
    """The same, served at `url` + `/rerank`. `form`: TEI's, Cohere's (Jina, vLLM and Infinity have it too), or whichever is
    answered."""

    url: str
    model: str
    secret: str = ""
    form: Literal["auto", "tei", "cohere"] = "auto"
    candidates: Annotated[int, Meta(ge=1, le=1_000)] = 20
    votes: Annotated[float, Meta(gt=0, le=10)] = 1.0
    deadline_s: Seconds = 0.2


class FusedRanker(_Part, frozen=True, tag_field="kind", tag="fused"):
    """BM25 and vectors, put together. `model` is the folder of an encoder (`factotum model` makes one), "" the one that comes
    along, or a remote one; `device` is where models run: `auto`, `cpu`, `cuda`, ... A query whose vector is not there within
    `deadline_s` is answered by words alone."""

    model: str | RemoteModel = ""
    device: str = "auto"
    deadline_s: Seconds = 0.5
    reranker: LocalReranker | RemoteReranker | None = None


RankerSettings = LexicalRanker | FusedRanker


class GraphPlannerSettings(_Part, frozen=True, tag_field="kind", tag="graph"):
    """Words are planned by what the documents of the tools say, without a language model."""


class LlmPlannerSettings(_Part, frozen=True, tag_field="kind", tag="llm"):
    """A language model plans. `url` is what comes before `/chat/completions` or `/messages` (`/v1` where it has no path); `model`
    "" is the first that the server lists; `dialect` auto is Anthropic's where it is their host, else OpenAI's; `secret` names the
    secret that it is shown.

    It is told of `tools_max` tools in `tools_bytes_max` bytes, and answers within `answer_bytes_max` bytes and
    `answer_tokens_max` tokens; an answer is asked for `tries_max` times. One plan takes `rounds_max` answers, `deadline_s`
    seconds, and so many tokens read and written, at most. `read_price` and `written_price` are money for a million tokens, in
    any currency, and `money_max` is what one plan may cost in it. `tool_by_tool`: whether whoever wants it may have it see what
    each tool answered, and say the next."""

    url: str
    model: str = ""
    dialect: Literal["auto", "openai", "anthropic"] = "auto"
    secret: str = ""
    tools_max: Annotated[int, Meta(ge=1, le=50)] = 20
    tools_bytes_max: Annotated[int, Meta(ge=1_000, le=1 << 20)] = 48 << 10
    answer_bytes_max: Annotated[int, Meta(ge=1_000, le=16 << 20)] = 1 << 20
    answer_tokens_max: Annotated[int, Meta(ge=100, le=1_000_000)] = 8_000
    tries_max: Annotated[int, Meta(ge=1, le=10)] = 3
    rounds_max: Annotated[int, Meta(ge=1, le=20)] = 4
    deadline_s: Annotated[float, Meta(gt=0, le=600)] = 60.0
    read_tokens_max: Count = 200_000
    written_tokens_max: Count = 32_000
    read_price: Annotated[float, Meta(ge=0)] = 0.0
    written_price: Annotated[float, Meta(ge=0)] = 0.0
    money_max: Annotated[float, Meta(ge=0)] | None = None
    tool_by_tool: bool = False


PlannerSettings = GraphPlannerSettings | LlmPlannerSettings


class McpSettings(_Part, frozen=True):
    """`list_tools_max`: a caller who may see more tools than this is given the search tools instead of the list.
    `intent_tools`: whether tools that carry out intents stand beside every list."""

    list_tools_max: Count = 40
    intent_tools: bool = True
    page_tools_max: Count = 1_000
    list_ttl_ms: Annotated[int, Meta(ge=0)] = 60_000


class A2ASettings(_Part, frozen=True):
    """`enabled`: whether other agents may hand intents to the gateway over A2A. `push_hosts` are those that it may tell what
    becomes of a task, where an agent asks for that: `agent.example.com`, `*.example.com`, or `*`; none by default. They are
    reached by https at public addresses; with `push_allow_addresses`, networks that are not public, there and by http too."""

    enabled: bool = True
    push_hosts: tuple[str, ...] = ()
    push_allow_addresses: tuple[str, ...] = ()


class ChatSettings(_Part, frozen=True):
    """`enabled`: whether chat clients of OpenAI's may say an intent at /v1/chat/completions."""

    enabled: bool = True


class HttpSettings(_Part, frozen=True):
    """Bounds on what may come in. `allowed_hosts` are Host headers beyond loopback, `host` and that of `public_url`;
    `allowed_origins` are the Origins of web pages that may call; none by default. `public_url` is the origin at which clients
    reach the gateway (`https://gateway.example.com`): access tokens have to be made for it."""

    body_bytes_max: Bytes = 4 << 20
    body_depth_max: Count = 64
    body_timeout_s: Seconds = 30.0
    head_bytes_max: Bytes = 64 << 10
    head_timeout_s: Seconds = 10.0
    connections_max: Count = 4_000
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    public_url: str = ""


class AuthorizationServerSettings(_Part, frozen=True):
    """The gateway's own authorisation server. `mode` auto is on where no issuer is named and the gateway knows its address:
    `http.public_url`, or a loopback `host` with a port. (YAML reads a bare on and off as true and false.)

    Lifetimes in seconds: of tokens, codes, sign-ins at a browser, of a yes that is remembered. Refresh tokens, each of which
    is good for `refresh_token_s`, end `refresh_s_max` after the sign-in that they come from. A client that registered itself
    is forgotten after `client_unused_s` without a sign-in, and `client_idle_s` after its last. `login_attempts_max` wrong
    passwords in `login_window_s` for one name from one address, ten times as many for one name, or from one address.
    `allow_addresses` are networks, not public, where the documents of clients may be."""

    mode: Literal["auto", "on", "off"] | bool = "auto"
    access_token_s: Annotated[float, Meta(ge=30, le=86_400)] = 600.0
    refresh_token_s: Seconds = 2_592_000
    refresh_s_max: Seconds = 2_592_000
    code_s: Annotated[float, Meta(ge=1, le=600)] = 60.0
    login_s: Seconds = 43_200.0
    device_s: Annotated[float, Meta(ge=30, le=3_600)] = 600.0
    consent_s: Seconds = 7_776_000
    client_unused_s: Seconds = 86_400.0
    client_idle_s: Seconds = 7_776_000
    client_document_fresh_s: Seconds = 300.0
    clients_max: Annotated[int, Meta(ge=1, le=10_000)] = 5_000
    registrations_per_hour_max: Count = 60
    login_attempts_max: Count = 10
    login_window_s: Seconds = 300.0
    allow_addresses: tuple[str, ...] = ()
    assertion_issuers: tuple[Issuer, ...] = ()


class AuthSettings(_Part, frozen=True):
    """Whose access tokens are taken, beside the gateway's own keys. `scopes` are what a client should ask its issuer for
    first. `certificate_header` is where a proxy that ends TLS tells the client's certificate, and takes it from nobody else.
    A token that was found good is believed for `cache_s`; keys for `keys_fresh_s`, and for `keys_stale_s` while their issuer
    cannot be asked, which it is once in `keys_floor_s` at most."""

    issuers: tuple[Issuer, ...] = ()
    scopes: tuple[str, ...] = ()
    certificate_header: str = ""
    cache_s: Annotated[float, Meta(ge=0)] = 60.0
    keys_fresh_s: Seconds = 300.0
    keys_floor_s: Annotated[float, Meta(ge=0)] = 10.0
    keys_stale_s: Seconds = 3_600.0
    server: AuthorizationServerSettings = AuthorizationServerSettings()


class DocumentSettings(_Part, frozen=True):
    """Bounds on reading one connector's documents, and on the process that compiles a large one."""

    bytes_max: Bytes = 64 << 20
    files_max: Count = 2_000
    timeout_s: Seconds = 60.0
    read_timeout_s: Annotated[float, Meta(gt=0, le=3_600)] = 300.0
    compile_timeout_s: Seconds = 120.0
    memory_bytes_max: Annotated[int, Meta(ge=256 << 20)] = 2 << 30
    compiles_max: Count = 2


class AuditSettings(_Part, frozen=True):
    """The end of the log is signed every `checkpoint_s` in which it grew. Lines older than `retention_days` are let go, up to
    a signed one; 0 keeps all. Of requests that are turned away at a door there are `rejected_per_minute` lines a minute for each
    kind and source, and one that says how many more there were."""

    queue_entries_max: Count = 10_000
    checkpoint_s: Seconds = 60.0
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    rejected_per_minute: Count = 10


class WebhookSettings(_Part, frozen=True):
    """Whom to tell what becomes of approvals and grants. `url` is https, or http in networks that `allow_addresses` names, the
    only ones that are reached beside public ones. `secret` names the secret that signs (`whsec_` and base64). An attempt
    takes `timeout_s` at most; what fails is tried again after `backoff_s`, then twice as long, up to an hour, and given up
    after `attempts_max`."""

    url: str
    secret: str
    allow_addresses: tuple[str, ...] = ()
    timeout_s: Annotated[float, Meta(gt=0, le=60)] = 10.0
    backoff_s: Annotated[float, Meta(gt=0, le=3_600)] = 5.0
    attempts_max: Annotated[int, Meta(ge=1, le=1_000)] = 20


class ApprovalSettings(_Part, frozen=True):
    """`ttl_s` is for how long an approval is good: from when it is asked for, through its yes, to when it is used.
    `grant_ttl_s_max` is for how long a grant may be good at most. `webhook` is told what becomes of either."""

    ttl_s: Seconds = 3_600.0
    grant_ttl_s_max: Annotated[int, Meta(ge=1, le=366 * 86_400)] = 30 * 86_400
    webhook: WebhookSettings | None = None


class IntentSettings(_Part, frozen=True):
    """The most that one run may use, however its plan asks: calls and writes by number, bytes of arguments and answers, seconds of
    calls, tokens and money of a language model that plans. `replans_max`: how often such a model makes another plan for the rest
    where something did not show; `turns_max`: how many steps it says one by one, in a run that goes so. `running_max` runs go on
    at once, and `open_max` of one caller may wait or go on. What a gateway carries out is another's after `lease_s` without a sign
    of life. After a write it is looked
    `looks_max` times whether it shows, first at once, then after `look_wait_s`, then after twice as long. Where a backend or
    a quota wants a call later, a run waits, for `pause_s_max` in all.
    `harmful_flows`: what becomes of a plan in which an untrusted value decides who gets something or which URL is asked, or in
    which a connector's answers become public without one of the `flow_rules`. `person_clients` are the clients through which
    people write plans themselves, so that what these say is theirs. `words_need_yes`: whether what a plan made of words writes
    waits for a person's yes, as if a policy asked for it. Runs that ended `retention_days` ago are let go with their journals; 0
    keeps all. One that waits for an answer, or a credential, for `waits_days` ends; 0 waits for ever."""

    calls_max: Annotated[int, Meta(ge=1, le=CALLS_MAX)] = 1_000
    writes_max: Annotated[int, Meta(ge=0, le=CALLS_MAX)] = 200
    bytes_max: Annotated[int, Meta(ge=1, le=BYTES_MAX)] = 128 << 20
    wall_s_max: Annotated[float, Meta(gt=0, le=WALL_S_MAX)] = 3_600.0
    tokens_max: Annotated[int, Meta(ge=0, le=TOKENS_MAX)] = 2_000_000
    money_max: Annotated[float, Meta(ge=0, le=MONEY_MAX)] = MONEY_MAX
    replans_max: Annotated[int, Meta(ge=0, le=10)] = 1
    turns_max: Annotated[int, Meta(ge=1, le=200)] = 30
    running_max: Annotated[int, Meta(ge=1, le=1_000)] = 32
    open_max: Annotated[int, Meta(ge=1, le=10_000)] = 100
    lease_s: Annotated[float, Meta(ge=1, le=3_600)] = 30.0
    looks_max: Annotated[int, Meta(ge=1, le=20)] = 3
    look_wait_s: Annotated[float, Meta(ge=0, le=60)] = 0.5
    pause_s_max: Annotated[float, Meta(ge=0, le=WALL_S_MAX)] = 3_600.0
    harmful_flows: Verdict = "needs_approval"
    flow_rules: Annotated[tuple[FlowRule, ...], Meta(max_length=1_000)] = ()
    person_clients: tuple[str, ...] = ()
    words_need_yes: bool = True
    waits_days: Annotated[int, Meta(ge=0, le=36_500)] = 30
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0

    def is_person(self, principal: Principal) -> bool:
        """Whether a person acts there with their own hands, for nobody else."""
        return principal.client in self.person_clients and not principal.actors

    @property
    def budget(self) -> Budget:
        """All that one run may use."""
        return Budget(self.calls_max, self.writes_max, self.bytes_max, self.wall_s_max, self.tokens_max, self.money_max)


class StandingSettings(_Part, frozen=True):
    """Standing intents: `open_max` of one caller, each for `ttl_s_max` at most. A slot that comes `late_s` after its time was
    missed. `hook_secret` names the secret (`whsec_` and base64) from which those follow that sign what is delivered to webhooks;
    where there is none, only who signs in delivers."""

    open_max: Annotated[int, Meta(ge=0, le=10_000)] = 100
    ttl_s_max: Annotated[int, Meta(ge=60, le=10 * 366 * 86_400)] = 31_536_000
    late_s: Annotated[float, Meta(ge=1, le=86_400)] = 60.0
    hook_secret: str = ""


class MemorySettings(_Part, frozen=True):
    """What is remembered of one person: so many facts, and bytes of them as they are kept."""

    facts_max: Annotated[int, Meta(ge=0, le=10_000)] = 200
    bytes_max: Bytes = 128 << 10


class ResultSettings(_Part, frozen=True):
    """Answers that were too long to give at once, and files, are kept in memory: `bytes_max` in all, each for `ttl_s`."""

    bytes_max: Bytes = 64 << 20
    ttl_s: Seconds = 900.0


class LogSettings(_Part, frozen=True):
    """`console` is for people, `json` for machines."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(_Part, frozen=True):
    """The whole tree."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8080
    data_dir: str = ".factotum"
    connectors_dir: str = "connectors"
    policies_dir: str = ""
    policy_packs: tuple[str, ...] = ()
    secrets_dir: str = ""
    store: StoreSettings = SqliteStore()
    ranker: RankerSettings = LexicalRanker()
    planner: PlannerSettings = GraphPlannerSettings()
    follow_s: Seconds = 1.0
    mcp: McpSettings = McpSettings()
    a2a: A2ASettings = A2ASettings()
    chat: ChatSettings = ChatSettings()
    http: HttpSettings = HttpSettings()
    auth: AuthSettings = AuthSettings()
    documents: DocumentSettings = DocumentSettings()
    audit: AuditSettings = AuditSettings()
    quotas: tuple[Quota, ...] = ()
    tenants: dict[str, TenantPowers] = {}
    toolsets: Toolsets = {}
    approvals: ApprovalSettings = ApprovalSettings()
    intents: IntentSettings = IntentSettings()
    standing: StandingSettings = StandingSettings()
    memory: MemorySettings = MemorySettings()
    results: ResultSettings = ResultSettings()
    log: LogSettings = LogSettings()


class Secrets(Mapping[str, str]):
    """Secrets by name. Prints its names, never its values."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({sorted(self._values)})"


def load_settings(environ: Mapping[str, str], working_dir: Path) -> Settings:
    """Read the file and the environment. Raises SettingsBroken."""
    tree = _read_file(environ, working_dir)
    if environ.get(LLM_URL):
        tree["planner"] = _llm_of(environ, tree.get("planner"))
    for name, value in sorted(environ.items()):
        if name.startswith(PREFIX) and not name.startswith(SECRET_PREFIX) and name not in NO_SETTINGS:
            _put(tree, name.removeprefix(PREFIX).lower().split("__"), value, name)
    return _convert(tree)


def load_secrets(environ: Mapping[str, str], settings: Settings) -> Secrets:
    """Every secret at hand. A file in `secrets_dir` wins over the environment. Raises SettingsBroken."""
    values = {
        name.removeprefix(SECRET_PREFIX).lower().replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith(SECRET_PREFIX)
    }
    if settings.secrets_dir:
        values.update(_read_secret_files(Path(settings.secrets_dir)))
    return Secrets(values)


def shipped(folder: str) -> Path:
    """Where a folder that ships with the gateway lies: inside the installed package, or in the source tree."""
    package = Path(__file__).parent
    packed = package / "_data" / folder
    return packed if packed.is_dir() else package.parent / folder


def _read_file(environ: Mapping[str, str], working_dir: Path) -> dict[str, Any]:
    named = environ.get("FACTOTUM_CONFIG")
    path = working_dir / (named or "factotum.yaml")
    if not path.is_file():
        if named:
            raise SettingsBroken(f"FACTOTUM_CONFIG names {path}, and there is no such file.")
        return {}
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise SettingsBroken(f"{path} cannot be read as YAML{_line_of(error)}.") from error
    if not isinstance(tree, dict | None):
        raise SettingsBroken(f"{path} must hold settings by name.")
    return tree or {}


def _llm_of(environ: Mapping[str, str], known: object) -> dict[str, Any]:
    """The planner of FACTOTUM_LLM_URL, with what is known of one of its kind."""
    kept = known if isinstance(known, dict) and known.get("kind") == "llm" else {}
    secret = {"secret": LLM_SECRET} if f"{SECRET_PREFIX}{LLM_SECRET.upper()}" in environ else {}
    return {"kind": "llm", **secret, **kept, "url": environ[LLM_URL]}


def _line_of(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", at line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _put(tree: dict[str, Any], path: list[str], value: str, variable: str) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
        if not isinstance(tree, dict):
            raise SettingsBroken(f"{variable} goes below {step}, which is set to a single value.")
    tree[path[-1]] = value.split(",") if path[-1] in _LISTS else value


_LISTS = {
    *("policy_packs", "allowed_hosts", "allowed_origins", "allow_addresses", "scopes"),
    *("push_hosts", "push_allow_addresses"),
    *("connectors", "effects", "tags", "tools", "tenants"),
}


def _convert(tree: dict[str, Any]) -> Settings:
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        # msgspec's text names the setting's path and the type that was expected, and no value.
        raise SettingsBroken(f"A setting does not fit: {error}. docs/settings.md lists them all.") from error


def _read_secret_files(folder: Path) -> dict[str, str]:
    try:
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
        return {path.name: path.read_text(encoding="utf-8")[:SECRET_BYTES_MAX].strip() for path in files}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsBroken(f"secrets_dir {folder} cannot be read.") from error
