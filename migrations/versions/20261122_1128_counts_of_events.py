"""Count events as they come, so that reports need not read them.

Triggers, so that whoever adds, judges or deletes events counts them in the same transaction.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_1128"
down_revision = "20261122_1121"
branch_labels = None
depends_on = None

# Sixteen rows for one number: workers that count at the same time do not wait for one another.
COUNT = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  WITH changes AS (
    {changes}
  ), counted AS (
    INSERT INTO event_counts AS c (campaign_id, kind, actor, link_id, hour, slot, hits)
    SELECT campaign_id, kind, actor, coalesce(link_id, 0), date_trunc('hour', at, 'UTC'),
      pg_backend_pid() % 16, sum(n)
    FROM changes GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) <> 0 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (campaign_id, kind, actor, link_id, hour, slot)
    DO UPDATE SET hits = c.hits + EXCLUDED.hits
  ), reacted AS (
    INSERT INTO reactions AS r (message_id, kind, link_id, campaign_id, hits, step)
    SELECT message_id, p.kind, p.link_id, campaign_id, sum(n * p.sign), sum(n * p.sign)
    FROM changes CROSS JOIN LATERAL (
      SELECT changes.kind, 0, 1
        WHERE actor = 'human' AND changes.kind IN ('open', 'click', 'not_my_work')
      UNION ALL SELECT 'click', changes.link_id, 1
        WHERE actor = 'human' AND changes.kind = 'click' AND changes.link_id IS NOT NULL
      UNION ALL SELECT 'opt_out', 0, CASE changes.kind WHEN 'opt_out' THEN 1 ELSE -1 END
        WHERE changes.kind IN ('opt_out', 'opt_out_undone')
      UNION ALL SELECT 'soft_bounce', 0, 1 WHERE changes.kind IN ('soft_bounce', 'delay')
    ) AS p(kind, link_id, sign)
    GROUP BY 1, 2, 3, 4 HAVING sum(n * p.sign) <> 0 ORDER BY 1, 2, 3
    ON CONFLICT (message_id, kind, link_id)
    DO UPDATE SET hits = r.hits + EXCLUDED.hits, step = EXCLUDED.step
    RETURNING campaign_id, kind, link_id,
      CAST(hits > 0 AS integer) - CAST(hits - step > 0 AS integer) AS people
  )
  INSERT INTO event_reach AS e (campaign_id, kind, link_id, slot, people)
  SELECT campaign_id, kind, link_id, pg_backend_pid() % 16, sum(people)
  FROM reacted GROUP BY 1, 2, 3 HAVING sum(people) <> 0 ORDER BY 1, 2, 3
  ON CONFLICT (campaign_id, kind, link_id, slot) DO UPDATE SET people = e.people + EXCLUDED.people;
  {afterwards}
  RETURN NULL;
END $$
"""
CHANGES = (
    "SELECT campaign_id, message_id, kind, actor, link_id, at, {n} AS n FROM {table}"
    " WHERE campaign_id IS NOT NULL"
)
ADDED = CHANGES.format(n=1, table="fresh")
TAKEN = CHANGES.format(n=-1, table="gone")
FORGET = """
  DELETE FROM reactions AS r USING gone AS g WHERE r.message_id = g.message_id AND r.hits = 0;
"""
TRIGGERS = (
    ("count_added_events", ADDED, "", "INSERT", "NEW TABLE AS fresh"),
    (
        "count_changed_events",
        f"{ADDED} UNION ALL {TAKEN}",
        "",
        "UPDATE",
        "OLD TABLE AS gone NEW TABLE AS fresh",
    ),
    ("count_deleted_events", TAKEN, FORGET, "DELETE", "OLD TABLE AS gone"),
)
FILL = """
INSERT INTO event_counts (campaign_id, kind, actor, link_id, hour, slot, hits)
  SELECT campaign_id, kind, actor, coalesce(link_id, 0), date_trunc('hour', at, 'UTC'), 0, count(*)
  FROM events WHERE campaign_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5;
INSERT INTO reactions (message_id, kind, link_id, campaign_id, hits, step)
  SELECT message_id, p.kind, p.link_id, campaign_id, sum(p.sign), sum(p.sign)
  FROM events CROSS JOIN LATERAL (
    SELECT events.kind, 0, 1
      WHERE actor = 'human' AND events.kind IN ('open', 'click', 'not_my_work')
    UNION ALL SELECT 'click', events.link_id, 1
      WHERE actor = 'human' AND events.kind = 'click' AND events.link_id IS NOT NULL
    UNION ALL SELECT 'opt_out', 0, CASE events.kind WHEN 'opt_out' THEN 1 ELSE -1 END
      WHERE events.kind IN ('opt_out', 'opt_out_undone')
    UNION ALL SELECT 'soft_bounce', 0, 1 WHERE events.kind IN ('soft_bounce', 'delay')
  ) AS p(kind, link_id, sign)
  WHERE campaign_id IS NOT NULL GROUP BY 1, 2, 3, 4;
INSERT INTO event_reach (campaign_id, kind, link_id, slot, people)
  SELECT campaign_id, kind, link_id, 0, count(*) FROM reactions WHERE hits > 0 GROUP BY 1, 2, 3
"""


def upgrade() -> None:
    op.create_table(
        "event_counts",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("link_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("slot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.id"],
            name=op.f("fk_event_counts_campaign_id_campaigns"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "campaign_id",
            "kind",
            "actor",
            "link_id",
            "hour",
            "slot",
            name=op.f("pk_event_counts"),
        ),
    )
    op.create_table(
        "event_reach",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("link_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.id"],
            name=op.f("fk_event_reach_campaign_id_campaigns"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "campaign_id", "kind", "link_id", "slot", name=op.f("pk_event_reach")
        ),
    )
    op.create_table(
        "reactions",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("link_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "kind", "link_id", name=op.f("pk_reactions")),
    )
    op.create_index("ix_reactions_campaign_id_kind", "reactions", ["campaign_id", "kind"])
    op.create_table(
        "dropped_events",
        sa.Column("before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("before", name=op.f("pk_dropped_events")),
    )
    # Nobody adds events between what is counted here and the triggers.
    op.execute("LOCK TABLE events IN SHARE MODE")
    op.execute(FILL)
    for name, changes, afterwards, when, tables in TRIGGERS:
        op.execute(COUNT.format(name=name, changes=changes, afterwards=afterwards))
        op.execute(
            f"CREATE TRIGGER {name} AFTER {when} ON events REFERENCING {tables}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )


def downgrade() -> None:
    for name, *_ in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON events")
        op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("dropped_events")
    op.drop_table("reactions")
    op.drop_table("event_reach")
    op.drop_table("event_counts")
