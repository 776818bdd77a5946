"""Response bodies of the accounts API."""

from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from msgspec import Meta

from config.api.bodies import Body, Timestamp, iso, pattern
from websites.models import User
from websites.tokens import ACCESS_SECONDS, Pair

USER_EXAMPLE = {
    "id": "019c0427-2440-74f8-996d-a763b7a969b1",
    "email": "user@example.com",
    "name": "John Doe",
    "createdAt": "2026-01-28T10:30:00.000Z",
}
TOKENS_EXAMPLE = {"accessToken": "eyJ...", "refreshToken": "eyJ...", "expiresIn": 3600}


class UserBody(Body, rename="camel"):
    """An account."""

    id: UUID
    email: str
    name: str | None
    created_at: Timestamp


class NewUser(UserBody, rename="camel"):
    """An account, with the key that is shown this once."""

    api_key: Annotated[str, pattern("^pk_[A-Za-z0-9]{32}$")]

    @classmethod
    def of(cls, user: User, api_key: str) -> Self:
        return cls(user.id, user.email, user.name, iso(user.created_at), api_key)


class OwnUser(UserBody, rename="camel"):
    """An account as its owner sees it."""

    is_active: bool


class Tokens(Body, rename="camel"):
    """A pair of tokens."""

    access_token: str
    refresh_token: str
    expires_in: Annotated[int, Meta(ge=1, description="Life of the access token in seconds.")]

    @classmethod
    def of(cls, pair: Pair) -> Self:
        return cls(pair.access, pair.refresh, ACCESS_SECONDS)


class LoggedIn(Body):
    """The user, and tokens to go on with."""

    user: UserBody
    tokens: Tokens
    access_token: Annotated[str, Meta(description="The same as tokens.accessToken.")]

    example: ClassVar[Any] = {
        "user": USER_EXAMPLE,
        "tokens": TOKENS_EXAMPLE,
        "access_token": "eyJ...",
    }

    @classmethod
    def of(cls, user: UserBody, pair: Pair) -> Self:
        return cls(user, Tokens.of(pair), pair.access)


class Registered(LoggedIn):
    """The new user, and tokens to go on with."""

    user: NewUser

    example: ClassVar[Any] = LoggedIn.example | {
        "user": USER_EXAMPLE | {"apiKey": "pk_Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z"}
    }


class Refreshed(Body):
    """Two new tokens."""

    tokens: Tokens

    example: ClassVar[Any] = {"tokens": TOKENS_EXAMPLE}


class LoggedOut(Body):
    """The tokens are revoked."""

    message: Literal["Logged out successfully"] = "Logged out successfully"

    example: ClassVar[Any] = {"message": "Logged out successfully"}


class Me(Body):
    """The user of the token."""

    user: OwnUser

    example: ClassVar[Any] = {"user": USER_EXAMPLE | {"isActive": True}}


class Deleted(Body):
    """The account is deleted."""

    websites: Annotated[int, Meta(ge=0, description="How many websites went with it.")]

    example: ClassVar[Any] = {"websites": 2}


class Email(Body, rename="camel"):
    """The email of an account, and whether a link that was sent there has been followed."""

    email: str
    is_confirmed: bool

    example: ClassVar[Any] = {"email": "user@example.com", "isConfirmed": False}


class LinkSent(Body):
    """A link is on its way."""

    message: Literal["A link is on its way"] = "A link is on its way"

    example: ClassVar[Any] = {"message": "A link is on its way"}
