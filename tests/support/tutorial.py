"""The steps of NVIDIA FLARE's tutorial for the FLARE API, as a script for nvflare's client.

The same calls in the same order as ``examples/tutorials/flare_api.ipynb`` of NVFlare: connect, look at the system,
submit, monitor with a callback, look at the job, list, download, clone, abort, delete, send a line. Run as
``python tutorial.py KIT JOB_FOLDER``; prints what it saw as lines of JSON. The test runs it as it is, and with
another import.
"""

import json
import sys
import time
from pathlib import Path

from nvflare.fuel.flare_api.flare_api import Session, new_secure_session

kit, job_folder = sys.argv[1:]


def show(step, value):
    print(json.dumps({"step": step, "value": value}), flush=True)


def follow(session: Session, job_id: str, job_meta, *cb_args, **cb_kwargs) -> bool:
    """Count its calls, in what it was given."""
    cb_kwargs["cb_run_counter"]["count"] += 1
    statuses.append(job_meta["status"])
    return True


def delete(session: Session, job_id: str) -> None:
    """Delete a job; again if the server fails (OSError) because it still writes into the folder of the aborted job."""
    for _ in range(3):
        try:
            session.delete_job(job_id)
            return
        except Exception as error:
            if type(error).__name__ != "InternalError":
                raise
            time.sleep(1)
    session.delete_job(job_id)


statuses: list[str] = []
username = Path(kit).name

sess = new_secure_session(username=username, startup_kit_location=kit)
info = sess.get_system_info()
show("system", [info.server_info.status, sorted(c.name for c in info.client_info), info.job_info])
show("system, printed", [line.partition("(")[0].partition(",")[0] for line in str(info).splitlines()])

job_id = sess.submit_job(job_folder)
show("submitted", len(job_id))

counter = {"count": 0}
code = sess.monitor_job(job_id, cb=follow, cb_run_counter=counter)
show("monitored", [str(code), code.name, statuses[-1], "RUNNING" in statuses, counter["count"] == len(statuses)])

meta = sess.get_job_meta(job_id)
show("meta", {"keys": sorted(meta), "name": meta["name"], "status": meta["status"], "id": meta["job_id"] == job_id})

listed = sess.list_jobs()
show("list", [sorted(job) for job in listed if job["job_id"] == job_id])
detailed = sess.list_jobs(detailed=True)
show("list, detailed", [sorted(job) for job in detailed if job["job_id"] == job_id])
show("list, reversed", [job["job_id"] for job in sess.list_jobs(reverse=True)] == [j["job_id"] for j in listed][::-1])
show("list, one", len(sess.list_jobs(limit=1)))
show("list, by name", job_id in [job["job_id"] for job in sess.list_jobs(name_prefix=meta["name"][:3])])

result = Path(sess.download_job_result(job_id))
show("downloaded", [result.name == job_id, result.parent.name, sorted(entry.name for entry in result.iterdir())])

clone = sess.clone_job(job_id)
show("cloned", [clone != job_id, sess.get_job_meta(clone)["name"]])
# Deleted while it is being deployed, a job ends FLARE's job runner: then no other job starts.
sess.monitor_job(clone, 60, 0.1, lambda session, job_id, job_meta: job_meta["status"] != "RUNNING")
show("aborted", type(sess.abort_job(clone)).__name__)  # in words: whether it had started
show("aborted, ended", sess.wait_for_job(clone, 60, 0.2)["status"])
show("aborted, ended before", sess.abort_job(job_id).replace(job_id, "ID"))

for ended in (job_id, clone):
    delete(sess, ended)
try:
    sess.get_job_meta(job_id)
except Exception as error:
    show("deleted", type(error).__name__)

answer = sess.do_command("list_sp")
show("line, unknown", [str(answer["status"]), answer["details"]])
answer = sess.do_command("check_status server")
show("line", [str(answer["status"]), sorted(answer), answer["meta"]["status"]])
sess.close()
show("closed", True)
