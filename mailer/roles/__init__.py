"""Free-text title to job function and level."""
