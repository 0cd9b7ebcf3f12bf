"""The stream service: from messages to committed rows in seconds, each message exactly once."""
