"""The suppression list: found by the whole address, added to by hand, lifted by two people."""

import io

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts import suppression
from mailer.contacts.address import address_key, canonical
from mailer.contacts.models import Suppression
from mailer.db import transaction
from tests.web.people import Browser, sign_in
from tests.web.register import add_contact, audited

Sessions = sessionmaker[Session]
ADDRESS = "anna.lehtonen@puutyo.example"
ONE = {"subject": "address", "value": ADDRESS, "kind": "manual", "evidence": "Mail of 1 January"}


def lines(sessions: Sessions) -> list[Suppression]:
    with transaction(sessions) as session:
        return list(session.scalars(select(Suppression).order_by(Suppression.id)))


def opt_out(sessions: Sessions, address: str = ADDRESS) -> None:
    with transaction(sessions) as session:
        key = address_key(canonical(address))
        suppression.opt_out(session, key, origin="one_click", now=clock.now())


@pytest.mark.parametrize(
    ("roles", "path", "status"),
    [
        (["auditor"], "/suppressions", 403),
        (["approver"], "/suppressions", 200),
        (["approver"], "/suppressions/new", 403),
        (["marketer"], "/suppressions/new", 200),
        (["marketer"], "/suppressions/list", 200),
        (["marketer"], "/suppressions/1/lift", 403),
        (["dpo"], "/suppressions/1/lift", 404),
    ],
)
def test_each_role_opens_what_it_may(
    client: Browser, roles: list[str], path: str, status: int
) -> None:
    sign_in(client, roles=roles)
    assert client.get(path).status_code == status


def test_an_empty_list_says_what_it_is(client: Browser) -> None:
    sign_in(client)
    assert "Nobody is on the list" in client.get("/suppressions").text
    assert "Nothing has been lifted" in client.get("/suppressions?lifted=1").text


def test_an_entry_is_found_by_the_whole_address_and_never_named_on_the_list(
    client: Browser, sessions: Sessions
) -> None:
    opt_out(sessions)
    sign_in(client, roles=["marketer"])
    page = client.get("/suppressions").text
    assert "Opted out" in page
    assert ADDRESS not in page
    found = client.post("/suppressions/find", data={"address": " ANNA.Lehtonen+x@puutyo.example "})
    assert "is on the list" in found.text
    assert "One-click unsubscribe" in found.text
    other = client.post("/suppressions/find", data={"address": "other@puutyo.example"})
    assert "is not on the list" in other.text
    wrong = client.post("/suppressions/find", data={"address": "<b>anna"})
    assert wrong.status_code == 422
    assert "This is not an e-mail address" in wrong.text
    assert "<b>anna" not in wrong.text


def test_the_ban_of_a_domain_or_a_company_is_found_at_its_people(
    client: Browser, sessions: Sessions
) -> None:
    add_contact(sessions)
    sign_in(client)
    for subject, value in (("domain", "PUUTYO.example"), ("company", "FI12345671")):
        data = {**ONE, "subject": subject, "value": value}
        assert client.post("/suppressions/new", data=data).status_code == 303
    page = client.post("/suppressions/find", data={"address": ADDRESS}).text
    assert "Domain ban" in page
    assert "Company&#39;s ban" in page


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"value": ""}, "The e-mail address is missing."),
        ({"value": "x"}, "This is not an e-mail address"),
        ({"subject": "domain", "value": "not a domain"}, "This is not a mail domain"),
        ({"subject": "company", "value": "123"}, "This is not a Business ID"),
        ({"subject": "company", "value": "1234567-8"}, "check digit"),
        ({"subject": "x"}, "Choose what to put on the list."),
        ({"kind": "private_person"}, "Choose why."),
        ({"evidence": " "}, "Write who asked for it"),
        ({"evidence": "x" * 2001}, "too long"),
    ],
)
def test_what_is_not_clear_is_not_put_on_the_list(
    client: Browser, sessions: Sessions, changes: dict[str, str], sentence: str
) -> None:
    sign_in(client)
    answer = client.post("/suppressions/new", data={**ONE, **changes})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert lines(sessions) == []


def test_an_unknown_address_is_put_on_the_list_once(client: Browser, sessions: Sessions) -> None:
    user = sign_in(client, roles=["marketer"])
    for _ in range(2):
        assert client.post("/suppressions/new", data=ONE).status_code == 303
    (line,) = lines(sessions)
    assert (line.kind, line.scope, line.actor_id) == ("manual", "address", user.id)
    assert "It was on the list already." in client.get("/suppressions").text
    (first, second) = audited(sessions, "suppression.added")
    assert (first.details["added"], second.details["added"]) == (1, 0)
    assert "anna" not in str(first.details)


# A list


def test_a_list_is_taken_from_the_box_and_from_a_file_and_never_refused_for_the_unknown(
    client: Browser, sessions: Sessions
) -> None:
    sign_in(client)
    file = "E-mail;Name\nåsa;sari@x.example\nKARL@nordkraft.example".encode("cp1252")
    data = {
        "addresses": f"{ADDRESS}\nbroken@\nkarl@nordkraft.example",
        "kind": "optout",
        "evidence": "The earlier system",
        "file": (io.BytesIO(file), "a.csv"),
    }
    answer = client.post("/suppressions/list", data=data, content_type="multipart/form-data")
    assert answer.status_code == 200
    assert "b•••••@" in answer.text
    assert "broken" not in answer.text
    with transaction(sessions) as session:
        for address in (ADDRESS, "karl@nordkraft.example", "sari@x.example"):
            assert suppression.find(session, canonical(address))
    assert len(lines(sessions)) == 3


@pytest.mark.parametrize(
    "changes", [{"addresses": ""}, {"addresses": "no\nat all"}, {"kind": "x"}, {"evidence": ""}]
)
def test_a_list_without_its_facts_is_refused(
    client: Browser, sessions: Sessions, changes: dict[str, str]
) -> None:
    sign_in(client)
    data = {"addresses": ADDRESS, "kind": "manual", "evidence": "x", **changes}
    assert client.post("/suppressions/list", data=data).status_code == 422
    assert lines(sessions) == []


# Lifting and handing out


def test_an_entry_comes_off_only_with_a_reason_and_by_two_who_may(
    client: Browser, sessions: Sessions
) -> None:
    opt_out(sessions)
    (line,) = lines(sessions)
    path = f"/suppressions/{line.id}/lift"
    sign_in(client, roles=["marketer"])
    assert "Take off the list" not in client.get("/suppressions").text
    assert client.post(path, data={"reason": "asked"}).status_code == 403
    first = sign_in(client, roles=["dpo"], name="Maija")
    assert "Take the entry off only if the person has asked" in client.get(path).text
    assert client.post(path, data={"reason": " "}).status_code == 422
    assert client.post(f"{path}/confirm").status_code == 409
    assert client.post(path, data={"reason": "She asked by mail"}).status_code == 303
    assert client.post(f"{path}/confirm").status_code == 409
    assert "You have asked for it." in client.get(path).text
    assert lines(sessions)[0].lifted_at is None
    second = sign_in(client, roles=["dpo"], name="Pekka")
    assert "She asked by mail" in client.get(path).text
    assert client.post(f"{path}/confirm").status_code == 303
    lifted = lines(sessions)[0]
    assert (lifted.lift_asked_by, lifted.lifted_by) == (first.id, f"user:{second.id}")
    assert client.post(f"{path}/confirm").status_code == 404
    page = client.get("/suppressions?lifted=1").text
    assert "She asked by mail" in page
    assert "Asked for by Maija" in page
    (asked,) = audited(sessions, "suppression.lift_asked")
    (done,) = audited(sessions, "suppression.lifted")
    assert (asked.actor_id, done.actor_id, done.details["asked_by"]) == (
        first.id, second.id, first.id,
    )  # fmt: skip


def test_a_request_that_is_refused_leaves_the_entry_and_can_be_made_again(
    client: Browser, sessions: Sessions
) -> None:
    opt_out(sessions)
    (line,) = lines(sessions)
    path = f"/suppressions/{line.id}/lift"
    sign_in(client, roles=["dpo"], name="Maija")
    client.post(path, data={"reason": "Asked"})
    sign_in(client, roles=["dpo"], name="Pekka")
    assert client.post(path, data={"reason": "Mine"}).status_code == 303
    assert lines(sessions)[0].lift_asked_reason == "Asked"
    assert client.post(f"{path}/refuse").status_code == 303
    left = lines(sessions)[0]
    assert (left.lifted_at, left.lift_asked_by) == (None, None)
    assert len(audited(sessions, "suppression.lift_refused")) == 1
    assert client.post(path, data={"reason": "Mine"}).status_code == 303
    assert client.post(f"{path}/confirm").status_code == 409


def test_evidence_is_shown_in_words(client: Browser, sessions: Sessions) -> None:
    with transaction(sessions) as session:
        for number, (kind, origin, evidence) in enumerate(
            [
                ("hard_bounce", "ses_event", "hard_bounce NoEmail"),
                ("complaint", "ses_event", "complaint"),
                ("optout", "staff", "phone"),
                ("private_person", "detector", "identity_code"),
                ("optout", "mail", "mail 12"),
                ("manual", "staff", "Letter of 3.11."),
            ]
        ):
            entry = suppression.of_address(canonical(f"p{number}@x.example"))
            suppression.suppress(
                session, [entry], kind, origin=origin, now=clock.now(), evidence=evidence
            )
    sign_in(client)
    page = client.get("/suppressions").text
    for words in (
        "The message came back for good: there is no such mailbox",
        "Reported as spam in the mail program",
        "By phone",
        "Mail number 12",
        "Letter of 3.11.",
    ):
        assert words in page
    for code in ("hard_bounce NoEmail", "identity_code", "mail 12"):
        assert f">{code}<" not in page


def test_the_export_holds_hashes_only_and_is_on_record(client: Browser, sessions: Sessions) -> None:
    opt_out(sessions)
    sign_in(client, roles=["marketer"])
    assert client.post("/suppressions/export").status_code == 403
    sign_in(client, roles=["dpo"])
    answer = client.post("/suppressions/export")
    assert answer.status_code == 200
    header, row = answer.text.splitlines()
    assert header == "scope,key,kind,since,origin,key_id"
    assert row.split(",")[1] == address_key(canonical(ADDRESS)).hex()
    assert "anna" not in answer.text
    assert "attachment" in answer.headers["Content-Disposition"]
    assert len(audited(sessions, "suppressions.exported")) == 1
