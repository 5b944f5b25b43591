"""The edges: wire in, wire out. Each knows one protocol and no policy."""
