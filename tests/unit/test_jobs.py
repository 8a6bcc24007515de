"""Jobs: processes that outlive whoever started them, are found again, and can be stopped for good."""

import json
import os
import subprocess
import sys
import time

import psutil
import pytest

from core import jobs as module
from core import worker
from core.errors import InputError
from core.jobs import Job, State, cancel, jobs, read, resume, submit, submit_detect

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"


@pytest.fixture
def folder(tmp_path):
    yield tmp_path / "jobs"
    for process in psutil.process_iter():
        try:
            if process.environ().get("SCARP_JOB") in {path.name for path in (tmp_path / "jobs").glob("*")}:
                process.kill()
        except psutil.Error:
            continue


def start(folder, code, *arguments):
    return submit(folder, "test", "A test", [sys.executable, "-c", code, *arguments], {"n": 1})


def wait(job: Job, *states: State, seconds=10.0):
    end = time.monotonic() + seconds
    while (now := read(job.folder)).state not in states:
        assert time.monotonic() < end, f"{now.state}, log: {now.log_tail()}"
        time.sleep(0.05)
    return now


def wait_for_log(job, text, seconds=10.0):
    end = time.monotonic() + seconds
    while text not in job.log_tail():
        assert time.monotonic() < end
        time.sleep(0.05)


def family(job):
    pid = json.loads((job.folder / "job.json").read_text())["worker"]["pid"]
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def test_a_job_runs_reports_and_ends(folder):
    code = """if True:
        import json, sys
        json.dump({"stage": "predict", "done": 3, "total": 4, "pixels_per_s": 5e5, "eta_s": None, "message": "3 of 4"},
                  open(sys.argv[1], "w"))
        print("all is well")"""
    job = wait(start(folder, code, "{progress}"), State.DONE)
    assert job.progress.share == 0.75 and job.progress.stage == "predict" and job.progress.eta_s is None
    assert job.log_tail() == "all is well" and job.params == {"n": 1} and job.kind == "test"
    assert job.ended and job.ended >= job.created and not job.active


def test_a_job_is_in_a_session_of_its_own_with_lower_priority(folder):
    job = start(folder, "import time; print('on', flush=True); time.sleep(30)")
    wait_for_log(job, "on")
    leader, child = family(job)
    assert os.getsid(leader.pid) == leader.pid != os.getsid(0)
    assert os.getpgid(child.pid) == leader.pid and child.nice() == min(19, psutil.Process().nice() + 5)
    cancel(job)
    wait(job, State.CANCELLED)


def test_a_failure_is_told_with_its_last_words(folder):
    job = wait(start(folder, "import sys; sys.exit('error: no such model')"), State.FAILED)
    assert job.log_tail(1) == "error: no such model"


def test_the_log_names_no_place_of_the_server(folder):
    code = f"print('results in {folder.parent}/runs/r1'); print('File {module._ROOT}/core/x.py')"
    job = wait(start(folder, code), State.DONE)
    assert job.log_tail() == "results in runs/r1\nFile core/x.py"


def test_a_command_that_cannot_start_is_a_failure(folder):
    job = wait(submit(folder, "test", "T", ["/no/such/program"], {}), State.FAILED)
    assert "could not start" in job.log_tail()


def test_cancel_lets_the_command_stop_by_itself(folder):
    code = STUBBORN.replace("signal.SIG_IGN", "lambda *_: exit(130)")
    job = start(folder, code)
    wait_for_log(job, "on")
    cancel(job)
    assert read(job.folder).state in (State.STOPPING, State.CANCELLED)
    assert wait(job, State.CANCELLED, seconds=3)


def test_a_command_that_does_not_stop_is_killed_with_its_children(folder, monkeypatch):
    monkeypatch.setenv("SCARP_GRACE_S", "0.5")
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); {STUBBORN}"
    job = start(folder, code)
    wait_for_log(job, "on\non")
    everyone = family(job)
    assert len(everyone) == 3
    cancel(job)
    wait(job, State.CANCELLED, seconds=5)
    psutil.wait_procs(everyone, timeout=3)
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in everyone)


def test_a_worker_that_was_killed_is_lost_and_what_it_left_can_be_stopped(folder):
    job = start(folder, STUBBORN)
    wait_for_log(job, "on")
    leader, child = family(job)
    leader.kill()
    assert wait(job, State.LOST)
    assert child.is_running()
    cancel(job)
    child.wait(3)
    assert read(job.folder).state is State.CANCELLED


def test_a_process_that_got_the_number_of_a_worker_is_never_touched(folder):
    job = wait(start(folder, "pass"), State.DONE)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"], start_new_session=True)
    try:
        record = json.loads((job.folder / "job.json").read_text())
        record["worker"] = {"pid": stranger.pid, "started": psutil.Process(stranger.pid).create_time() - 3600}
        (job.folder / "job.json").write_text(json.dumps(record))
        (job.folder / "exit.json").unlink()
        assert read(job.folder).state is State.LOST
        cancel(job)
        time.sleep(0.3)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_job_outlives_its_server_and_is_found_by_the_next(folder):
    code = f"""if True:
        import sys
        from pathlib import Path
        from core.jobs import submit
        submit(Path({str(folder)!r}), "test", "T", [sys.executable, "-c", "import time; time.sleep(1.5)"], {{}})"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=module._ROOT)
    job = jobs(folder)[0]
    assert job.state is State.RUNNING
    wait(job, State.DONE)


def test_a_stopped_job_goes_on_in_its_own_folder(folder):
    code = "import pathlib, sys; f = pathlib.Path(sys.argv[1]); n = f.exists(); f.touch(); sys.exit(0 if n else 1)"
    job = wait(start(folder, code, str(folder / "mark")), State.FAILED)
    again = resume(job)
    assert again.id == job.id and again.created == job.created
    wait(again, State.DONE)


def test_resuming_an_active_job_starts_nothing(folder):
    job = start(folder, "import time; print('on', flush=True); time.sleep(30)")
    wait_for_log(job, "on")
    before = (job.folder / "job.json").read_text()
    assert resume(job).state is State.RUNNING and (job.folder / "job.json").read_text() == before
    cancel(job)
    wait(job, State.CANCELLED)


def test_jobs_are_listed_newest_first_and_damage_is_left_out(folder):
    first, second = (wait(start(folder, "pass"), State.DONE) for _ in range(2))
    for name, text in (("x", "{"), ("y", "{}"), ("z", '{"worker": null, "started": 0, "created": "no"}')):
        (folder / name).mkdir()
        (folder / name / "job.json").write_text(text)
    assert [job.id for job in jobs(folder)] == [second.id, first.id]
    with pytest.raises(InputError, match="job record"):
        read(folder / "y")
    assert jobs(folder / "none") == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"done": "x", "total": 4}',
                                  '{"done": 1, "total": NaN}', '{"done": 3, "total": 0}', '{"unknown": 1}'])
def test_progress_that_cannot_be_read_is_no_progress(folder, text):
    job = wait(start(folder, "pass"), State.DONE)
    (job.folder / "progress.json").write_text(text)
    assert read(job.folder).progress.share == 0


def test_a_detection_asks_for_what_the_command_line_takes(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(module, "submit", lambda *arguments: seen.append(arguments))
    submit_detect(tmp_path, out=tmp_path / "runs" / "r1", image=tmp_path / "i.tif", model="m", engine="torch",
                  dem=tmp_path / "d.tif", area=tmp_path / "a.geojson", title="T")
    place, kind, title, command, params = seen[0]
    assert (place, kind, title) == (tmp_path / "jobs", "detect", "T") and params["run"] == "r1"
    from core.cli import _parser

    options = _parser().parse_args(command[3:])
    assert (options.image, options.dem, options.aoi, options.ndvi) == (
        tmp_path / "i.tif", tmp_path / "d.tif", tmp_path / "a.geojson", None)
    assert options.model == "m" and options.engine == "torch" and str(options.progress_file) == "{progress}"


def test_a_cancelled_group_is_gone_within_ten_seconds():
    assert worker.GRACE_S < 10
