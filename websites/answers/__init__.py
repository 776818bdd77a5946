"""What the APIs answer when all went well, for their description; one file per API."""
