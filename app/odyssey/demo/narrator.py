"""
What the demo shows on the terminal; plain lines where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from odyssey.domain.proposal import Proposal

if TYPE_CHECKING:
    from odyssey.demo.promises import Kept
    from odyssey.scenario import Scenario


class Narrator:
    """
    Says what people and Odyssey do, as it happens.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    def opening(self) -> None:
        """The first lines."""
        self._console.print(
            "\n[bold]Odyssey, from an issue comment to a merged pull request[/bold]\n"
            "Real git, real signed webhooks, a real Redis, the real Action in a real container\n"
            "engine; only GitHub itself is simulated, on this machine. Nothing leaves it.\n"
        )

    def addresses(self, scenario: Scenario) -> None:
        """Where the parts listen."""
        self._console.print(
            f"  GitHub   {scenario.simulator.web_url}   (simulated; real repositories behind it)\n"
            f"  Odyssey  {scenario.web.url}   (webhooks and REST API)"
        )

    def promise(self, number: int, title: str) -> None:
        """A promise begins."""
        self._console.print(f"\n[bold]Promise {number}[/bold]  {escape(title)}")

    def says(self, who: str, text: str) -> None:
        """Somebody did something."""
        self._console.print(f"  [cyan]{who:>8}[/cyan]  {escape(text)}")

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Shows that work goes on, and then how long it took."""
        began = monotonic()
        with self._console.status(f"{escape(text)} ..."):
            yield
        self._console.print(f"  [dim]{'':>8}  {escape(text)}: {monotonic() - began:.1f} s[/dim]")

    def state(self, proposal: Proposal) -> None:
        """How a proposal stands."""
        short = (proposal.head_sha or "")[:7]
        self.says("odyssey", f"{proposal.id} at {short} is {proposal.status}")

    def outcome(self, result: Kept) -> None:
        """How a promise ended."""
        word = "[green]kept[/green]" if result.is_kept else "[red]broken[/red]"
        self._console.print(f"  {word}      {escape(result.evidence)}")

    def table(self, results: Sequence[Kept], *, seconds: float, calls: int) -> None:
        """The summary; its last line is what scripts read."""
        table = Table(title=f"{seconds:.0f} s, {calls} requests to GitHub", title_justify="left")
        table.add_column("", justify="right")
        table.add_column("promise")
        table.add_column("")
        table.add_column("s", justify="right")
        for each in results:
            word = "[green]kept[/green]" if each.is_kept else "[red]broken[/red]"
            table.add_row(str(each.number), escape(each.title), word, f"{each.seconds:.1f}")
        self._console.print()
        self._console.print(table)
        kept = sum(each.is_kept for each in results)
        self._console.print(f"demo: {kept} promises kept, {len(results) - kept} broken")

    def keeping(self, scenario: Scenario) -> None:
        """What stays up, and how to talk to it."""
        token = scenario.simulator.user_token("ada")
        api = scenario.simulator.api_url
        number = f"/repos/{scenario.repository}/issues"
        self._console.print(
            f"\nEverything stays up until Ctrl-C.\n"
            f"  clone     git clone http://x-access-token:{token}@"
            f"{scenario.simulator.web_url.removeprefix('http://')}/{scenario.repository}.git\n"
            f"  issues    curl -H 'Authorization: Bearer {token}' {api}{number}\n"
            f"  proposals curl -H 'Authorization: Bearer {token}' "
            f"{scenario.web.url}/api/v1/self-modify/proposals\n"
            f"  docs      {scenario.web.url}/openapi.json\n"
        )
