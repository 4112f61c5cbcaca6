"""`python -m mailer.cli`: the same as the console command."""

from mailer.cli import main

main()
