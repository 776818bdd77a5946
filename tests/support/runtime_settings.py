"""Runtime settings of tests"""

from config import runtime
from config.models import RuntimeSettings

OFF = ["false", "TRUE", "True", "1", "yes", " true", "true ", "", "on"]


def change_settings(**values):
    """Change runtime settings, as the admin does."""
    RuntimeSettings.load().change(values, changed_by="staff@example.com")
    runtime.expire()
