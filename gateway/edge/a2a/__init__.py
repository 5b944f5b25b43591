"""A2A 1.0: an agent hands an intent to the gateway as a task, over JSON-RPC or over HTTP and JSON."""
