"""Random choices that no two functions share.

Copies of a snapshot (Lambda SnapStart) begin in the same state, so a generator seeded before it chooses
alike in all of them. This one asks the system each time.
"""

from random import SystemRandom
from typing import Final

chance: Final = SystemRandom()
