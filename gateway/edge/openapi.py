"""The OpenAPI 3.1 document of the gateway's own REST API, put together from the Structs that the API speaks."""

from typing import Any, get_args

import msgspec

from gateway import __version__
from gateway.core.approval import State
from gateway.core.fact import MEMORY_READ, MEMORY_WRITE
from gateway.core.grant import GrantState, NewGrant
from gateway.core.policy_replay import Simulation
from gateway.core.recipe import NewRecipe
from gateway.core.standing import NewStanding
from gateway.edge import (
    admin,
    approvals,
    chat_wire,
    grants,
    intents,
    me,
    memory,
    policies,
    recipes,
    standing,
    tools,
    toolsets,
    wanted,
)
from gateway.policies import Explanation
from gateway.recipes import NewImport

BEARER = "apiKey"
REF = "#/components/schemas/{name}"

Json = dict[str, Any]


def openapi_document() -> Json:
    """The whole document, as plain values."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Factotum",
            "version": __version__,
            "description": "An agent gateway: OpenAPI documents in, governed agent tools out. MCP is served at /mcp.",
        },
        "servers": [{"url": "/"}],
        "security": [{BEARER: []}],
        "paths": _paths(),
        "components": {
            "schemas": _components() | {"Problem": PROBLEM, "OpenAiTools": OPENAI_TOOLS},
            "securitySchemes": {
                BEARER: {"type": "http", "scheme": "bearer", "description": "An API key of this gateway."}
            },
            "responses": {"Problem": _answer("What went wrong (RFC 9457).", "Problem", "application/problem+json")},
        },
    }


PROBLEM: Json = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One or two sentences: what happened, and what to do next."},
        "code": {"type": "string", "description": "What went wrong, for programs."},
        "scopes": {"type": "array", "items": {"type": "string"}, "description": "All the scopes that would do."},
        "roles": {"type": "array", "items": {"type": "string"}, "description": "The roles, any of which would do."},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["argument", "pointer", "expected"],
                "properties": {name: {"type": "string"} for name in ("argument", "pointer", "expected")},
            },
        },
        "retry": {"type": "boolean", "description": "Whether the same call may work later."},
        "retry_after_s": {"type": "number"},
        "may_have_happened": {"type": "boolean", "description": "Check before sending a write again."},
    },
}

FORMATS = ["factotum", "openai", "openai-strict", "gemini"]
OPENAI_TOOLS: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "anyOf": [{"required": ["type", "function"]}, {"required": ["name", "parameters"]}],
        "properties": {
            "type": {"const": "function"},
            "function": {
                "type": "object",
                "required": ["name", "parameters"],
                "properties": {
                    "name": {"type": "string"},
                    "description": {"type": "string"},
                    "parameters": {"type": "object"},
                },
            },
        },
    },
}

_STRUCTS: tuple[Any, ...] = (
    me.Me,
    tools.ToolPage,
    tools.ToolShown,
    tools.SchemaPart,
    tools.CallBody,
    tools.CallAnswer,
    tools.SearchBody,
    toolsets.ToolsetList,
    tools.SearchAnswer,
    admin.ConnectorList,
    admin.ConnectorReport,
    admin.SearchStatus,
    admin.NewConnector,
    admin.Changes,
    admin.VersionList,
    admin.LetGo,
    approvals.ApprovalList,
    approvals.ApprovalShown,
    approvals.Consent,
    approvals.Denial,
    grants.GrantList,
    grants.GrantShown,
    grants.Revocation,
    NewGrant,
    wanted.IntentBody,
    intents.WordsBody,
    intents.PlannedShown,
    intents.InputsBody,
    intents.IntentList,
    intents.IntentShown,
    intents.IntentExplained,
    chat_wire.ChatRequest,
    chat_wire.ChatCompletion,
    chat_wire.ChatChunk,
    chat_wire.ChatModels,
    chat_wire.ChatError,
    NewStanding,
    standing.HookShown,
    standing.SlotShown,
    standing.StandingList,
    standing.StandingShown,
    standing.StandingSummary,
    memory.NewFact,
    memory.FactShown,
    memory.FactList,
    memory.Forgotten,
    NewRecipe,
    recipes.RunBody,
    recipes.RecipeList,
    recipes.RecipeShown,
    recipes.RecipeSummary,
    NewImport,
    recipes.RecipeBrought,
    policies.ExplainBody,
    policies.PoliciesShown,
    Explanation,
    policies.SimulateBody,
    Simulation,
    admin.AuditPage,
    admin.Health,
)


def _components() -> Json:
    return msgspec.json.schema_components(_STRUCTS, ref_template=REF)[1]


def _paths() -> Json:
    name = _parameter("name", "path", {"type": "string"}, "The tool's name.")
    place = _parameter("at", "query", {"type": "string"}, "A folded part of its schemas, as its hint names it, alone.")
    handle = _parameter("name", "path", {"type": "string"}, "What follows factotum://results/ in the handle.")
    connector = _parameter("name", "path", {"type": "string"}, "The connector's name.")
    approval = _parameter("name", "path", {"type": "string"}, "The approval's id.")
    return {
        "/v1/me": {
            "get": _operation("showMe", "Show who you are here, and what you may do", {"200": _answer("You.", "Me")})
        },
        "/v1/tools": {
            "get": _operation(
                "listTools",
                "List the tools that you may call",
                {"200": _list_answer()},
                parameters=[
                    _parameter("connector", "query", {"type": "string"}, "Only the tools of this connector."),
                    _parameter(
                        "format",
                        "query",
                        {"enum": ["factotum", "openai", "openai-strict", "gemini"]},
                        "Function definitions.",
                    ),
                    _parameter("after", "query", {"type": "string"}, "`next` of the page before."),
                    _parameter("limit", "query", {"type": "integer", "minimum": 1}, "Tools a page."),
                    _parameter("step_up", "query", {"type": "boolean"}, "Those too that you lack scopes for, marked."),
                    _parameter("intent", "query", {"type": "string"}, "First the tools that fit what you want to do."),
                    _parameter("toolset", "query", {"type": "string"}, "Only the tools of this toolset."),
                ],
            )
        },
        "/v1/toolsets": {
            "get": _operation(
                "listToolsets",
                "List the toolsets that your tenant sees",
                {"200": _answer("By their names.", "ToolsetList")},
            )
        },
        "/v1/tools/{name}": {"get": _operation("showTool", "Show one tool", {"200": _shown_answer()}, [name, place])},
        "/v1/tools/{name}:call": {
            "post": _operation(
                "callTool",
                "Call a tool, or see the request that a call would send",
                {"200": _answer("The backend's answer; `is_error` where it was an error of its own.", "CallAnswer")},
                [name],
                body="CallBody",
            )
        },
        "/v1/results/{name}": {
            "get": _operation(
                "readResult",
                "Read more of an answer that was too long to give at once",
                {"200": _answer("More of it.", "CallAnswer")},
                [
                    handle,
                    _parameter("select", "query", {"type": "string"}, "JMESPath over the whole answer."),
                    _parameter("offset", "query", {"type": "integer", "minimum": 0}, "The byte to begin at, for text."),
                ],
            )
        },
        "/v1/tools:search": {
            "post": _operation(
                "searchTools",
                "Find the tools that fit a wish",
                {"200": _answer("Best first.", "SearchAnswer")},
                body="SearchBody",
            )
        },
        "/v1/connectors": {
            "get": _operation(
                "listConnectors",
                "List the connectors",
                {"200": _answer("All of them.", "ConnectorList")},
                scope=admin.READ_CONNECTORS,
            ),
            "post": _operation(
                "addConnector",
                "Add a connector from an OpenAPI document",
                {"201": _answer("What became of every operation.", "ConnectorReport")},
                body="NewConnector",
                scope=admin.WRITE_CONNECTORS,
            ),
        },
        "/v1/search/status": {
            "get": _operation(
                "showSearchStatus",
                "Show how much of each connector every stage of a search can find",
                {"200": _answer("Connector by connector.", "SearchStatus")},
                scope=admin.READ_CONNECTORS,
            )
        },
        "/v1/connectors/{name}": {
            "get": _operation(
                "showConnector",
                "Show one connector with its refusals and repairs",
                {"200": _answer("The connector.", "ConnectorReport")},
                [connector],
                scope=admin.READ_CONNECTORS,
            ),
            "put": _operation(
                "replaceConnector",
                "Add a connector, in place of any of the same name",
                {"200": _answer("What became of every operation.", "ConnectorReport")},
                [connector],
                body="NewConnector",
                scope=admin.WRITE_CONNECTORS,
            ),
            "delete": _operation(
                "removeConnector",
                "Take a connector out",
                {"204": {"description": "It is gone."}},
                [connector],
                scope=admin.WRITE_CONNECTORS,
            ),
        },
        "/v1/connectors/{name}/refresh": {
            "post": _operation(
                "refreshConnector",
                "Look at a connector's document again",
                {"200": _answer("What changed.", "Changes")},
                [connector],
                scope=admin.WRITE_CONNECTORS,
            )
        },
        "/v1/connectors/{name}/versions": {
            "get": _operation(
                "listConnectorVersions",
                "What became of a connector, and what changed each time",
                {"200": _answer("The newest first.", "VersionList")},
                [connector, _parameter("limit", "query", {"type": "integer", "minimum": 1}, "At most so many.")],
                scope=admin.READ_CONNECTORS,
            )
        },
        "/v1/connectors/{name}/approve": {
            "post": _operation(
                "approveTools",
                "Let held tools of a connector go",
                {"200": _answer("Those that were let go.", "LetGo")},
                [connector],
                body="LetGo",
                scope=admin.APPROVE_CONNECTORS,
            )
        },
        "/v1/approvals": {
            "get": _operation(
                "listApprovals",
                "List what waits for a person's yes, and what became of it",
                {
                    "200": _answer(
                        "The newest first; without a scope or role to see them all, your own.", "ApprovalList"
                    )
                },
                parameters=[
                    _parameter("state", "query", {"enum": list(get_args(State))}, "Only those in this state."),
                    _parameter("limit", "query", {"type": "integer", "minimum": 1}, "At most so many."),
                ],
            )
        },
        "/v1/approvals/{name}": {
            "get": _operation("showApproval", "Show one", {"200": _answer("It.", "ApprovalShown")}, [approval])
        },
        "/v1/approvals/{name}/approve": {
            "post": _operation(
                "approveCall",
                "Say yes to exactly this call",
                {"200": _answer("What it is now: others may have to say yes too.", "ApprovalShown")},
                [approval],
                body="Consent",
                scope=approvals.DECIDE,
            )
        },
        "/v1/approvals/{name}/deny": {
            "post": _operation(
                "denyCall",
                "Say no",
                {"200": _answer("It is denied.", "ApprovalShown")},
                [approval],
                body="Denial",
                scope=approvals.DECIDE,
            )
        },
        **_grant_paths(),
        **_intent_paths(),
        **_chat_paths(),
        **_standing_paths(),
        **_memory_paths(),
        **_recipe_paths(),
        "/v1/policies": {
            "get": _operation(
                "showPolicies",
                "Show which policies are in force, and why the newest edit is not",
                {"200": _answer("What is in force.", "PoliciesShown")},
                scope=policies.READ_POLICIES,
            )
        },
        "/v1/policies:explain": {
            "post": _operation(
                "explainCall",
                "Say how a call would be decided, and why; it is not made",
                {"200": _answer("The decision and every policy that was looked at.", "Explanation")},
                body="ExplainBody",
                scope=policies.READ_POLICIES,
            )
        },
        "/v1/policies:simulate": {
            "post": _operation(
                "simulatePolicies",
                "Say what other policies would have decided about the calls in your tenant's log",
                {"200": _answer("What would change, and what cannot be told.", "Simulation")},
                body="SimulateBody",
                scope=policies.READ_POLICIES,
            )
        },
        "/v1/audit": {
            "get": _operation(
                "readAudit",
                "Read the audit log of your tenant",
                {"200": _answer("Lines, oldest first.", "AuditPage")},
                parameters=[
                    _parameter(
                        "after", "query", {"type": "integer"}, "Lines after this sequence; the newest if left out."
                    ),
                    _parameter("limit", "query", {"type": "integer", "minimum": 1}, "Lines a page."),
                    _parameter("tool", "query", {"type": "string"}, "Only the calls of this tool."),
                    _parameter("subject", "query", {"type": "string"}, "Only the calls of this subject."),
                    _parameter("phase", "query", {"type": "string"}, "Only lines of this phase."),
                ],
                scope=admin.READ_AUDIT,
            )
        },
        "/healthz": {"get": _probe("healthz", "The process answers")},
        "/readyz": {"get": _probe("readyz", "The store answers too")},
    }


def _grant_paths() -> Json:
    grant = _parameter("name", "path", {"type": "string"}, "The grant's id.")
    return {
        "/v1/grants": {
            "get": _operation(
                "listGrants",
                "List standing yeses to bounded classes of calls, and what became of them",
                {"200": _answer("The newest first; without the scope to give them, your own.", "GrantList")},
                parameters=[
                    _parameter("state", "query", {"enum": list(get_args(GrantState))}, "Only those in this state."),
                    _parameter("limit", "query", {"type": "integer", "minimum": 1}, "At most so many."),
                ],
            ),
            "post": _operation(
                "addGrant",
                "Say yes to a bounded class of calls",
                {"201": _answer("What it is now: others may have to say yes too.", "GrantShown")},
                body="NewGrant",
                scope=approvals.DECIDE,
            ),
        },
        "/v1/grants/{name}": {
            "get": _operation("showGrant", "Show one", {"200": _answer("It.", "GrantShown")}, [grant])
        },
        "/v1/grants/{name}/approve": {
            "post": _operation(
                "approveGrant",
                "Say yes too, where several groups have to",
                {"200": _answer("What it is now.", "GrantShown")},
                [grant],
                scope=approvals.DECIDE,
            )
        },
        "/v1/grants/{name}/revoke": {
            "post": _operation(
                "revokeGrant",
                "Take it back",
                {"200": _answer("It is revoked.", "GrantShown")},
                [grant],
                body="Revocation",
            )
        },
    }


def _standing_paths() -> Json:
    one = _parameter("name", "path", {"type": "string"}, "The standing intent's id.")

    def of(operation_id: str, summary: str, answer: str = "StandingShown", **more: Any) -> Json:
        return _operation(operation_id, summary, {"200": _answer("What it is now.", answer)}, [one], **more)

    return {
        "/v1/standing-intents": {
            "get": _operation(
                "listStandingIntents",
                "List your standing intents, or all of the tenant for those who decide",
                {"200": _answer("The newest first.", "StandingList")},
                [_parameter("limit", "query", {"type": "integer", "minimum": 1}, "At most so many.")],
            ),
            "post": _operation(
                "addStandingIntent",
                "Let a plan be carried out again and again",
                {"201": _answer("It is there; one that changes things waits for a yes.", "StandingShown")},
                body="NewStanding",
            ),
        },
        "/v1/standing-intents/{name}": {
            "get": of("showStandingIntent", "Show one with its next and past slots"),
            "delete": of("deleteStandingIntent", "Delete it; its runs stay", "StandingSummary"),
        },
        "/v1/standing-intents/{name}/approve": {
            "post": of("approveStandingIntent", "Say yes to it, with its tools as they are now", scope=approvals.DECIDE)
        },
        "/v1/standing-intents/{name}/hook": {
            "get": of("showStandingHook", "Show where to deliver to, and what signs it", "HookShown")
        },
        "/v1/standing-intents/{name}/fire": {
            "post": _operation(
                "fireStandingIntent",
                "Let it come now, once for each webhook-id; signed as Standard Webhooks say, or by who signs in",
                {"202": _answer("The slot that it came to.", "SlotShown")},
                [one],
            )
        },
        "/v1/standing-intents/{name}/pause": {"post": of("pauseStandingIntent", "Let no slot come")},
        "/v1/standing-intents/{name}/resume": {"post": of("resumeStandingIntent", "Let slots come from now on")},
    }


def _memory_paths() -> Json:
    one = _parameter("name", "path", {"type": "string"}, "The fact's id.")
    gone = {"200": _answer("How many went.", "Forgotten")}
    return {
        "/v1/memory": {
            "get": _operation(
                "listFacts",
                "List what is remembered of you",
                {"200": _answer("The oldest first.", "FactList")},
                needs=MEMORY_READ,
            ),
            "post": _operation(
                "remember",
                "Have a fact remembered, in place of another about the same",
                {"201": _answer("It is kept.", "FactShown")},
                body="NewFact",
                needs=MEMORY_WRITE,
            ),
            "delete": _operation("forgetAll", "Delete all that is remembered of you", gone, needs=MEMORY_WRITE),
        },
        "/v1/memory/{name}": {"delete": _operation("forget", "Delete one fact", gone, [one], needs=MEMORY_WRITE)},
    }


def _recipe_paths() -> Json:
    one = _parameter("name", "path", {"type": "string"}, "The recipe's name; or its id, for those who decide.")
    run = _parameter("name", "path", {"type": "string"}, "The intent's id.")
    key = _parameter("Idempotency-Key", "header", {"type": "string"}, "The same key begins no second run.")
    shown = {"200": _answer("What it is now.", "RecipeShown")}
    plain = _parameter("plain", "query", {"type": "boolean"}, "Without x-factotum; refused where that loses something.")
    document = {"application/json": {"schema": {"type": "object"}}}
    arazzo = {"200": {"description": "The document.", "content": document}}
    made = {"201": _answer("It is there; one that no person made waits for a yes.", "RecipeShown")}
    return {
        "/v1/intents/{name}/promote": {
            "post": _operation(
                "promoteIntent", "Make a recipe of an intent that is done", made, [run], body="NewRecipe"
            )
        },
        "/v1/recipes": {
            "get": _operation(
                "listRecipes",
                "List your recipes, or all of the tenant for those who decide",
                {"200": _answer("In the order of their names.", "RecipeList")},
            )
        },
        "/v1/recipes/{name}": {
            "get": _operation("showRecipe", "Show one: its plan, and what its parameters take", shown, [one]),
            "delete": _operation(
                "deleteRecipe", "Delete it; its runs stay", {"200": _answer("What it was.", "RecipeSummary")}, [one]
            ),
        },
        "/v1/recipes/{name}/approve": {
            "post": _operation("approveRecipe", "Say yes to it, with its tools as they are now", shown, [one])
        },
        "/v1/recipes/{name}/arazzo": {
            "get": _operation("exportRecipe", "Show it as an Arazzo document", arazzo, [one, plain])
        },
        "/v1/intents/{name}/arazzo": {
            "get": _operation("exportIntent", "Show the plan of an intent as an Arazzo document", arazzo, [run, plain])
        },
        "/v1/recipes:import": {
            "post": _operation(
                "importRecipe",
                "Make a recipe of an Arazzo document",
                {"201": _answer("It is there; one that no person brought waits for a yes.", "RecipeBrought")},
                body="NewImport",
            )
        },
        "/v1/recipes/{name}:run": {
            "post": _operation(
                "runRecipe",
                "Carry it out, or show what it would do",
                {"201": _answer("The run, which goes on by itself.", "IntentShown")},
                [one, key],
                body="RunBody",
            )
        },
    }


def _chat_paths() -> Json:
    key = _parameter("Idempotency-Key", "header", {"type": "string"}, "The same key begins no second run.")
    name = _parameter("name", "path", {"type": "string"}, "The model's name.")
    fault = {"default": _answer("What went wrong, as OpenAI has it.", "ChatError")}

    def of(operation_id: str, summary: str, answer: Json, **more: Any) -> Json:
        told = _operation(operation_id, summary, {"200": answer}, **more)
        return {**told, "responses": told["responses"] | fault}

    answer = _answer("The answer, or with `stream` its pieces.", "ChatCompletion")
    answer["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    model = _answer("It.", "ChatModel")
    return {
        "/v1/chat/completions": {
            "post": of(
                "completeChat",
                "Say an intent as the last message of a chat",
                answer,
                parameters=[key],
                body="ChatRequest",
            )
        },
        "/v1/models": {"get": of("listModels", "List the one model", _answer("It.", "ChatModels"))},
        "/v1/models/{name}": {"get": of("showModel", "Show the one model", model, parameters=[name])},
    }


def _intent_paths() -> Json:
    one = _parameter("name", "path", {"type": "string"}, "The intent's id.")
    key = _parameter("Idempotency-Key", "header", {"type": "string"}, "The same key begins no second run.")
    seen = _parameter("Last-Event-ID", "header", {"type": "integer"}, "Only what happened after that event.")
    stream = {"description": "Server-sent events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}

    def of(operation_id: str, summary: str, **more: Any) -> Json:
        return _operation(operation_id, summary, {"200": _answer("What it is now.", "IntentShown")}, [one], **more)

    return {
        "/v1/intents": {
            "get": _operation(
                "listIntents",
                "List your intents",
                {"200": _answer("The newest first.", "IntentList")},
                [_parameter("limit", "query", {"type": "integer", "minimum": 1}, "At most so many.")],
            ),
            "post": _operation(
                "startIntent",
                "Carry out a plan, or what is wanted in words, or show what it would do",
                {"201": _answer("The run, which goes on by itself.", "IntentShown")},
                [key],
                body="IntentBody",
            ),
        },
        "/v1/intents:plan": {
            "post": _operation(
                "planIntent",
                "Make a plan of words, and carry out nothing but the reads that it needs",
                {"200": _answer("A plan, a question, or why there is none.", "PlannedShown")},
                body="WordsBody",
            )
        },
        "/v1/intents/{name}": {"get": of("showIntent", "Show one of yours")},
        "/v1/intents/{name}/events": {
            "get": _operation("followIntent", "Follow what happens", {"200": stream}, [one, seen])
        },
        "/v1/intents/{name}/inputs": {"post": of("answerIntent", "Answer what it asks", body="InputsBody")},
        "/v1/intents/{name}/cancel": {"post": of("cancelIntent", "Make no further call")},
        "/v1/intents/{name}/undo": {"post": of("undoIntent", "Take back what it did, the last first")},
        "/v1/intents/{name}/explanation": {
            "get": _operation(
                "explainIntent",
                "Say what was done, how sure that is, and where each sentence comes from",
                {"200": _answer("Sentences, with rows of its journal.", "IntentExplained")},
                [
                    one,
                    _parameter(
                        "level",
                        "query",
                        {"enum": list(get_args(intents.Level)), "default": "full"},
                        "`brief`: what was asked and changed; `evidence`: the rows of the journal too.",
                    ),
                ],
            )
        },
    }


def _operation(
    operation_id: str,
    summary: str,
    responses: Json,
    parameters: list[Json] | None = None,
    *,
    body: str = "",
    scope: str = "",
    needs: str = "",
) -> Json:
    told: Json = {
        "operationId": operation_id,
        "summary": summary,
        "responses": responses | {"default": {"$ref": "#/components/responses/Problem"}},
    }
    if parameters:
        told["parameters"] = parameters
    if scope:
        told["description"] = f"Needs the scope `{scope}`, or a role whose policy allows it."
    if needs:
        told["description"] = f"For a client with the scope `{needs}`, which no role gives."
    if body:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
    return told


def _probe(operation_id: str, summary: str) -> Json:
    return {**_operation(operation_id, summary, {"200": _answer(summary + ".", "Health")}), "security": []}


def _parameter(name: str, where: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": where, "required": where == "path", "schema": schema, "description": description}


def _answer(description: str, schema: str, media_type: str = "application/json") -> Json:
    return {"description": description, "content": {media_type: {"schema": _ref(schema)}}}


def _list_answer() -> Json:
    either = {"oneOf": [_ref("ToolPage"), _ref("OpenAiTools")]}
    return {"description": "One page, in the order of names.", "content": {"application/json": {"schema": either}}}


def _shown_answer() -> Json:
    either = {"oneOf": [_ref("ToolShown"), _ref("SchemaPart")]}
    return {"description": "The tool, or the part asked for.", "content": {"application/json": {"schema": either}}}


def _ref(name: str) -> Json:
    return {"$ref": REF.format(name=name)}
