"""A progress bar that leaves nothing behind, in a terminal and in a stored notebook."""

import html
import sys
from collections.abc import Iterator

from tqdm import tqdm


def bar(steps: int, label: str = "training") -> Iterator[int]:
    """``range(steps)`` under tqdm's progress bar, which is gone when the loop ends.

    In a notebook the bar has an output of its own, so that nothing is stored and nothing else in
    the cell is wiped; elsewhere it is written to stderr.
    """
    output = _Output() if _in_notebook() else None
    yield from tqdm(range(steps), desc=label, leave=False, ncols=70, file=output)


class _Output:
    """A place in a notebook's cell that shows the last text written to it."""

    def __init__(self):
        from IPython.display import display

        self.handle = display({}, raw=True, display_id=True)

    def write(self, text: str) -> None:
        line = html.escape(text.strip())
        self.handle.update({"text/html": f"<pre>{line}</pre>"} if line else {}, raw=True)

    def flush(self) -> None:
        pass


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")
