"""Dialects: error bodies and messages, one set for each API."""
