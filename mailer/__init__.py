"""Lupaposti: a B2B e-mail marketing register with opt-out compliance."""
