"""MCP over HTTP: one endpoint, one module for each era of the protocol."""
