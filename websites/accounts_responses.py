"""What the accounts API answers when all went well."""

from typing import Any, ClassVar

from rest_framework import serializers

from config.api.answers import Answer

USER_EXAMPLE = {
    "id": "019c0427-2440-74f8-996d-a763b7a969b1",
    "email": "user@example.com",
    "name": "John Doe",
    "createdAt": "2026-01-28T10:30:00.000Z",
}
TOKENS_EXAMPLE = {"accessToken": "eyJ...", "refreshToken": "eyJ...", "expiresIn": 3600}


class User(Answer):
    """An account."""

    id = serializers.UUIDField()
    email = serializers.CharField()
    name = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField()


class NewUser(User):
    """An account, with the key that is shown this once."""

    apiKey = serializers.RegexField("^pk_[A-Za-z0-9]{32}$")


class OwnUser(User):
    """An account as its owner sees it."""

    isActive = serializers.BooleanField()


class Tokens(Answer):
    """A pair of tokens."""

    accessToken = serializers.CharField()
    refreshToken = serializers.CharField()
    expiresIn = serializers.IntegerField(
        min_value=1, help_text="Life of the access token in seconds."
    )


class LoggedIn(Answer):
    """The user, and tokens to go on with."""

    user = User()
    tokens = Tokens()
    access_token = serializers.CharField(help_text="The same as tokens.accessToken.")

    example: ClassVar[Any] = {
        "user": USER_EXAMPLE,
        "tokens": TOKENS_EXAMPLE,
        "access_token": "eyJ...",
    }


class Registered(LoggedIn):
    """The new user, and tokens to go on with."""

    user = NewUser()

    example: ClassVar[Any] = LoggedIn.example | {
        "user": USER_EXAMPLE | {"apiKey": "pk_Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z"}
    }


class Refreshed(Answer):
    """Two new tokens."""

    tokens = Tokens()

    example: ClassVar[Any] = {"tokens": TOKENS_EXAMPLE}


class LoggedOut(Answer):
    """The tokens are revoked."""

    message = serializers.ChoiceField(["Logged out successfully"])

    example: ClassVar[Any] = {"message": "Logged out successfully"}


class Me(Answer):
    """The user of the token."""

    user = OwnUser()

    example: ClassVar[Any] = {"user": USER_EXAMPLE | {"isActive": True}}
