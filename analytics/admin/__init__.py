"""Admin pages: what streams share, home and websites; each stream's own stand in its folder."""

import analytics.admin.websites
import analytics.collect.admin
import analytics.events.admin
import analytics.funnel.admin
import analytics.platform.admin
import analytics.sessions.admin  # noqa: F401 - they register themselves
