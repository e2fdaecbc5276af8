"""The entry of an output."""

from abc import ABC, abstractmethod

from evaluate.watch.events import Event


class Output(ABC):
    """Gets every event of all sources, in order."""

    @abstractmethod
    def show(self, event: Event) -> None:
        """Show an event, or ignore it. The stream waits meanwhile, so this must not block."""

    def close(self) -> None:  # noqa: B027  most outputs have nothing to close
        """Finish what was begun. Nothing is shown after that."""
