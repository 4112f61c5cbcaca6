"""Messages a second: a whole campaign with ledger, gate and personalisation into the stand-in.

    python -m bench.send [--people N] [--processes N] [--threads N] [--latency MS]
                         [--paragraphs N]

The stand-in counts in a process of its own on the same machine; its share is in the figure, and
apart in `cpu_us_per_message`: microseconds of CPU that each part took for one message.
"""

import argparse
import multiprocessing
import resource
import time

from sqlalchemy import func, select, text

from bench.cpu import used_by
from bench.scratch import counting_stand_in, get, report, scratch
from mailer import clock, installation
from mailer.adapters.pace import Pace, Quota
from mailer.campaigns.models import Campaign, CampaignContent, SenderDomain
from mailer.config import from_environment
from mailer.contacts.models import Source
from mailer.db import transaction
from mailer.installation import Installation
from mailer.notice import profiles, switches
from mailer.segments.models import Segment
from mailer.sending import jobs, launch
from mailer.sending.models import Message

MJML = """<mjml><mj-body><mj-section><mj-column>{paragraphs}
<mj-button href="https://esimerkki.example/ilmoittaudu">Ilmoittaudu</mj-button>
</mj-column></mj-section></mj-body></mjml>"""
PARAGRAPH = (
    "<mj-text>Hei {first_name|sinä}, {company_name|yrityksenne} voi säästää aikaa. "
    + "Uusi palkanlaskenta hoitaa vuodenvaihteen muutokset puolestasi. " * 6
    + '<a href="https://esimerkki.example/artikkeli">Lue lisää</a></mj-text>'
)
PEOPLE = """
INSERT INTO contacts (email, first_name, last_name, title, functions, level, role_confidence,
  role_evidence, countries, basis, address_key, person_key, domain_key, source_id, company_id,
  collected_at, created_at, updated_at)
SELECT 'henkilo.' || n || '@yritys' || n % 20000 || '.example', 'Etu' || n, 'Suku' || n,
  'Talouspäällikkö', '{finance}', 40, 0.9, 2, '{FI}', 'legitimate_interest',
  decode(md5('a' || n), 'hex'), decode(md5('p' || n), 'hex'),
  decode(md5('d' || n % 20000), 'hex'), :source, 1 + n % 20000, now(), now(), now()
FROM generate_series(1, :people) n
"""
COMPANIES = """
INSERT INTO companies (id, name, name_key, domain, company_key, source_id, created_at, updated_at)
SELECT n, 'Yritys ' || n || ' Oy', 'yritys ' || n, 'yritys' || n || '.example',
  decode(md5('c' || n), 'hex'), :source, now(), now()
FROM generate_series(1, 20000) n
"""


def fill(here: Installation, people: int, paragraphs: int = 12) -> int:
    """A register of `people` and a campaign to all of them, with a link in each paragraph."""
    now = clock.now()
    with transaction(here.sessions) as session:
        switches.publish(session, profiles.load("example"), now=now)
        session.add(SenderDomain(domain="esimerkki.example", verified=True))
        source = Source(
            kind="public_web",
            name="Yritysten sivut",
            dated=now.date(),
            basis="legitimate_interest",
            created_at=now,
        )
        session.add(source)
        session.flush()
        session.execute(text(COMPANIES), {"source": source.id})
        session.execute(text(PEOPLE), {"people": people, "source": source.id})
        session.execute(
            text(
                "INSERT INTO suppressions (scope, key, kind, at, origin) SELECT 'address',"
                " decode(md5('x' || n), 'hex'), 'optout', now(), 'staff'"
                " FROM generate_series(1, 20000) n"
            )
        )
        segment = Segment(
            name="Talous",
            tree={"field": "function", "is": "any_of", "value": ["finance"]},
            created_at=now,
            updated_at=now,
        )
        session.add(segment)
        session.flush()
        campaign = Campaign(
            name="Mittaus",
            state="starting",
            segment_id=segment.id,
            target_functions=["finance"],
            entity="esimerkki",
            sender_address="uutiset@esimerkki.example",
            starts_at=now,
            created_at=now,
            updated_at=now,
        )
        session.add(campaign)
        session.flush()
        session.add(
            CampaignContent(
                campaign_id=campaign.id,
                language="fi",
                subject="Uutisia, {first_name|hyvä lukija}",
                mjml=MJML.replace("{paragraphs}", PARAGRAPH * paragraphs),
                updated_at=now,
            )
        )
    with here.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return campaign.id


def send_all(
    environ: dict[str, str],
    campaign_id: int,
    peak: "multiprocessing.Queue[tuple[int, float]]",
) -> None:
    """One worker process: send until the campaign is over; report peak memory (MB) and CPU (s)."""
    here = installation.install(from_environment(environ), patient=True)
    used = time.process_time()
    while True:
        jobs.send(campaign_id)
        with here.sessions() as session:
            if session.get_one(Campaign, campaign_id).state != "sending":
                break
        time.sleep(0.05)
    peak.put(
        (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            time.process_time() - used,
        )
    )


def main() -> None:
    """Run the benchmark and print its line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--latency", type=int, default=0, help="of the stand-in, in milliseconds")
    parser.add_argument("--paragraphs", type=int, default=12, help="of the mail, each with a link")
    given = parser.parse_args()
    with (
        scratch(SENDER_THREADS=str(given.threads)) as place,
        counting_stand_in(place.directory / "stand-in", latency_ms=given.latency) as (url, sink),
    ):
        here = place.here
        environ = {**place.environ, "SES_ENDPOINT_URL": url}
        Pace(here.redis, 10).set_limit(Quota(1e9, -1, 0, 0), share=1)
        campaign_id = fill(here, given.people, given.paragraphs)
        began = time.perf_counter()
        with transaction(here.sessions) as session:
            launch.launch(session, campaign_id, now=clock.now())
        frozen = time.perf_counter() - began
        context = multiprocessing.get_context("spawn")
        told: multiprocessing.Queue[tuple[int, float]] = context.Queue()
        workers = [
            context.Process(target=send_all, args=(environ, campaign_id, told))
            for _ in range(given.processes)
        ]
        with used_by({**place.parts, "stand_in": sink}) as used:
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        ended = [told.get() for _ in workers]
        used["workers"] = sum(cpu for _, cpu in ended)
        with here.sessions() as session:
            sent, first, last = session.execute(
                select(func.count(), func.min(Message.claimed_at), func.max(Message.sent_at)).where(
                    Message.state == "sent"
                )
            ).one()
        seconds = (last - first).total_seconds()
        report(
            "send",
            people=given.people,
            processes=given.processes,
            threads=given.threads,
            latency_ms=given.latency,
            slots=slots_of(here, campaign_id),
            messages_per_second=round(sent / seconds),
            cpu_us_per_message={
                name: round(cpu / sent * 1e6, 1) for name, cpu in sorted(used.items())
            },
            sent=sent,
            sink=get(f"{url}/_stand_in/counts"),
            freeze_seconds=round(frozen, 2),
            worker_peak_mb=max(peak for peak, _ in ended),
        )


def slots_of(here: Installation, campaign_id: int) -> int:
    """How many places of the mail are filled for each person."""
    with here.sessions() as session:
        campaign = session.get_one(Campaign, campaign_id)
        rendering = launch.rendering(session, campaign, here.settings, now=clock.now())
    return len(rendering.skeleton("fi").slots)


if __name__ == "__main__":
    main()
