"""Factotum: an agent gateway that turns OpenAPI documents into governed tools."""

__version__ = "0.1.0"
