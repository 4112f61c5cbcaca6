"""The first run: private servers, migrations, and one supervisor for all processes of the product."""
