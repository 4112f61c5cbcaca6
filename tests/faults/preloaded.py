"""Loaded once by the process that workers are forked from, so that a new worker costs no import.

Nothing is opened here: a fork must not inherit connections or threads.
"""

import boto3
from sqlalchemy.orm import configure_mappers

import mailer.models  # noqa: F401
import worker  # noqa: F401
from mailer.events import jobs as event_jobs  # noqa: F401
from mailer.languages import gettext, in_language
from mailer.sending import jobs as sending_jobs  # noqa: F401
from mailer.sending import rendering
from mailer.stand_in import server  # noqa: F401

configure_mappers()
rendering._templates.get_template("footer.html")
rendering._plain_templates.get_template("footer.txt")
with in_language("fi"):
    gettext("Privacy notice")
# botocore keeps what it has read of Amazon's service models.
boto3.client("sesv2", region_name="eu-north-1", aws_access_key_id="x", aws_secret_access_key="x")
