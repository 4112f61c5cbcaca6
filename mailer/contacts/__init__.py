"""People, companies, where their data came from, and who has said no."""
