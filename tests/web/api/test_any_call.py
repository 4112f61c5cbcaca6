"""Calls that a generator makes of the OpenAPI document, right ones and wrong ones: every answer is
one that the document declares, and none is a fault of ours."""

from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy.orm import Session, sessionmaker

from mailer.web.api import rates
from mailer.web.api.openapi import document
from tests.web.api.caller import Api
from tests.web.register import add_contact

EXAMPLES = 8


def operations(app: Flask) -> list[Any]:
    # Half a second to import, for this test alone.
    from schemathesis import openapi

    schema = openapi.from_dict(document())
    schema.app = app
    return [result.ok() for result in schema.get_all_operations()]


@pytest.mark.slow
def test_whatever_is_made_of_the_document_is_answered_as_it_says(
    app: Flask, api: Api, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

    # The first tries bad tokens until they are throttled, which test_calls does; the second does
    # not know that a text may be well-formed and still be no address of anybody at work.
    excluded = [ignored_auth, positive_data_acceptance]

    monkeypatch.setattr(rates, "PER_MINUTE", 10**9)
    add_contact(sessions)
    called = 0
    for operation in operations(app):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=EXAMPLES,
                derandomize=True,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),  # slow and filtered is what it is
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def call(case: Any) -> None:
                nonlocal called
                called += 1
                case.headers = {**(case.headers or {}), "Authorization": f"Bearer {api.secret}"}
                case.call_and_validate(excluded_checks=excluded)

            call()
    assert called > 200
