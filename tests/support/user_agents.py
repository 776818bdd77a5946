"""The table of user agents: what each of them is."""

from pathlib import Path

from analytics.sessions.user_agents import Agent

TABLE = Path(__file__).parent.parent / "track" / "user_agents.tsv"


def _read_table():
    lines = [line for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return [line.split("\t") for line in lines]


BOTS = [row[-1] for row in _read_table() if row[0] == "bot"]
PEOPLE = {
    row[-1]: Agent(*(None if cell == "-" else cell for cell in row[:-1]))
    for row in _read_table()
    if row[0] != "bot"
}
