"""The first run: private servers, migrations, one supervisor for all processes."""
