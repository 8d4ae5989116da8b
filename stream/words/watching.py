"""The word files in force, and their change while the ingest runs.

Looking is a listing and nine ``stat`` calls of a local folder, well under a millisecond. Compiling a changed
set takes about a second of one core: a process with an event loop calls ``refresh`` in a thread.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from stream.errors import WordsError
from stream.words.matching import Words, word_files

__all__ = ["WordsFile"]

_log = structlog.get_logger(__name__)


class WordsFile:
    """Keeps the last good set of a folder.

    Attributes:
        words: the set in force.
        fault: why the files on disk are not in force; None when they are.
    """

    def __init__(self, folder: Path) -> None:
        """Load a folder.

        Raises:
            WordsError: the files are wrong; there is no older set to go on with.
        """
        self._folder = folder
        self._seen = _state(folder)
        self.words = Words.load(folder)
        self.fault: str | None = None

    def refresh(self) -> bool:
        """Look whether files changed and take the new set when it is good; tell whether one was taken.

        A bad set is logged once and leaves the one in force. A file that is being written may be read
        half: it changes again, and is read again at the next look.
        """
        state = _state(self._folder)
        if state == self._seen:
            return False
        self._seen = state
        try:
            words = Words.load(self._folder)
        except WordsError as error:
            self.fault = str(error)
            _log.error("words.refused", faults=error.faults, kept=self.words.version)
            return False
        self.fault = None
        if words.version == self.words.version:
            return False
        _log.info("words.taken", version=words.version, before=self.words.version)
        self.words = words
        return True


def _state(folder: Path) -> tuple[tuple[object, ...], ...]:
    """Return what tells a change of the files; of a folder that cannot be read, only that."""
    try:
        stats = [(path.name, path.stat()) for path in word_files(folder)]
    except OSError:
        return ((None,),)
    return tuple((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in stats)
