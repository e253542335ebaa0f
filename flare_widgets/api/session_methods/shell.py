"""The few shell commands that the server and the sites run in their own folders."""

from __future__ import annotations

from .. import commands
from ..dual import dual_method
from .core import SessionCore


class ShellMethods(SessionCore):
    """Shell-like queries of the server and of sites. All of them need the right to `shell_commands` there.

    A target is ``server`` or the name of one site. Paths are relative to the folder it runs in; a running job's
    files are in the folder named after its id. Absolute paths, ``..`` and most punctuation are rejected, and
    options must be one word: ``-n5`` or ``-n 5``, not ``-l -a``. Errors of the command itself, such as a missing
    file, are returned as text.

    Raises
    ------
    SyntaxError
        A target, an option or a path that is not permitted; nothing was sent.
    InvalidTarget
        There is no such site.
    """

    @dual_method
    async def ls_target(self, target: str, options: str | None = None, path: str | None = None) -> str:
        """List a folder of the server or of a site with ``ls``.

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
            Output of the command.
        """
        return await self._run_command(commands.ls(target, options, path))

    @dual_method
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
        return await self._run_command(commands.read_file("cat", target, options, file))

    @dual_method
    async def tail_target(self, target: str, options: str | None = None, file: str | None = None) -> str:
        """Read the end of a text file; arguments as in :meth:`cat_target`, options such as ``-n20`` (else 10 lines)."""
        return await self._run_command(commands.read_file("tail", target, options, file))

    @dual_method
    async def tail_target_log(self, target: str, options: str | None = None) -> str:
        """Read the end of the ``log.txt`` of the server or of a site; options such as ``-n20``."""
        return await self._run_command(commands.read_file("tail", target, options, commands.LOG_FILE))

    @dual_method
    async def head_target(self, target: str, options: str | None = None, file: str | None = None) -> str:
        """Read the beginning of a text file; arguments as in :meth:`tail_target`."""
        return await self._run_command(commands.read_file("head", target, options, file))

    @dual_method
    async def head_target_log(self, target: str, options: str | None = None) -> str:
        """Read the beginning of the ``log.txt`` of the server or of a site; options such as ``-n20``."""
        return await self._run_command(commands.read_file("head", target, options, commands.LOG_FILE))

    @dual_method
    async def grep_target(
        self, target: str, options: str | None = None, pattern: str | None = None, file: str | None = None
    ) -> str:
        """Return the matching lines of a text file.

        Parameters
        ----------
        target
            ``server``, or the name of a site.
        options
            Options of ``grep``, such as ``-n`` to show line numbers.
        pattern
            The pattern to search for, required: a basic regular expression.
        file
            The file, required; see :meth:`cat_target`.

        Returns
        -------
        str
            The lines; empty if there are none.
        """
        return await self._run_command(commands.grep(target, options, pattern, file))

    @dual_method
    async def get_working_directory(self, target: str) -> str:
        """Return the folder that the server or a site runs in, with a line break at the end as ``pwd`` prints it."""
        return await self._run_command(commands.pwd(target))
