"""User accounts: who may sign in, what they may do, what they have undertaken."""
