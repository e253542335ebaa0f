"""Expected sentence for each way to fail: of the recordings, and of the same jobs run again."""

from __future__ import annotations

UNALIGNED = "ValueError: shapes (10,) and (12,) not aligned"

#: By recording: kind, site, round, (file, line, function), sentence.
SENTENCES: dict[str, tuple[str, str, int | None, tuple[str, int | None, str], str]] = {
    "script-exception": (
        "client-exception",
        "site-2",
        1,
        ("train.py", 11, "step"),
        f"site-2 failed in round 2, in train.py line 11: {UNALIGNED}",
    ),
    "external-exception": (
        "client-exception",
        "site-2",
        1,
        ("train.py", 14, "step"),
        "site-2 failed in round 2, in train.py line 14: "
        "RuntimeError: no learning rate for this site (because of KeyError: 'lr')",
    ),
    "script-syntax": (
        "client-exception",
        "site-1",
        0,
        ("train.py", 15, ""),
        "site-1 and site-2 failed in round 1, in train.py line 15: SyntaxError: invalid syntax",
    ),
    "executor-exception": (
        "client-exception",
        "site-2",
        1,
        ("rounds_workflow.py", 75, "misbehave"),
        f"site-2 failed in round 2, in rounds_workflow.py line 75: {UNALIGNED}",
    ),
    "hard-exit": (
        "client-exit",
        "site-2",
        1,
        ("", None, ""),
        "In round 2, the process of the job on site-2 ended at once, without a final message in its log "
        "(probably os._exit, a crash in native code, or a kill)",
    ),
    "external-exit": (
        "client-exit",
        "site-2",
        1,
        ("", None, ""),
        "In round 2, the training process of site-2 ended with exit code 3 without a result, "
        "without an exception in its log (probably os._exit, sys.exit, or a kill)",
    ),
    "script-import": (
        "client-exit",
        "site-2",
        1,
        ("", None, ""),
        "In round 2, the training script of site-2 ended without a result, and FLARE logs no reason for that "
        "(probably an import that failed, an argument that the script does not know, or sys.exit)",
    ),
    "server-exception": (
        "server-exception",
        "server",
        1,
        ("rounds_workflow.py", 45, "aggregate"),
        "The server failed in round 2, in rounds_workflow.py line 45: KeyError: 'conv2'",
    ),
    "server-class": (
        "bad-class",
        "server",
        None,
        ("config_fed_server.json", None, ""),
        "The server could not load the class rounds_workflow.Nowhere (config_fed_server.json, workflows.#1): "
        "module 'rounds_workflow' has no attribute 'Nowhere'",
    ),
    "client-class": (
        "bad-class",
        "site-1",
        None,
        ("config_fed_client.json", None, ""),
        "site-1 and site-2 could not load the class no_such_file.Train "
        "(config_fed_client.json, executors.#1.executor): No module named 'no_such_file'",
    ),
    "server-package": (
        "missing-package",
        "server",
        None,
        ("other.py", 3, "<module>"),
        "The server has no Python package tensorflow_of_mine, which other.py imports in line 3",
    ),
    "client-package": (
        "missing-package",
        "site-1",
        None,
        ("other.py", 3, "<module>"),
        "site-1 and site-2 have no Python package tensorflow_of_mine, which other.py imports in line 3",
    ),
    "bad-arguments": (
        "bad-class",
        "site-1",
        None,
        ("config_fed_client.json", None, ""),
        "site-1 and site-2 could not build the class rounds_workflow.Train "
        "(config_fed_client.json, executors.#1.executor): "
        "TypeError: Train.__init__() got an unexpected keyword argument 'nosuch'",
    ),
    "init-exception": (
        "server-exception",
        "server",
        None,
        ("mine.py", 3, "__init__"),
        "The server failed, in mine.py line 3: ZeroDivisionError: division by zero",
    ),
    "forbidden-class": (
        "refused",
        "site-1",
        None,
        ("config_fed_client.json", None, ""),
        "site-1 and site-2 do not permit the class json.JSONDecoder (config_fed_client.json, executors.#1.executor): "
        "it is not in allow_list",
    ),
    "timeout": (
        "timeout",
        "server",
        1,
        ("rounds_workflow.py", 34, "control_flow"),
        "The server failed in round 2, in rounds_workflow.py line 34: "
        "TimeoutError: only some sites answered within 8 s",
    ),
    "first-cause": (
        "server-exception",
        "server",
        None,
        ("", None, ""),
        "The server failed: Exception starting the part: OSError: licence file /opt/licence.key not found "
        "(which led to: failed to start bridge: RuntimeError: cannot connect to part after 3.0 seconds)",
    ),
    "other-log": (
        "server-exception",
        "server",
        None,
        ("", None, ""),
        "The server failed: part: error: port 9091 is in use (part_log.txt), "
        "which led to: failed to start bridge: RuntimeError: cannot connect to part after 3.0 seconds",
    ),
    "first-cause-site": (
        "client-exception",
        "site-1",
        0,
        ("", None, ""),
        "site-1 and site-2 failed in round 1: "
        "Exception starting the part: OSError: licence file /opt/licence.key not found "
        "(which led to: RuntimeError: cannot connect to part after 2.0 seconds)",
    ),
    "scatter-timeout": (
        "timeout",
        "server",
        1,
        ("", None, ""),
        "The job completed, but each of its 2 tasks for the sites timed out: its result is what it started with",
    ),
    "refused": (
        "refused",
        "server",
        None,
        ("", None, ""),
        "The job was refused, nothing was started: deploy_map is empty for job refused",
    ),
    "refused-number": (
        "refused",
        "server",
        None,
        ("", None, ""),
        "The job was refused, nothing was started: min_clients -1 must be positive for job refused-number",
    ),
    "refused-app": (
        "refused",
        "server",
        None,
        ("", None, ""),
        "The job was refused, nothing was started: App 'nosuch' in deploy_map doesn't exist for job refused-app",
    ),
    "few-sites": (
        "unschedulable",
        "",
        None,
        ("", None, ""),
        "The job waits: it needs 5 sites, and 2 are connected (tried 2 times)",
    ),
    "missing-site": (
        "unschedulable",
        "site-9",
        None,
        ("", None, ""),
        "The job waits: it needs site-9, which is not connected (tried 2 times)",
    ),
    "resources": (
        "unschedulable",
        "",
        None,
        ("", None, ""),
        "The job waits: none of the 2 sites it needs has the resources that its resource_spec requests (tried 2 times)",
    ),
    "aborted": ("aborted", "", 1, ("", None, ""), "The job was aborted by admin@nvidia.com in round 2"),
    "aborted-waiting": (
        "aborted",
        "",
        None,
        ("", None, ""),
        "The job was aborted by admin@nvidia.com before it started",
    ),
}


def sentence_of(case: str, said: str) -> str:
    """The sentence that is due, when `said` was: what the moment decides is taken from there."""
    sentence = SENTENCES[case][-1]
    if case == "external-exit" and "exit code" not in said:  # FLARE does not always notice it
        sentence = sentence.replace(" with exit code 3", "")
    if case == "aborted":  # whenever the abort came
        sentence = f"{sentence[:-1]}{said[-1:]}"
    return sentence
