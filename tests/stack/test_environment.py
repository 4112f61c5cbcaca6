import stat
from pathlib import Path

import pytest

from mailer.config import SettingsError, from_environment
from mailer.stack.environment import (
    STAND_IN_QUEUE,
    keys_of,
    refuse_production,
    wants_stand_in,
    with_defaults,
    with_stand_in,
)
from mailer.stack.faults import StackError


def test_keys_are_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    keys = keys_of(tmp_path)
    assert keys == keys_of(tmp_path)
    assert keys["SECRET_KEY"] != keys["SUPPRESSION_KEY"]
    assert min(map(len, keys.values())) >= 32
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"SECRET_KEY": "x"}'])
def test_damaged_keys_are_never_replaced_because_opt_outs_hang_on_them(
    tmp_path: Path, damage: str
) -> None:
    (tmp_path / "secrets.json").write_text(damage)
    with pytest.raises(StackError, match="is damaged"):
        keys_of(tmp_path)
    assert (tmp_path / "secrets.json").read_text() == damage


def test_what_the_operator_says_goes_before_what_is_generated(tmp_path: Path) -> None:
    environ = with_defaults({"SECRET_KEY": "mine", "HOLD_SECONDS": "60"}, tmp_path)
    assert (environ["SECRET_KEY"], environ["HOLD_SECONDS"]) == ("mine", "60")


def test_a_key_in_a_file_is_not_hidden_by_a_generated_one(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from the file")
    environ = with_defaults({"SECRET_KEY_FILE": str(file)}, tmp_path)
    assert from_environment(environ).secret_key == "from the file"


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, True),
        ({"AWS_REGION": "eu-north-1"}, True),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, False),
        ({"AWS_PROFILE": "company"}, False),
        ({"SES_ENDPOINT_URL": "http://127.0.0.1:1"}, False),
    ],
)
def test_the_stand_in_runs_where_no_credentials_are_named(
    environ: dict[str, str], wanted: bool
) -> None:
    assert wants_stand_in(environ) is wanted


def test_real_credentials_never_reach_processes_that_talk_to_the_stand_in(tmp_path: Path) -> None:
    given = {"AWS_PROFILE": "company", "AWS_SESSION_TOKEN": "t", "AWS_ACCESS_KEY_ID": "AKIA"}
    environ = with_stand_in(given, tmp_path, 8025)
    assert "AWS_PROFILE" not in environ
    assert environ["AWS_ACCESS_KEY_ID"] == "stand-in"
    settings = from_environment(environ)
    assert settings.stand_in
    assert settings.ses_endpoint_url == "http://127.0.0.1:8025"
    assert settings.sns_certificate_file == tmp_path / "stand-in" / "sns-cert.pem"


def test_a_trial_reads_the_stand_ins_queue_whichever_is_named(tmp_path: Path) -> None:
    real = "https://sqs.eu-north-1.amazonaws.com/123456789012/events"
    environ = with_stand_in({"EVENTS_QUEUE_URL": real}, tmp_path, 8025)
    url = from_environment(environ).events_queue_url
    assert url == f"http://127.0.0.1:8025/000000000000/{STAND_IN_QUEUE}"
    assert "EVENTS_QUEUE_URL" not in with_stand_in({}, tmp_path, 8025)


def test_production_is_refused() -> None:
    with pytest.raises(SettingsError, match="Procfile"):
        refuse_production({"LUPAPOSTI_ENV": "production"})
