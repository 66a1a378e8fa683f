"""Messages that waited for the end of a hold go back to the bin, where workers find and remove them."""

from dataclasses import dataclass

from expunge.deletions.due import Due
from expunge.deletions.parking import Moved


@dataclass(slots=True)
class Released(Due):
    """A message that waited. It is only put back: a worker that finds it in the bin then removes it."""

    def judge(self, *, held: bool) -> bool:
        """Have it put back unless it is still held. Always False: it is not to be removed here."""
        self.held = held
        self.moved = None if held else Moved.back(self.found)
        return False
