"""The settings of a website in the admin, a line for each entry of a list."""

from typing import Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from config.api.errors import Invalid
from websites.models import Website
from websites.settings import SETTINGS, TRAILING_SLASHES

# Fields of the form, by their names in the API.
COLUMNS = {
    "timezone": "timezone",
    "honourPrivacySignals": "honour_privacy_signals",
    "allowedHosts": "allowed_hosts",
    "ignoredNetworks": "ignored_networks",
}
PAGE_RULES = {
    "queryKeys": "query_keys",
    "trailingSlash": "trailing_slash",
    "patterns": "patterns",
}
FIELDS = COLUMNS | PAGE_RULES


def fieldset(*, may_change: bool) -> tuple[str, dict[str, Any]]:
    """Return the settings as a part of the page, as they are stored for who may only look."""
    fields = tuple(FIELDS.values()) if may_change else (*COLUMNS.values(), "page_rules")
    about = (
        "They count within five seconds. Events that they leave out are answered as usual, and not "
        "stored."
    )
    return "Settings", {"fields": fields, "description": about}


class Lines(forms.CharField):
    """A list of texts."""

    def __init__(self, help_text: str) -> None:
        widget = UnfoldAdminTextareaWidget({"rows": 3})
        super().__init__(required=False, widget=widget, help_text=f"{help_text} One a line.")

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line for line in map(str.strip, (value or "").splitlines()) if line]


class WebsiteForm(forms.ModelForm):  # type: ignore[type-arg]
    """A website with its settings; their rules are those of the API."""

    allowed_hosts = Lines("Hosts whose events are stored: example.com, *.example.com. None: all.")
    ignored_networks = Lines("Addresses and networks whose events are dropped: 192.0.2.0/24.")
    query_keys = Lines("Parameters of URLs that are part of a page.")
    trailing_slash = forms.ChoiceField(
        required=False,
        choices=[(each, each.capitalize()) for each in TRAILING_SLASHES],
        widget=UnfoldAdminSelectWidget,
        help_text="Of the paths of pages.",
    )
    patterns = Lines("Paths that count as one page: /user/*.")

    class Meta:
        model = Website
        fields: ClassVar = ["timezone", "honour_privacy_signals"]
        help_texts: ClassVar = {
            "timezone": "Whose days the statistics have: Europe/Berlin.",
            "honour_privacy_signals": "Drop the events of browsers that send Sec-GPC or DNT.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["timezone"].required = False  # what a script does not send stays
        for api_name, name in PAGE_RULES.items():
            self.initial[name] = self.instance.page_rules.get(api_name)

    def clean(self) -> dict[str, Any]:
        """Apply the rules of the API to what was sent."""
        sent = {api_name: self.sent(name) for api_name, name in COLUMNS.items()}
        rules = {api_name: self.sent(name) for api_name, name in PAGE_RULES.items()}
        try:
            SETTINGS.run_validation(sent | {"pageRules": rules})
        except Invalid as error:
            for problem in error.problems:
                name = next(step for step in reversed(problem.location) if step in FIELDS)
                self.add_error(FIELDS[str(name)], problem.describe())
        self.instance.page_rules = self.instance.page_rules | rules
        return self.cleaned_data

    def sent(self, name: str) -> Any:
        """Return a value that was sent, or the one that stays."""
        widget = self.fields[name].widget
        is_absent = widget.value_omitted_from_data(self.data, self.files, self.add_prefix(name))
        return self.initial[name] if is_absent else self.cleaned_data.get(name, self.initial[name])
