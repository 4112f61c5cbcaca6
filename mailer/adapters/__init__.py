"""The only code that talks to the outside: SES, SNS, Redis, MJML, DNS."""
