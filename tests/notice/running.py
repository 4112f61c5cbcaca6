"""A product on which a company's notice is in force, and what it then takes, refuses and keeps."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from mailer import gate
from mailer.config import Settings
from mailer.contacts import consents, importing
from mailer.contacts.columns import Plan, recognise
from mailer.contacts.consents import Statement
from mailer.contacts.import_refusals import ImportRefusedError
from mailer.contacts.importing import Choices, SourceFacts
from mailer.contacts.interaction_entry import Entry, check
from mailer.contacts.models import Contact, Import
from mailer.events import jobs
from mailer.events.models import Event
from mailer.notice import switches, vocabulary
from mailer.notice.schema import Notice
from mailer.tokens import Purpose, Recipient, Signer
from tests.contacts.files import PLAIN, finish, make_file
from tests.events.register import make_campaign, make_link, make_message
from tests.notice.companies import complete
from tests.segments import register
from tests.web.people import Browser

# A column for each field, and what a person of a supplier's list has in it.
ROW = {
    "first_name": ("Etunimi", "Aino"),
    "last_name": ("Sukunimi", "Virtanen"),
    "email": ("Sähköposti", "aino.virtanen@yritys.example"),
    "phone": ("Puhelin", "+358401234567"),
    "title": ("Titteli", "Talousjohtaja"),
    "duties": ("Tehtävät", "Vastaa palkanlaskennasta"),
    "language": ("Kieli", "sv"),
    "note": ("Muistiinpano", "Tavattu messuilla"),
    "tags": ("Tunnisteet", "kevätmessut"),
    "company_name": ("Yritys", "Yritys Oy"),
    "business_id": ("Y-tunnus", "2796282-4"),
    "industry_code": ("Toimialakoodi", "62100"),
    "industry_name": ("Toimiala", "Ohjelmistotyö"),
    "headcount": ("Henkilöstömäärä", "4321"),
    "turnover_eur": ("Liikevaihto", "7654321"),
    "result_eur": ("Tulos", "987654"),
    "street": ("Katuosoite", "Testikatu 77"),
    "postal_code": ("Postinumero", "33234"),
    "city": ("Kaupunki", "Tampere"),
    "country": ("Maa", "SE"),
}
SHOWN_IN_ROWS = {"country": '"SE"', "language": '"sv"'}
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


class Product:
    """What is asked of it is asked of the same code that screens, commands and jobs run."""

    def __init__(self, session: Session, company: str, now: datetime) -> None:
        switches.publish(session, complete(company), now=now)
        self.session, self.now = session, now

    @property
    def notice(self) -> Notice:
        found = switches.in_force(self.session, self.now)
        assert found is not None
        return found

    def sources_taken(self) -> set[str]:
        """The kinds of source that an import may name."""
        return {kind for kind in vocabulary.SOURCE_KINDS if self.refusal(kind) is None}

    def refusal(self, kind: str, **facts: Any) -> str | None:
        """Why an import from such a source is refused, if it is."""
        source = replace(self._source(kind), **facts)
        entry = importing.upload(self.session, "x.csv", make_file(PLAIN), now=self.now)
        try:
            importing.name_source(self.session, entry, source, now=self.now)
        except ImportRefusedError as error:
            return error.code
        return None

    def _source(self, kind: str) -> SourceFacts:
        return SourceFacts(
            kind=kind,
            name="Lähde",
            dated=self.now.date(),
            basis="legitimate_interest",
            url="https://yritys.example/" if kind == "public_web" else None,
        )

    def import_row(
        self, *, more: dict[str, str] | None = None, **cells: str
    ) -> tuple[Plan, Import]:
        """One person in a file with a column for every field, and with the columns of `more`."""
        columns = {heading: cells.get(field, value) for field, (heading, value) in ROW.items()}
        columns |= more or {}
        content = make_file(tuple(columns.values()), header=tuple(columns))
        entry = importing.upload(self.session, "x.csv", content, now=self.now)
        importing.name_source(self.session, entry, self._source("data_subject"), now=self.now)
        plan = importing.choose(self.session, entry, Choices(), now=self.now)
        importing.start(self.session, entry, dry_run=False, now=self.now)
        finish(self.session, entry, now=self.now)
        return plan, entry

    def fields_kept(self) -> set[str]:
        """The fields of an imported row whose value is in the database after it.

        The report names every other column.
        """
        assert all(recognise(heading) == field for field, (heading, _) in ROW.items())
        plan, _ = self.import_row()
        reported = {each.heading for each in plan.dropped if each.reason == "undeclared_column"}
        declared = self.notice.fields
        assert reported == {heading for field, (heading, _) in ROW.items() if field not in declared}
        query = "SELECT string_agg(to_jsonb(t)::text, ' ') FROM {} t"
        rows = " ".join(
            self.session.scalar(text(query.format(table))) or ""
            for table in ("contacts", "companies", "titles")
        )
        return {
            field for field, (_, value) in ROW.items() if SHOWN_IN_ROWS.get(field, value) in rows
        }

    def people(self) -> int:
        return self.session.scalar(select(func.count()).select_from(Contact)) or 0

    def noted(self) -> set[str]:
        """The kinds of dealing that may be written down."""
        kinds = vocabulary.INTERACTION_KINDS
        entry = Entry("", self.now, title="Sovittiin jatkosta", contact_id=1)
        return {
            kind
            for kind in kinds
            if check(replace(entry, kind=kind), self.notice, now=self.now) is None
        }

    def add(self, *, source: dict[str, Any] | None = None, **facts: Any) -> Contact:
        """A finance manager who gave the data in person, unless `source` and `facts` say else."""
        origin = {"kind": "data_subject"} | (source or {})
        made = register.make_source(self.session, self.now, **origin)
        return register.make_contact(self.session, made, self.now, **facts)

    def verdict(self, contact: Contact, purpose: str) -> str | None:
        """What the gate says of a message to the person for a purpose."""
        ask = gate.Ask(
            purpose=purpose,
            functions=frozenset({"finance"}),
            notice=self.notice,
            now=self.now,
        )
        statement = gate.scope(select(gate.verdict(ask)).select_from(Contact))
        return self.session.scalar(statement.where(Contact.id == contact.id))

    def purposes(self, **facts: Any) -> set[str]:
        """The purposes of campaigns for which such a person may be mailed."""
        contact = self.add(**facts)
        return {each for each in vocabulary.PURPOSES if self.verdict(contact, each) == "clear"}

    def consent(self, contact: Contact, kind: str) -> None:
        said = [Statement(contact.id, kind, "given")]
        consents.record(self.session, said, actor="test", now=self.now)


class Mailed:
    """One delivered message with a pixel and a link, and the browser of its recipient."""

    def __init__(
        self,
        client: Browser,
        sessions: sessionmaker[Session],
        settings: Settings,
        *,
        company: str,
        now: datetime,
    ) -> None:
        self._client, self._sessions, self._now = client, sessions, now
        client.environ_base["HTTP_USER_AGENT"] = BROWSER
        client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "fi"
        client.environ_base["HTTP_SEC_FETCH_MODE"] = "navigate"
        with sessions.begin() as session:
            switches.publish(session, complete(company), now=now)
            source = register.make_source(session, now, kind="data_subject")
            contact = register.make_contact(session, source, now)
            campaign = make_campaign(session, now)
            message = make_message(
                session, now, contact=contact, campaign=campaign, delivered_at=now
            )
            link = make_link(session, campaign)
        signer, recipient = Signer(settings.secret_key), Recipient(message.id, contact.address_key)
        self._contact_id, self._message_id = contact.id, message.id
        self._pixel = f"/o/{signer.make(Purpose.OPEN, recipient)}.gif"
        self._link = f"/c/{signer.make(Purpose.CLICK, recipient)}/{link.id}"
        self._stop = f"/u/{signer.make(Purpose.ONE_CLICK, recipient)}"

    def consent_to_tracking(self) -> None:
        with self._sessions.begin() as session:
            said = [Statement(self._contact_id, "email_tracking", "given")]
            consents.record(session, said, actor="test", now=self._now)

    def open_and_click(self) -> list[str]:
        """The kinds of what is then recorded of this person, sorted. The answers are the same."""
        assert self._client.get(self._pixel).mimetype == "image/gif"
        assert self._client.get(self._link).location == "https://esimerkki.example/0"
        return self._recorded()

    def opt_out(self) -> list[str]:
        """The kinds of what is recorded after the link in the header was pressed."""
        answer = self._client.post(self._stop, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        return self._recorded()

    def _recorded(self) -> list[str]:
        jobs.apply_tracking()
        with self._sessions() as session:
            of_message = Event.message_id == self._message_id
            return sorted(session.scalars(select(Event.kind).where(of_message)))

    def addresses_of_visitors(self) -> int:
        """How many rows of any table hold the visitor's IP address."""
        with self._sessions() as session:
            tables = session.scalars(
                text("SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public'")
            ).all()
            query = "SELECT count(*) FROM {} t WHERE to_jsonb(t)::text LIKE '%127.0.0.1%'"
            return sum(session.scalar(text(query.format(f'"{name}"'))) or 0 for name in tables)
