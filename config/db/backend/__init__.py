"""Django's backend for PostgreSQL, with deadlines and metrics; its classes must be in `base`."""
