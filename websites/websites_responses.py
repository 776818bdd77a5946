"""What the websites API answers when all went well."""

from typing import Any, ClassVar

from rest_framework import serializers

from config.api.answers import Answer

EXAMPLE = {
    "id": "019c0428-0ea0-7bae-841b-02c41ed0fd8a",
    "userId": "019c0427-2440-74f8-996d-a763b7a969b1",
    "name": "My Website",
    "domain": "example.com",
    "description": "My example website",
    "trackingCode": "pm-a7x9k2-1769596260000",
    "isActive": True,
    "createdAt": "2026-01-28T10:31:00.000Z",
    "updatedAt": "2026-01-28T10:31:00.000Z",
}


class Website(Answer):
    """One website."""

    id = serializers.UUIDField()
    userId = serializers.UUIDField()
    name = serializers.CharField()
    domain = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    trackingCode = serializers.RegexField("^pm-[a-z0-9]{6}-[0-9]{13}$")
    isActive = serializers.BooleanField(help_text="Whether it takes events.")
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()

    example: ClassVar[Any] = EXAMPLE


class WebsiteList(Answer):
    """All websites of the caller, the newest first."""

    websites = serializers.ListField(child=Website())
    total = serializers.IntegerField(min_value=0)

    example: ClassVar[Any] = {"websites": [EXAMPLE], "total": 1}


class Deleted(Answer):
    """The website is gone; its events cannot be read any more."""

    success = serializers.ChoiceField([True])
    message = serializers.ChoiceField(["Website deleted successfully"])

    example: ClassVar[Any] = {"success": True, "message": "Website deleted successfully"}
