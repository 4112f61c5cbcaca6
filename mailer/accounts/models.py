"""Tables of accounts: users, their signed-in sessions, failed attempts, the one-time setup link,
and the tokens of other systems."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from mailer.db import Model


class User(Model):
    """One natural person with their own name and password (R70, R71)."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_name: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    email: Mapped[str]
    password_hash: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    language: Mapped[str] = mapped_column(default="fi", server_default="fi")
    theme: Mapped[str] = mapped_column(default="system", server_default="system")
    reason: Mapped[str] = mapped_column(default="", server_default="")
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    ends_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    must_change_password: Mapped[bool] = mapped_column(default=True, server_default="true")
    undertaking_version: Mapped[int | None]
    undertaking_at: Mapped[datetime | None]
    undertaking_how: Mapped[str | None]


class SignedIn(Model):
    """One signed-in browser. The cookie holds the secret; the table holds its hash only."""

    __tablename__ = "signed_in"
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class SignInFailure(Model):
    """A failed sign-in, by hash of what was tried, for throttling."""

    __tablename__ = "sign_in_failures"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    at: Mapped[datetime] = mapped_column(index=True)


class SetupToken(Model):
    """The one-time link that makes the first administrator. Only its hash is kept."""

    __tablename__ = "setup_tokens"
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ApiToken(Model):
    """What another system calls the API with, in the name of the user who made it. Only the hash
    of its secret is kept."""

    __tablename__ = "api_tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    # To the hour: enough to see which tokens nobody needs.
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ApiAnswer(Model):
    """What a request with an Idempotency-Key was answered, for a day. `body` holds ids and codes,
    nothing about people."""

    __tablename__ = "api_answers"
    token_id: Mapped[int] = mapped_column(
        ForeignKey("api_tokens.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(index=True)
