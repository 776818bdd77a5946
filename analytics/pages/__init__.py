"""Pages for people: their websites, what happens on them, and their settings."""
