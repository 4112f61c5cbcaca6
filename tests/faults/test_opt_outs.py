"""Nobody is mailed whose opt-out was committed before their message was claimed."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from mailer import clock
from mailer.contacts import suppression
from tests.faults import place as places
from tests.faults import register, witness
from tests.faults.opt_outs import Opposition
from tests.faults.place import Place

PEOPLE = 6_000
OPT_OUTS = 200
BANS = 20


@pytest.fixture(scope="module")
def quiet_place() -> Iterator[Place]:
    """SES tells nothing: what is sent is looked at, not what comes back."""
    with places.place(quiet=True, rate=2_000) as place:
        yield place


def test_the_witness_notices_a_claim_that_saw_an_opt_out(quiet_place: Place) -> None:
    quiet_place.empty()
    with quiet_place.transaction() as session:
        register.fill(session, 20, now=clock.now())
        session.execute(
            text(
                "INSERT INTO messages (campaign_id, contact_id, language, state, created_at)"
                " SELECT (SELECT id FROM campaigns), id, 'fi', 'queued', now() FROM contacts"
            )
        )
    with quiet_place.transaction() as session:
        ban = suppression.of_domain(register.domain(0))
        suppression.suppress(session, [ban], "domain_ban", origin="staff", now=clock.now())
        # Claims of other connections do not see what is not committed yet.
        with quiet_place.transaction() as other:
            other.execute(text("UPDATE messages SET state = 'sending', attempt = 1"))
    assert witness.wrongly_claimed(quiet_place.look) == []
    with quiet_place.transaction() as session:
        session.execute(text("UPDATE messages SET state = 'queued'"))
    with quiet_place.transaction() as session:
        session.execute(text("UPDATE messages SET state = 'sending', attempt = 2"))
    assert len(witness.wrongly_claimed(quiet_place.look)) == register.PEOPLE_IN_A_COMPANY


@pytest.mark.slow
def test_nobody_is_mailed_whose_opt_out_was_committed_before_the_claim(quiet_place: Place) -> None:
    opposition = Opposition(quiet_place, people=PEOPLE, opt_outs=OPT_OUTS, bans=BANS)
    figures = opposition.play(workers=2)
    print(figures)
    assert figures.mailed_after_commit == 0
    assert figures.not_answered == 0
    assert figures.by_header + figures.by_page == OPT_OUTS
    assert figures.company_bans + figures.domain_bans == BANS
    # Otherwise nothing was proven.
    assert figures.blocked > 0
    assert figures.handed_over_before > 0
