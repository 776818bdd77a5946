"""Statistics of websites: what is derived from their events."""
