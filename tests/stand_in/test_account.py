"""Account, identities, configuration sets and the suppression list."""

from collections.abc import Callable
from typing import Any

from botocore.validate import ParamValidator

from mailer.stand_in.server import StandIn
from tests.stand_in.sample import bulk, entry, refusal, simple, statuses


def fits_the_model(ses: Any, operation: str, answer: dict[str, Any]) -> bool:
    shape = ses.meta.service_model.operation_model(operation).output_shape
    body = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    report = ParamValidator().validate(body, shape)
    assert not report.has_errors(), report.generate_report()
    return True


def test_the_account_reports_its_limits(
    start: Callable[..., StandIn], client_for: Callable[..., Any]
) -> None:
    ses = client_for(start(rate=14.0, quota=50_000).url)
    ses.send_bulk_email(**bulk(entry("a@yritys.example"), entry("b@yritys.example")))

    account = ses.get_account()

    assert account["SendQuota"] == {
        "Max24HourSend": 50_000.0,
        "MaxSendRate": 14.0,
        "SentLast24Hours": 2.0,
    }
    assert account["ProductionAccessEnabled"] is True
    assert account["SendingEnabled"] is True
    assert account["EnforcementStatus"] == "HEALTHY"
    assert account["VdmAttributes"] == {"VdmEnabled": "DISABLED"}
    assert fits_the_model(ses, "GetAccount", account)


def test_identities_below_a_verified_suffix_are_verified(ses: Any) -> None:
    for name in ("quux.example", "mail.quux.example", "uutiset@quux.example"):
        identity = ses.get_email_identity(EmailIdentity=name)
        assert identity["VerifiedForSendingStatus"] is True
        assert identity["DkimAttributes"]["Status"] == "SUCCESS"
        assert identity["MailFromAttributes"]["MailFromDomainStatus"] == "SUCCESS"
        assert fits_the_model(ses, "GetEmailIdentity", identity)
    assert identity["IdentityType"] == "EMAIL_ADDRESS"
    error = refusal(ses.get_email_identity, EmailIdentity="notexample")
    assert error["Code"] == "NotFoundException"


def test_a_new_identity_waits_until_it_is_verified(ses: Any, stand_in: StandIn) -> None:
    created = ses.create_email_identity(EmailIdentity="Quux.invalid")

    assert created["VerifiedForSendingStatus"] is False
    assert len(created["DkimAttributes"]["Tokens"]) == 3
    assert fits_the_model(ses, "CreateEmailIdentity", created)
    waiting = ses.get_email_identity(EmailIdentity="quux.invalid")
    assert waiting["DkimAttributes"]["Status"] == "PENDING"
    error = refusal(ses.create_email_identity, EmailIdentity="quux.invalid")
    assert error["Code"] == "AlreadyExistsException"
    sent = simple(sender="a@quux.invalid")
    assert refusal(ses.send_email, **sent)["Code"] == "MessageRejected"

    stand_in.set_identity("quux.invalid", verified=True)

    assert ses.send_email(**sent)["MessageId"]


def test_a_verified_identity_can_lose_its_verification(ses: Any, stand_in: StandIn) -> None:
    stand_in.set_identity("quux.example", verified=False)

    assert refusal(ses.send_email, **simple())["Code"] == "MessageRejected"
    listed = ses.list_email_identities(Filter={"VERIFICATION_STATUS": "PENDING"})
    assert [i["IdentityName"] for i in listed["EmailIdentities"]] == ["quux.example"]


def test_a_nonsense_identity_is_refused(ses: Any) -> None:
    error = refusal(ses.create_email_identity, EmailIdentity="no domain")

    assert error["Code"] == "BadRequestException"


def test_identities_are_listed_in_pages(ses: Any, stand_in: StandIn) -> None:
    for i in range(3):
        stand_in.set_identity(f"d{i}.invalid", verified=True)

    first = ses.list_email_identities(PageSize=3)
    second = ses.list_email_identities(PageSize=3, NextToken=first["NextToken"])

    names = [i["IdentityName"] for i in first["EmailIdentities"] + second["EmailIdentities"]]
    assert names == ["d0.invalid", "d1.invalid", "d2.invalid", "example"]
    assert "NextToken" not in second
    assert fits_the_model(ses, "ListEmailIdentities", first)
    error = refusal(ses.list_email_identities, NextToken="!")
    assert error["Code"] == "BadRequestException"


def test_a_configuration_set_tells_where_events_go(
    start: Callable[..., StandIn], client_for: Callable[..., Any]
) -> None:
    arn = "arn:aws:sns:eu-west-1:111122223333:events"
    ses = client_for(start(configuration_sets=["ours"], topic_arn=arn).url)

    found = ses.get_configuration_set(ConfigurationSetName="ours")
    destinations = ses.get_configuration_set_event_destinations(ConfigurationSetName="ours")

    assert found["ConfigurationSetName"] == "ours"
    assert found["SendingOptions"] == {"SendingEnabled": True}
    assert fits_the_model(ses, "GetConfigurationSet", found)
    assert destinations["EventDestinations"][0]["SnsDestination"] == {"TopicArn": arn}
    assert fits_the_model(ses, "GetConfigurationSetEventDestinations", destinations)
    error = refusal(ses.get_configuration_set, ConfigurationSetName="other")
    assert error["Code"] == "NotFoundException"


def test_the_suppression_list_compares_exactly_and_sending_does_not(
    ses: Any, stand_in: StandIn
) -> None:
    ses.put_suppressed_destination(EmailAddress="Anna+x@Yritys.example", Reason="BOUNCE")

    found = ses.get_suppressed_destination(EmailAddress="Anna+x@Yritys.example")
    assert found["SuppressedDestination"]["Reason"] == "BOUNCE"
    assert fits_the_model(ses, "GetSuppressedDestination", found)
    error = refusal(ses.get_suppressed_destination, EmailAddress="anna+x@yritys.example")
    assert error["Code"] == "NotFoundException"
    for address in ("anna+x@yritys.example", "ANNA+X@YRITYS.example"):
        ses.send_email(**simple(address))
        assert stand_in.messages()[0]["outcome"] == "suppressed"

    ses.delete_suppressed_destination(EmailAddress="Anna+x@Yritys.example")

    error = refusal(ses.delete_suppressed_destination, EmailAddress="Anna+x@Yritys.example")
    assert error["Code"] == "NotFoundException"
    ses.send_email(**simple("anna+x@yritys.example"))
    assert stand_in.messages()[0]["outcome"] == "delivered"


def test_suppressed_addresses_are_listed_by_reason_time_and_page(ses: Any) -> None:
    for i in range(3):
        ses.put_suppressed_destination(EmailAddress=f"b{i}@yritys.example", Reason="BOUNCE")
    ses.put_suppressed_destination(EmailAddress="c@yritys.example", Reason="COMPLAINT")

    first = ses.list_suppressed_destinations(Reasons=["BOUNCE"], PageSize=2)
    second = ses.list_suppressed_destinations(
        Reasons=["BOUNCE"], PageSize=2, NextToken=first["NextToken"]
    )
    stamp = first["SuppressedDestinationSummaries"][0]["LastUpdateTime"]
    later = ses.list_suppressed_destinations(StartDate=stamp.replace(year=stamp.year + 1))
    earlier = ses.list_suppressed_destinations(EndDate=stamp.replace(year=stamp.year + 1))

    assert fits_the_model(ses, "ListSuppressedDestinations", first)
    assert [s["EmailAddress"][:2] for s in first["SuppressedDestinationSummaries"]] == ["b0", "b1"]
    assert [s["EmailAddress"][:2] for s in second["SuppressedDestinationSummaries"]] == ["b2"]
    assert later["SuppressedDestinationSummaries"] == []
    assert len(earlier["SuppressedDestinationSummaries"]) == 4
    error = refusal(ses.list_suppressed_destinations, NextToken="!")
    assert error["Code"] == "InvalidNextTokenException"


def test_hard_bounces_and_complaints_enter_the_list_by_themselves(
    ses: Any, stand_in: StandIn
) -> None:
    ses.send_email(**simple("a+bounce@yritys.example"))
    ses.send_email(**simple("a+complaint@yritys.example"))
    ses.send_email(**simple("bounce@simulator.amazonses.com"))

    listed = ses.list_suppressed_destinations()["SuppressedDestinationSummaries"]

    assert {(s["EmailAddress"], s["Reason"]) for s in listed} == {
        ("a+bounce@yritys.example", "BOUNCE"),
        ("a+complaint@yritys.example", "COMPLAINT"),
    }


def test_identities_and_suppression_survive_a_restart(
    start: Callable[..., StandIn], client_for: Callable[..., Any]
) -> None:
    first = start()
    first.set_identity("quux.invalid", verified=True)
    client_for(first.url).put_suppressed_destination(
        EmailAddress="a@yritys.example", Reason="BOUNCE"
    )
    first.stop()

    ses = client_for(start().url)

    assert ses.get_suppressed_destination(EmailAddress="a@yritys.example")
    sent = bulk(entry(), FromEmailAddress="x@quux.invalid")
    assert statuses(ses.send_bulk_email(**sent)) == ["SUCCESS"]
