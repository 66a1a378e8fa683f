"""What waited for the end of a hold, while several functions remove what is due: it goes back to the bin."""

from dataclasses import dataclass

from expunge.deletions.due import Due
from expunge.deletions.parking import Moved


@dataclass(slots=True)
class Released(Due):
    """A message that waited; whoever finds it in the bin removes it, if it is due."""

    def judge(self, *, held: bool) -> bool:
        """Whether to remove it, which this does not."""
        self.held = held
        self.moved = None if held else Moved.back(self.found)
        return False
