"""What we say: content, checks before sending, lifecycle."""
