"""What happened to each message."""
