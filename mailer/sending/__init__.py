"""Getting each message out, once."""
