"""A line of the audit log as an OCSF event (Open Cybersecurity Schema Framework 1.5, class API Activity), for a SIEM."""

from typing import Any

import msgspec

from gateway.core.audit import AuditEntry, Phase

VERSION = "1.5.0"
API_ACTIVITY, APPLICATION_ACTIVITY = 6003, 6
# Activity: 1 create, 2 read, 3 update, 4 delete, 99 other. A write may be a creation or an update: the document does not say.
_ACTIVITY = {"read": 2, "write": 3, "destructive": 4}
# Severity: 1 informational, 2 low, 3 medium. Status: 1 success, 2 failure, 99 other.
_SEVERITY: dict[Phase, int] = {"denied": 2, "failed": 2, "rejected": 1, "uncertain": 3}
_STATUS: dict[Phase, int] = {
    "done": 1,
    "previewed": 1,
    "administered": 1,
    "searched": 1,
    "sending": 99,
    "uncertain": 99,
}


def to_ocsf(entry: AuditEntry, product_version: str) -> dict[str, Any]:
    """The event. What OCSF has no attribute for is in `unmapped`."""
    activity = _ACTIVITY.get(entry.effect, 99)
    status = 2 if entry.phase == "done" and entry.status >= 400 else _STATUS.get(entry.phase, 2)
    user: dict[str, Any] = {
        "uid": entry.subject,
        "name": entry.subject,
        "domain": entry.issuer or entry.tenant,
        "type_id": 1,
    }
    user |= {"groups": [{"name": group} for group in entry.groups]} if entry.groups else {}
    event: dict[str, Any] = {
        "class_uid": API_ACTIVITY,
        "category_uid": APPLICATION_ACTIVITY,
        "activity_id": activity,
        "type_uid": API_ACTIVITY * 100 + activity,
        "time": int(entry.at.timestamp() * 1_000),
        "severity_id": _SEVERITY.get(entry.phase, 1),
        "status_id": status,
        "status_code": str(entry.status or ""),
        "status_detail": entry.error or " ".join(entry.reasons),
        "duration": round(entry.latency_ms),
        "message": f"{entry.phase}: {entry.tool}",
        "metadata": {
            "version": VERSION,
            "uid": str(entry.sequence),
            "correlation_uid": entry.call_id,
            "tenant_uid": entry.tenant,
            "product": {"name": "Factotum", "vendor_name": "Factotum", "version": product_version},
        },
        "actor": {"user": user, "app_uid": entry.client, "invoked_by": " ".join(entry.actors)},
        "api": {"operation": entry.tool, "service": {"name": entry.connector}},
        "src_endpoint": {"name": entry.door},
    }
    unmapped = {
        "arguments": msgspec.json.decode(entry.arguments),
        "verdict": entry.verdict,
        "policies": entry.policies,
        "policy_version": entry.policy_version,
        "scopes": entry.scopes,
        "method": entry.method,
        "source": entry.source,
        "intent": entry.intent,
        "labels": entry.labels,
        "redacted": entry.redact,
        "identity": entry.identity,
        "request_bytes": entry.request_bytes,
        "response_bytes": entry.response_bytes,
    }
    return event | {"unmapped": {name: value for name, value in unmapped.items() if value}}
