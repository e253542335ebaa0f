"""The verbs of ``%flare``: each a small function over the sessions, the monitor, the views or the federation.

Docstrings are the help that users read. Each group of verbs has a module; add a new verb there and list it here.
"""

from ..parsing import Verb
from . import faults, federation, general, jobs, logs, results, sessions, shell, studies, sweeps, system

GROUPS: dict[str, tuple[Verb, ...]] = {
    "Sessions": (
        sessions.connect,
        sessions.close,
        sessions.sessions,
        sessions.use,
        sessions.kits,
        sessions.check,
    ),
    "Jobs": (
        jobs.jobs,
        jobs.submit,
        sweeps.sweep,
        jobs.monitor,
        jobs.wait,
        jobs.meta,
        logs.logs,
        logs.errors,
        logs.stats,
        jobs.clone,
        jobs.abort,
        jobs.delete,
        jobs.download,
        results.results,
        results.metrics,
        jobs.components,
        jobs.compare,
    ),
    "The server and the sites": (
        system.status,
        system.sites,
        system.resources,
        system.versions,
        system.restart,
        system.shutdown,
        system.disable,
        system.enable,
    ),
    "Files of the server and the sites": (
        shell.ls,
        shell.cat,
        shell.tail,
        shell.head,
        shell.grep,
        shell.pwd,
    ),
    "Studies": (
        studies.studies,
        studies.study,
    ),
    "A federation on this machine": (
        federation.up,
        federation.down,
        faults.faults,
    ),
    "More": (
        general.config,
        general.help_,
    ),
}
"""The verbs by topic, in the order in which help lists them."""

VERBS: dict[str, Verb] = {verb.name: verb for verbs in GROUPS.values() for verb in verbs}
