"""The commands ``dvina alerts``: what is open, take note, close, try the way."""

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from dvina.printing import DATA_FAILED, ENVIRONMENT_FAILED, out, print_json
from dvina.settings import settings

alerts = typer.Typer(help="Incidents: open ones, and who was told.", no_args_is_help=True)
Note = Annotated[str, typer.Option(help="Why; kept with the incident.")]


@alerts.command("list")
def list_incidents(
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """List open incidents and messages that were not delivered; never waits for the lock."""
    from dvina.alerts import store

    found = [i for i in store.incidents(settings().home) if everything or i.is_open]
    waiting = [m for m in store.messages(settings().home) if m.get("attempts")]
    if as_json:
        print_json({"incidents": [i.to_json() for i in found], "undelivered": waiting})
        return
    for incident in found:
        out.print(
            f"{incident.incident_id} {incident.severity} {incident.state}, {incident.times} times "
            f"since {incident.opened_at}: {incident.title}\n  {incident.text}\n"
            f"  next: {incident.next_step}",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
    if not found:
        out.print("no open incidents")
    for message in waiting:
        out.print(
            f"undelivered on route {message['route']} after {message['attempts']} attempts "
            f"({message['last_error']}): {message['title']}",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip


@alerts.command("ack")
def ack(incident: str, note: Note = "") -> None:
    """Take note of an incident: it is not told again unless it gets worse or is resolved."""
    from dvina.alerts.sweep import acknowledge

    taken = acknowledge(settings(), incident, getpass.getuser(), note)
    out.print(f"{taken.incident_id} acknowledged by {taken.by}", highlight=False)


@alerts.command("resolve")
def resolve_incident(incident: str, note: Note = "") -> None:
    """Close an incident by hand."""
    from dvina.alerts.sweep import resolve

    closed = resolve(settings(), incident, getpass.getuser(), note or "closed by hand")
    out.print(f"{closed.incident_id} resolved by {closed.by}", highlight=False)


@alerts.command("test")
def try_routes() -> None:
    """Send one message over every route; exit code 3 when one is not delivered."""
    from dvina.alerts import delivery, messages

    if not settings().routes:
        out.print(
            "no routes: set DVINA_ALERT_URL_DEFAULT to an address of apprise "
            "(mailto://, json://, slack://, ...), or [[alert_routes]] in dvina.toml"
        )
        raise typer.Exit(DATA_FAILED)
    said = [("What", ["A message to try the way. Nothing is wrong."])]
    trouble = []
    for route in settings().routes:
        title = f"Dvina: a try of route {route.name} at {datetime.now(UTC):%H:%M} UTC"
        bodies = {"text": messages.as_text(said), "html": messages.as_html(title, said)}
        message = {"route": route.name, "title": title, "mood": "resolved", **bodies}
        for at in range(max(1, len(delivery.addresses(route.name)))):
            failed = delivery.send({**message, "at": at})
            out.print(f"{route.name}: {failed or 'delivered'}", highlight=False, soft_wrap=True)
            trouble += [failed] if failed else []
    if trouble:
        raise typer.Exit(ENVIRONMENT_FAILED)
