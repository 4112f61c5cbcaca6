"""A small register for tests of what comes back: a campaign, its people and their messages."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign, Link
from mailer.contacts.address import address_key, canonical, domain_key, person_key
from mailer.contacts.models import Contact, Source
from mailer.events.models import RawNotification
from mailer.notice import profiles, switches
from mailer.sending.models import Message
from mailer.tokens import Recipient

TOPIC = "arn:aws:sns:eu-north-1:000000000000:lupaposti-stand-in"


def publish(session: Session, now: datetime, **tracking: dict[str, str]) -> None:
    """Publish the example notice; `opens` and `clicks` replace its tracking sections."""
    content = profiles.load("example")
    content["tracking"] |= tracking
    switches.publish(session, content, now=now)


def make_source(session: Session, now: datetime) -> Source:
    source = Source(
        kind="b2b_supplier",
        name="Yritystieto",
        dated=now.date(),
        basis="legitimate_interest",
        created_at=now,
    )
    session.add(source)
    session.flush()
    return source


def make_campaign(session: Session, now: datetime, **values: Any) -> Campaign:
    campaign = Campaign(
        name="Palkanlaskijan syksy",
        state="sent",
        entity="esimerkki",
        created_at=now,
        updated_at=now,
        launched_at=now,
        **values,
    )
    session.add(campaign)
    session.flush()
    return campaign


def make_contact(
    session: Session, now: datetime, *, email: str = "anna.aalto@puutyo.example", **values: Any
) -> Contact:
    address = canonical(email)
    source_id = values.pop("source_id", None) or make_source(session, now).id
    defaults = {"first_name": "Anna", "last_name": "Aalto", "countries": ["FI"]}
    values = defaults | values
    contact = Contact(
        email=str(address),
        address_key=address_key(address),
        domain_key=domain_key(address.domain),
        person_key=person_key(values["first_name"], values["last_name"], address.domain),
        source_id=source_id,
        collected_at=now,
        created_at=now,
        updated_at=now,
        **values,
    )
    session.add(contact)
    session.flush()
    return contact


def make_message(
    session: Session,
    now: datetime,
    *,
    campaign: Campaign | None = None,
    contact: Contact | None = None,
    **values: Any,
) -> Message:
    """A message that was sent, unless `state` says otherwise."""
    campaign = campaign or make_campaign(session, now)
    contact = contact or make_contact(session, now)
    defaults = {"state": "sent", "sent_at": now, "ses_message_id": "0110-sent"}
    if values.get("state") in ("queued", "sending", "uncertain"):
        defaults = {}
    message = Message(
        campaign_id=campaign.id, contact_id=contact.id, created_at=now, **(defaults | values)
    )
    session.add(message)
    session.flush()
    return message


def make_link(session: Session, campaign: Campaign, position: int = 0, **values: Any) -> Link:
    defaults = {"language": "fi", "url": f"https://esimerkki.example/{position}", "label": "Lue"}
    link = Link(campaign_id=campaign.id, position=position, **(defaults | values))
    session.add(link)
    session.flush()
    return link


def recipient_of(message: Message, contact: Contact) -> Recipient:
    return Recipient(message.id, contact.address_key)


def ses_event(
    kind: str,
    message_id: int | None,
    at: datetime,
    *,
    to: str = "anna.aalto@puutyo.example",
    dialect: str = "eventType",
    feedback_id: str = "0110-feedback",
    ses_message_id: str = "0110-sent",
    accepted_at: datetime | None = None,
    **part: Any,
) -> str:
    """The Message of a notification as SES writes it."""
    stamp = at.isoformat().replace("+00:00", "Z")
    mail: dict[str, Any] = {
        "timestamp": (accepted_at or at).isoformat(),
        "messageId": ses_message_id,
        "destination": [to, "somebody.else@muu.example"],
        "tags": {"ses:configuration-set": ["lupaposti"]},
    }
    if message_id is not None:
        mail["tags"]["message"] = [str(message_id)]
    if dialect == "notificationType":
        mail.pop("tags")
    parts: dict[str, dict[str, Any]] = {
        "Send": {"send": {}},
        "Delivery": {"delivery": {"timestamp": stamp, "recipients": [to], **part}},
        "Bounce": {
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [
                    {
                        "emailAddress": to,
                        "status": "5.1.1",
                        "diagnosticCode": f"smtp; 550 5.1.1 <{to}> unknown",
                    }
                ],
                "timestamp": stamp,
                "feedbackId": feedback_id,
                **part,
            }
        },
        "Complaint": {
            "complaint": {
                "complainedRecipients": [{"emailAddress": to}],
                "timestamp": stamp,
                "feedbackId": feedback_id,
                **part,
            }
        },
        "Reject": {"reject": {"reason": "Bad content"}},
        "Rendering Failure": {"failure": {"errorMessage": "no name", "templateName": "t"}},
        "DeliveryDelay": {
            "deliveryDelay": {
                "timestamp": stamp,
                "delayType": "TransientCommunicationFailure",
                "delayedRecipients": [{"emailAddress": to, "status": "4.4.1"}],
            }
        },
        "Subscription": {"subscription": {"timestamp": stamp, "source": "UnsubscribeHeader"}},
    }
    return json.dumps({dialect: kind, "mail": mail, **parts.get(kind, {})})


def envelope(message: str, *, sns_id: str = "1", kind: str = "Notification", **more: str) -> str:
    """An SNS body as it is stored: verified already, so its signature is anything."""
    return json.dumps(
        {
            "Type": kind,
            "MessageId": sns_id,
            "TopicArn": TOPIC,
            "Message": message,
            "Timestamp": "2026-11-24T09:00:00.000Z",
            "SignatureVersion": "2",
            "Signature": "x",
            "SigningCertURL": "https://sns.eu-north-1.amazonaws.com/x.pem",
            **more,
        }
    )


def store(session: Session, message: str, now: datetime, **values: Any) -> RawNotification:
    """A notification that waits to be applied."""
    sns_id = values.pop("sns_id", None) or f"n-{len(session.new)}-{abs(hash(message))}"
    raw = RawNotification(
        sns_message_id=sns_id,
        topic_arn=TOPIC,
        body=values.pop("body", None) or envelope(message, sns_id=sns_id),
        received_at=values.pop("received_at", now),
        **values,
    )
    session.add(raw)
    session.flush()
    return raw
