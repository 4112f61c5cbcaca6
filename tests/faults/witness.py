"""What the database saw: which suppressions were visible to the statement that claimed a message.

Moments of different processes prove nothing about order. PostgreSQL's snapshots do: a trigger's
condition is evaluated under the snapshot of the statement that fires it, so it tells exactly which
commits that claim could see. A claim that saw the opt-out of the person it took is a fault; one
that did not see it came first.
"""

from typing import Any

STATEMENTS = (
    """
    CREATE TABLE faults_claims (
        message_id bigint, attempt int, state text, seen pg_snapshot, at timestamptz
    )
    """,
    "CREATE INDEX faults_claims_at ON faults_claims (at)",
    "CREATE TABLE faults_suppressed (suppression_id bigint, by xid8, at timestamptz)",
    """
    CREATE FUNCTION faults_note_claim(bigint, int, text, pg_snapshot) RETURNS boolean
    LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        INSERT INTO faults_claims VALUES ($1, $2, $3, $4, clock_timestamp());
        RETURN false;
    END $$
    """,
    """
    CREATE FUNCTION faults_nothing() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RETURN NULL; END $$
    """,
    """
    CREATE TRIGGER faults_claimed AFTER UPDATE ON messages FOR EACH ROW
    WHEN (OLD.state = 'queued' AND NEW.state IN ('sending', 'blocked')
        AND faults_note_claim(NEW.id, NEW.attempt::int, NEW.state, pg_current_snapshot()))
    EXECUTE FUNCTION faults_nothing()
    """,
    # The row's own xmin may be a savepoint's, which snapshots do not name.
    """
    CREATE FUNCTION faults_note_suppression() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO faults_suppressed VALUES (NEW.id, pg_current_xact_id(), clock_timestamp());
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER faults_suppressed AFTER INSERT ON suppressions FOR EACH ROW
    EXECUTE FUNCTION faults_note_suppression()
    """,
)
_MATCHES = """
    FROM faults_claims c
    JOIN messages m ON m.id = c.message_id
    JOIN contacts k ON k.id = m.contact_id
    LEFT JOIN companies o ON o.id = k.company_id
    JOIN suppressions s
        ON s.key IN (k.address_key, k.person_key, k.domain_key, o.company_key)
    JOIN faults_suppressed f ON f.suppression_id = s.id
"""
# Handed over although the claim could see that the person does not want it.
WRONGLY_CLAIMED = f"""
    SELECT DISTINCT c.message_id {_MATCHES}
    WHERE c.state = 'sending' AND pg_visible_in_snapshot(f.by, c.seen)
"""
# Blocked although nothing that the claim could see says so.
WRONGLY_BLOCKED = f"""
    SELECT c.message_id FROM faults_claims c WHERE c.state = 'blocked'
    EXCEPT SELECT c.message_id {_MATCHES}
    WHERE c.state = 'blocked' AND pg_visible_in_snapshot(f.by, c.seen)
"""
# When the first claim that could see a suppression came, and how many messages of those it is about
# had been claimed before.
FIRST_SEEN = """
    SELECT s.key, s.kind, extract(epoch FROM (
        SELECT c.at FROM faults_claims c
        WHERE c.at >= f.at AND pg_visible_in_snapshot(f.by, c.seen) ORDER BY c.at LIMIT 1
    )) AS at
    FROM suppressions s JOIN faults_suppressed f ON f.suppression_id = s.id
    WHERE s.scope IN ('address', 'domain', 'company')
"""
CLAIMED_BEFORE = (
    f"SELECT count(DISTINCT c.message_id) AS people {_MATCHES} WHERE c.state = 'sending'"
)
BLOCKED = f"SELECT count(DISTINCT c.message_id) AS people {_MATCHES} WHERE c.state = 'blocked'"


def wrongly_claimed(look: Any) -> list[int]:
    """Messages that were claimed by a statement that saw their recipient's suppression."""
    return [row.message_id for row in look(WRONGLY_CLAIMED)]


def wrongly_blocked(look: Any) -> list[int]:
    """Messages that a claim blocked without having seen a suppression."""
    return [row.message_id for row in look(WRONGLY_BLOCKED)]
