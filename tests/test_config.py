"""Settings: what is missing or wrong stops the start with its name."""

from pathlib import Path

import pytest

from mailer import config
from mailer.config import SettingsError, from_environment

PRODUCTION = {
    "LUPAPOSTI_ENV": "production",
    "DATABASE_URL": "postgresql://lupaposti:salainen@db.example/lupaposti",
    "REDIS_URL": "redis://:salainen@redis.example/0",
    "PUBLIC_URL": "https://posti.yritys.example",
    "SECRET_KEY": "s" * 40,
    "SUPPRESSION_KEY": "p" * 40,
    "UNSUBSCRIBE_MAILBOX": "lopeta@yritys.example",
    "SNS_TOPIC_ARNS": "arn:aws:sns:eu-north-1:123456789012:ses",
}
REQUIRED = sorted(PRODUCTION.keys() - {"LUPAPOSTI_ENV"})


def refusal(**changes: str | None) -> str:
    environ = {k: v for k, v in {**PRODUCTION, **changes}.items() if v is not None}
    with pytest.raises(SettingsError) as caught:
        from_environment(environ)
    return str(caught.value)


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, ""])
def test_each_missing_setting_of_production_stops_with_its_name(
    name: str, value: str | None
) -> None:
    assert name in refusal(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "p" * 40),
        ("SUPPRESSION_KEY", "p" * 31),
        ("DATABASE_URL", "postgresql://lupaposti@db.example/lupaposti"),
        ("REDIS_URL", "redis://redis.example/0"),
        ("PUBLIC_URL", "http://posti.yritys.example"),
        ("SES_ENDPOINT_URL", "http://127.0.0.1:9000"),
        ("SNS_CERTIFICATE_FILE", "/etc/cert.pem"),
        ("EVENTS_QUEUE_URL", "events"),
        ("EVENTS_QUEUE_URL", "http://sqs.eu-north-1.amazonaws.com/123456789012/events"),
        ("EVENTS_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/events"),
        ("EVENTS_QUEUE_URL", "https://sqs.eu-west-2.amazonaws.com/123456789012/events"),
        ("EVENTS_QUEUE_URL", "https://sqs.eu-north-1.amazonaws.com.evil.example/1/events"),
        ("EVENTS_QUEUE_URL", "https://sqs.eu-north-1.amazonaws.com/123456789012/events.fifo"),
        ("EVENTS_QUEUE_RAW", "perhaps"),
        ("INBOUND_BUCKET", "S3://bucket"),
        ("LUPAPOSTI_ENV", "prod"),
        ("SENDER_THREADS", "many"),
        ("SENDER_THREADS", "0"),
        ("SENDER_THREADS", "1.5"),
        ("FALLBACK_RATE", "0"),
        ("FALLBACK_RATE", "nan"),
        ("FALLBACK_RATE", "inf"),
        ("HOLD_SECONDS", "-1"),
        ("CLAIM_LEASE_SECONDS", "0"),
        ("SETTLE_SECONDS", "120"),
        ("PUBLIC_URL", "https://pöytä.example"),
        ("PUBLIC_URL", "https://posti.example/ a"),
        ("PUBLIC_URL", "https://posti.example/?a="),
        ("PUBLIC_URL", "https://posti.example/\r\nBcc: a@b.example"),
        ("PUBLIC_URL", "https://posti.example/" + "a" * 200),
        ("UNSUBSCRIBE_MAILBOX", "lopeta"),
        ("UNSUBSCRIBE_MAILBOX", "lopeta@yritys.example?subject=a"),
        ("UNSUBSCRIBE_MAILBOX", "lopeta@yritys.example>, <https://muu.example"),
        ("UNSUBSCRIBE_MAILBOX", "löpeta@yritys.example"),
    ],
)
def test_a_wrong_setting_stops_with_its_name(name: str, value: str) -> None:
    assert name in refusal(**{name: value})


@pytest.mark.parametrize(
    "region", ["eu-west-2", "eu-central-2", "us-east-1", "ap-southeast-2", "EU-NORTH-1", ""]
)
def test_a_region_outside_the_eea_stops(region: str) -> None:
    assert "AWS_REGION" in refusal(AWS_REGION=region)


@pytest.mark.parametrize("region", sorted(config.EEA_REGIONS))
def test_a_region_in_the_eea_runs(region: str) -> None:
    assert from_environment({**PRODUCTION, "AWS_REGION": region}).aws_region == region


def test_stockholm_is_the_region_when_none_is_named() -> None:
    assert from_environment(PRODUCTION).aws_region == "eu-north-1"
    assert {"eu-west-2", "eu-central-2"} & config.EEA_REGIONS == set()


def test_no_refusal_tells_a_secret() -> None:
    for name in ("SECRET_KEY", "SUPPRESSION_KEY"):
        assert "tosi-salainen" not in refusal(**{name: "tosi-salainen"})
    assert "salainen" not in refusal(PUBLIC_URL="http://x.example")


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("f" * 40 + "\n", encoding="utf-8")
    environ = {k: v for k, v in PRODUCTION.items() if k != "SECRET_KEY"}
    assert from_environment({**environ, "SECRET_KEY_FILE": str(file)}).secret_key == "f" * 40


def test_a_secret_file_that_cannot_be_read_stops_with_its_name(tmp_path: Path) -> None:
    assert "SECRET_KEY_FILE" in refusal(SECRET_KEY_FILE=str(tmp_path / "none"))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    assert "SECRET_KEY_FILE" in refusal(SECRET_KEY_FILE=str(tmp_path / "bytes"))


def test_an_empty_secret_file_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    assert "SECRET_KEY" in refusal(SECRET_KEY_FILE=str(tmp_path / "empty"))


@pytest.mark.parametrize("name", ["DATABASE_URL", "UNSUBSCRIBE_MAILBOX"])
def test_an_empty_file_of_another_setting_stops_too(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    assert name in refusal(**{f"{name}_FILE": str(tmp_path / "empty"), name: None})


def test_development_needs_nothing() -> None:
    settings = from_environment({})
    assert not settings.production
    assert settings.var == config.ROOT / "var"
    assert not settings.stand_in


def test_the_address_of_the_product_has_no_slash_at_its_end() -> None:
    assert from_environment({"PUBLIC_URL": "https://a.example//"}).public_url == "https://a.example"


def test_retired_keys_and_topics_are_lists() -> None:
    settings = from_environment(
        {"RETIRED_SECRET_KEYS": " one  two ", "SNS_TOPIC_ARNS": "arn:a, arn:b arn:c"}
    )
    assert settings.retired_secret_keys == ("one", "two")
    assert settings.sns_topic_arns == {"arn:a", "arn:b", "arn:c"}
