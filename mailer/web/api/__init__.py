"""The REST API under /api/v1: JSON for other systems, by the rules that hold at the screens."""
