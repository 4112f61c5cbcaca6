"""Keep events by months.

What is there stays where it is and becomes the first partition, so nothing is copied. Processes of
the version before must be stopped: they look for repeated events by a key that is gone.
"""

from alembic import op

revision = "20261122_1120"
down_revision = "20261122_1115"
branch_labels = None
depends_on = None

COLUMNS = """
    id bigint NOT NULL DEFAULT nextval('events_id_seq'),
    message_id bigint NOT NULL,
    campaign_id bigint,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    link_id bigint,
    actor text NOT NULL DEFAULT 'ses',
    reasons text[] NOT NULL DEFAULT '{}',
    ruleset_version bigint,
    details jsonb NOT NULL DEFAULT '{}',
    dedupe_key text NOT NULL,
    CONSTRAINT ck_events_actor CHECK (actor IN ('human', 'machine', 'unknown', 'ses')),
    CONSTRAINT fk_events_campaign_id_campaigns
        FOREIGN KEY (campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_events_link_id_links FOREIGN KEY (link_id) REFERENCES links (id),
    CONSTRAINT fk_events_message_id_messages
        FOREIGN KEY (message_id) REFERENCES messages (id) ON DELETE CASCADE
"""
INDEXES = """
CREATE INDEX ix_events_campaign_id_kind_at ON events (campaign_id, kind, at);
CREATE INDEX ix_events_message_id ON events (message_id);
"""
# The first partition ends where the first month begins that has no event yet.
MONTHS = """
DO $$
DECLARE month timestamptz; used boolean;
BEGIN
  SELECT count(*) > 0, greatest(max(at), now()) INTO used, month FROM events_begin;
  month := date_trunc('month', month, 'UTC');
  IF used THEN
    month := (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    EXECUTE format('ALTER TABLE events ATTACH PARTITION events_begin
      FOR VALUES FROM (MINVALUE) TO (%L)', month);
  ELSE
    DROP TABLE events_begin;
  END IF;
  CREATE TABLE events_default PARTITION OF events DEFAULT;
  FOR n IN 1..4 LOOP
    EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
      'events_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM'),
      month, (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
    month := (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
  END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute("ALTER SEQUENCE events_id_seq OWNED BY NONE")
    op.execute("ALTER TABLE events RENAME TO events_begin")
    op.execute(
        "ALTER TABLE events_begin DROP CONSTRAINT pk_events, DROP CONSTRAINT uq_events_dedupe_key"
    )
    op.execute("ALTER INDEX ix_events_campaign_id_kind_at RENAME TO ix_events_begin_campaign_id")
    op.execute("ALTER INDEX ix_events_message_id RENAME TO ix_events_begin_message_id")
    op.execute(
        f"CREATE TABLE events ({COLUMNS},"
        " CONSTRAINT pk_events PRIMARY KEY (id, at),"
        " CONSTRAINT uq_events_dedupe_key_at UNIQUE (dedupe_key, at)"
        ") PARTITION BY RANGE (at)"
    )
    op.execute(INDEXES)
    op.execute(MONTHS)
    op.execute("ALTER SEQUENCE events_id_seq OWNED BY events.id")


def downgrade() -> None:
    op.execute("ALTER SEQUENCE events_id_seq OWNED BY NONE")
    op.execute("ALTER TABLE events RENAME TO events_by_month")
    for index in ("pk_events", "ix_events_campaign_id_kind_at", "ix_events_message_id"):
        op.execute(f"ALTER INDEX {index} RENAME TO {index}_by_month")
    op.execute(
        f"CREATE TABLE events ({COLUMNS},"
        " CONSTRAINT pk_events PRIMARY KEY (id),"
        " CONSTRAINT uq_events_dedupe_key UNIQUE (dedupe_key))"
    )
    op.execute(
        "INSERT INTO events SELECT id, message_id, campaign_id, kind, at, link_id, actor, reasons,"
        " ruleset_version, details, dedupe_key FROM events_by_month ORDER BY at"
        " ON CONFLICT (dedupe_key) DO NOTHING"
    )
    op.execute("DROP TABLE events_by_month")
    op.execute(INDEXES)
    op.execute("ALTER SEQUENCE events_id_seq OWNED BY events.id")
