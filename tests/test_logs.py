import json
import logging

from mailer.logs import JsonLines


def written(record: logging.LogRecord) -> dict[str, object]:
    line = JsonLines().format(record)
    assert "\n" not in line
    parsed = json.loads(line)
    assert isinstance(parsed, dict)
    return parsed


def test_a_line_carries_the_event_and_its_ids() -> None:
    record = logging.makeLogRecord(
        {"name": "mailer.sending", "msg": "claimed", "levelname": "INFO", "campaign_id": 7}
    )
    line = written(record)
    assert (line["event"], line["campaign_id"], line["level"]) == ("claimed", 7, "info")


def test_what_an_exception_says_is_never_written_because_it_may_name_a_person() -> None:
    try:
        int("aino@firma.example")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    line = written(logging.makeLogRecord({"msg": "failed", "exc_info": info}))
    assert "aino" not in json.dumps(line)
    assert line["error"] == "ValueError"
    assert "test_logs.py" in str(line["trace"])
