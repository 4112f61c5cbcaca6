"""SES as this process uses it, and marked copies to colleagues.

Messages to recipients go claims -> handover -> answers, driven by sender: a claim asks the gate
inside the statement that takes the messages, for at most one SES call's worth, right before that
call; the transaction is closed before SES is called and another one records each entry's outcome.
Whatever dies in between leaves `sending` rows, which the sweep turns into `uncertain`: never sent
again blindly.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from mailer.adapters.ses import Outcome, Result, Ses, SesClient, SingleMail
from mailer.config import Settings
from mailer.sending.envelope import Person
from mailer.sending.models import Message
from mailer.sending.rendering import Rendering

_clients: dict[Settings, SesClient] = {}


def ses_of(settings: Settings) -> Ses:
    """This process's SES client: making one takes long, so it is made once."""
    client = _clients.get(settings)
    if client is None:
        client = _clients[settings] = SesClient(
            settings.aws_region,
            endpoint_url=settings.ses_endpoint_url,
            configuration_set=settings.ses_configuration_set,
            connections=settings.sender_threads + 2,
        )
    return client


def send_test(
    session: Session,
    ses: Ses,
    rendering: Rendering,
    person: Person,
    *,
    user_id: int,
    subject_mark: str,
    now: datetime,
) -> Result:
    """One marked copy to a colleague, by SendEmail; its opt-out links lead to a demo page."""
    message = Message(
        kind="test",
        test_of=rendering.campaign_id,
        to_user=user_id,
        language=person.language,
        state="sending",
        created_at=now,
        claimed_at=now,
        attempt=1,
    )
    session.add(message)
    session.flush()
    session.commit()  # on the ledger before SES is called
    final = rendering.final(person, test=True)
    result = ses.send_single(
        SingleMail(
            sender=rendering.sender,
            reply_to=rendering.reply_to,
            to=person.address,
            subject=f"{subject_mark} {final.subject}",
            html=final.html,
            text=final.text,
            headers=[],
            tags={"message": str(message.id), "test": "yes"},
        )
    )
    if result.outcome is Outcome.ACCEPTED:
        message.state, message.ses_message_id, message.sent_at = "sent", result.message_id, now
    else:
        message.state = "uncertain" if result.outcome is Outcome.UNKNOWN else "failed"
        message.error = result.error
    return result
