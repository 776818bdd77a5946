"""Django's backend for PostgreSQL with deadlines; Django looks for its classes in `base`."""
