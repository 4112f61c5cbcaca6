"""Telling other systems what happened here: signed, retried, and never with personal data."""
