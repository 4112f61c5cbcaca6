"""Screens and public pages."""
