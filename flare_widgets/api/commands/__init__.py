"""Definitions of all admin commands: how each line is built and its answer is read. No I/O.

A function here checks its arguments and returns a :class:`Command`; the session sends it. One module per family.
Source: ``fuel/flare_api/flare_api.py`` of nvflare 2.9.0.
"""

from .clients import disable_client, enable_client, remove_client
from .command import Command, Effect
from .jobs import (
    FIND_JOB_HINT,
    JOB_NAME_PATTERN,
    STUDY_NAME_PATTERN,
    abort_job,
    app_command,
    clone_job,
    delete_job,
    download_job,
    download_job_components,
    get_job_meta,
    list_job_components,
    list_jobs,
    read_job_id,
    resolve_aliases,
    submit_job,
)
from .logs import LOG_FILE, configure_job_log, configure_site_log, get_job_log
from .shell import grep, ls, pwd, read_file, tail_from
from .stats import reset_errors, show_errors, show_stats
from .studies import (
    add_study_site,
    add_study_user,
    list_studies,
    register_study,
    remove_study,
    remove_study_site,
    remove_study_user,
    show_study,
)
from .system import (
    admin_check_status,
    check_status,
    get_client_job_status,
    get_registrations,
    get_system_info,
    report_env,
    report_resources,
    report_version,
    restart,
    shutdown,
)

__all__ = [
    "FIND_JOB_HINT",
    "JOB_NAME_PATTERN",
    "LOG_FILE",
    "STUDY_NAME_PATTERN",
    "Command",
    "Effect",
    "abort_job",
    "add_study_site",
    "add_study_user",
    "admin_check_status",
    "app_command",
    "check_status",
    "clone_job",
    "configure_job_log",
    "configure_site_log",
    "delete_job",
    "disable_client",
    "download_job",
    "download_job_components",
    "enable_client",
    "get_client_job_status",
    "get_job_log",
    "get_job_meta",
    "get_registrations",
    "get_system_info",
    "grep",
    "list_job_components",
    "list_jobs",
    "list_studies",
    "ls",
    "pwd",
    "read_file",
    "read_job_id",
    "register_study",
    "remove_client",
    "remove_study",
    "remove_study_site",
    "remove_study_user",
    "report_env",
    "report_resources",
    "report_version",
    "reset_errors",
    "resolve_aliases",
    "restart",
    "show_errors",
    "show_stats",
    "show_study",
    "shutdown",
    "submit_job",
    "tail_from",
]
