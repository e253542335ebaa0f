"""The few shell commands that the server and the sites run in their own folders."""

from __future__ import annotations

from .. import commands
from ..dual import method
from .core import Methods


class ShellMethods(Methods):
    """What a session can look at on the server and on sites. All of it needs the right to `shell_commands` there.

    A target is ``server`` or the name of one site. Paths are relative to the folder it runs in; a running job's
    files are in the folder named after its id. Absolute paths, ``..`` and most punctuation are refused, and of
    options one word is taken: ``-n5`` or ``-n 5``, not ``-l -a``. What the command itself complains about, such as
    a missing file, comes back as text.

    Raises
    ------
    SyntaxError
        A target, an option or a path that is not permitted; nothing was sent.
    InvalidTarget
        There is no such site.
    """

    @method
    async def ls_target(self, target: str, options: str | None = None, path: str | None = None) -> str:
        """List a folder of the server or of a site by ``ls``.

        Parameters
        ----------
        target
            ``server``, or the name of a site.
        options
            Options of ``ls``, such as ``-al``.
        path
            A folder or file below the target's own folder; that folder itself when not given.

        Returns
        -------
        str
            What the command printed.
        """
        return await self._run(commands.ls(target, options, path))

    @method
    async def cat_target(self, target: str, options: str | None = None, file: str | None = None) -> str:
        """Read a text file of the server or of a site.

        Parameters
        ----------
        target
            ``server``, or the name of a site.
        options
            Options of ``cat``.
        file
            The file, required; its name ends with ``.txt``, ``.log``, ``.json``, ``.csv``, ``.sh``, ``.config`` or
            ``.py``.
        """
        return await self._run(commands.read_file("cat", target, options, file))

    @method
    async def tail_target(self, target: str, options: str | None = None, file: str | None = None) -> str:
        """Read the end of a text file; arguments as in :meth:`cat_target`, options such as ``-n20`` (else 10 lines)."""
        return await self._run(commands.read_file("tail", target, options, file))

    @method
    async def tail_target_log(self, target: str, options: str | None = None) -> str:
        """Read the end of the ``log.txt`` of the server or of a site; options such as ``-n20``."""
        return await self._run(commands.read_file("tail", target, options, commands.LOG_FILE))

    @method
    async def head_target(self, target: str, options: str | None = None, file: str | None = None) -> str:
        """Read the beginning of a text file; arguments as in :meth:`tail_target`."""
        return await self._run(commands.read_file("head", target, options, file))

    @method
    async def head_target_log(self, target: str, options: str | None = None) -> str:
        """Read the beginning of the ``log.txt`` of the server or of a site; options such as ``-n20``."""
        return await self._run(commands.read_file("head", target, options, commands.LOG_FILE))

    @method
    async def grep_target(
        self, target: str, options: str | None = None, pattern: str | None = None, file: str | None = None
    ) -> str:
        """Find the lines of a text file that match.

        Parameters
        ----------
        target
            ``server``, or the name of a site.
        options
            Options of ``grep``, such as ``-n`` for the lines' numbers.
        pattern
            What to look for, required: a basic regular expression.
        file
            The file, required; see :meth:`cat_target`.

        Returns
        -------
        str
            The lines; empty if there are none.
        """
        return await self._run(commands.grep(target, options, pattern, file))

    @method
    async def get_working_directory(self, target: str) -> str:
        """Return the folder that the server or a site runs in, with a line break at the end as ``pwd`` prints it."""
        return await self._run(commands.pwd(target))
