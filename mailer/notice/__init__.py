"""The published privacy notice as configuration."""
