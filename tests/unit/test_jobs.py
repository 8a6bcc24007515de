"""Jobs: processes that outlive whoever started them, wait for their turn, are found again, and can be stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from core import jobs as module
from core.errors import InputError
from core.jobs import Job, State, cancel, jobs, limit, read, recover, remove, resume, submit, submit_detect
from core.jobs import worker as worker_module
from core.jobs.process import SCARP, start_worker
from core.jobs.record import change

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
SLEEP = "import time; print('on', flush=True); time.sleep(60)"
MARK = """if True:
    import sys, time
    begun = time.time()
    time.sleep(0.4)
    with open(sys.argv[1], "a") as file:
        file.write(f"{sys.argv[2]} {begun} {time.time()}\\n")"""


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """An empty folder of projects; what still runs at the end is killed."""
    for name in ("SCARP_JOBS", "SCARP_STORE", "SCARP_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCARP_NICE", "0")  # a test that waits for a job must not wait for all else on the machine
    root = tmp_path / "projects"
    root.mkdir()
    yield root
    ids = {path.name for path in tmp_path.glob("*/*/jobs/*")}
    for process in psutil.process_iter():
        try:
            if process.environ().get("SCARP_JOB") in ids:
                process.kill()
        except psutil.Error:
            continue


@pytest.fixture
def folder(root):
    return root / "valley" / "jobs"


def start(folder, code, *arguments):
    return submit(folder, "test", "A test", [sys.executable, "-c", code, *arguments], {"n": 1})


def wait(job: Job, *states: State, seconds=60.0):
    end = time.monotonic() + seconds
    while (now := read(job.folder)).state not in states:
        assert time.monotonic() < end, f"{now.state}, log: {now.log_tail()}"
        time.sleep(0.05)
    return now


def wait_until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def wait_for_log(job, text="on"):
    wait_until(lambda: text in job.log_tail())
    return read(job.folder)


def command_of(job):
    """Return the job's command, started by its worker."""
    return next(each for each in psutil.Process(read(job.folder).worker[0]).children() if "-c" in each.cmdline())


def gone(processes):
    _, left = psutil.wait_procs(processes, timeout=5)
    return not [each for each in left if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_a_job_runs_reports_and_ends(folder):
    code = """if True:
        import json, sys
        json.dump({"stage": "predict", "done": 3, "total": 4, "pixels_per_s": 5e5, "eta_s": None, "message": "3 of 4"},
                  open(sys.argv[1], "w"))
        print("all is well")"""
    job = wait(start(folder, code, "{progress}"), State.DONE)
    assert job.progress.share == 0.75 and job.progress.stage == "predict" and job.progress.eta_s is None
    assert job.log_tail() == "all is well" and job.params == {"n": 1} and job.kind == "test"
    assert job.created <= job.started <= job.ended <= time.time() and job.exit_code == 0
    assert not job.active and not job.error and job.position is None
    assert [each.id for each in jobs(folder)] == [job.id]


def test_a_job_is_in_a_session_of_its_own_and_its_command_steps_back(folder, monkeypatch):
    monkeypatch.delenv("SCARP_NICE")
    job = wait_for_log(start(folder, SLEEP))
    command = command_of(job)
    assert os.getsid(job.worker[0]) == job.worker[0] != os.getsid(0)
    assert os.getpgid(command.pid) == command.pid
    assert command.nice() == min(19, psutil.Process().nice() + worker_module.NICE)
    assert command.ionice() == (psutil.IOPRIO_CLASS_BE, 7)
    assert command.environ()["OMP_NUM_THREADS"] == str(len(os.sched_getaffinity(0)))
    cancel(job)
    wait(job, State.CANCELLED)


@pytest.mark.parametrize(("code", "words"), [
    ("import sys; print('busy'); sys.exit('error: no such model')", "no such model"),
    ("import sys; sys.exit(3)", "It ended with code 3, without a word."),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "memory has run out"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV")])
def test_a_failure_is_told_in_a_sentence(folder, code, words):
    assert words in wait(start(folder, code), State.FAILED).error


def test_a_command_that_cannot_start_is_a_failure(folder):
    job = wait(submit(folder, "test", "T", ["/no/such/program"], {}), State.FAILED)
    assert "could not start" in job.error


def test_the_log_names_no_place_of_the_server(folder):
    code = f"print('results in {folder.parent}/runs/r1'); print('File {SCARP}/core/x.py')"
    job = wait(start(folder, code), State.DONE)
    assert job.log_tail() == "results in runs/r1\nFile core/x.py"


def test_a_long_log_is_put_aside_and_does_not_grow_without_end(folder):
    code = """if True:
        import time
        for part in range(4):
            print(f"{part}" * 600_000, flush=True)
            time.sleep(0.4)
        print("the end")"""
    job = wait(start(folder, code), State.DONE)
    sizes = [(job.folder / name).stat().st_size for name in ("log.txt", "log.1.txt")]
    assert sum(sizes) < 2.4e6 and sizes[0] < worker_module.LOG_BYTES + 700_000 and job.log_tail(1) == "the end"


def test_cancel_lets_the_command_stop_by_itself(folder):
    job = wait_for_log(start(folder, STUBBORN.replace("signal.SIG_IGN", "lambda *_: exit(130)")))
    cancel(job)
    assert read(job.folder).state in (State.STOPPING, State.CANCELLED)
    assert wait(job, State.CANCELLED, seconds=5).exit_code == 130


def test_a_command_that_does_not_stop_is_killed_with_its_children(folder, monkeypatch):
    monkeypatch.setenv("SCARP_GRACE_S", "0.5")
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); {STUBBORN}"
    job = wait_for_log(start(folder, code), "on\non")
    worker = psutil.Process(job.worker[0])
    everyone = [worker, *worker.children(recursive=True)]
    assert len(everyone) == 4  # with the guard
    cancel(job)
    wait(job, State.CANCELLED, seconds=5)
    assert gone(everyone)


def test_a_cancelled_group_is_gone_within_ten_seconds():
    assert worker_module.GRACE_S <= 4


def test_what_a_command_leaves_behind_is_gone_when_it_ends(folder):
    code = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]).pid, flush=True)"
    job = wait(start(folder, code), State.DONE)
    assert gone([psutil.Process(pid) for pid in [int(job.log_tail().split()[0])] if psutil.pid_exists(pid)])


def test_a_worker_that_was_killed_takes_its_command_along_and_the_queue_goes_on(root, folder, tmp_path):
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); {STUBBORN}"
    job = start(folder, code)
    wait_for_log(job, "on\non")
    start(root / "alps" / "jobs", MARK, str(tmp_path / "marks"), "next")
    worker = psutil.Process(read(job.folder).worker[0])
    everyone = worker.children(recursive=True)
    worker.kill()
    wait_until((tmp_path / "marks").exists)  # nobody asks for the job meanwhile
    assert read(job.folder).state is State.LOST and read(job.folder).ended
    assert gone(everyone)


def test_a_guard_that_was_killed_does_not_matter(folder, tmp_path):
    job = wait_for_log(start(folder, "import time; print('on', flush=True); time.sleep(1)"))
    guard = next(each for each in psutil.Process(job.worker[0]).children() if "-c" not in each.cmdline())
    start(folder, MARK, str(tmp_path / "marks"), "next")
    guard.kill()
    marks(tmp_path, 1)  # the queue goes on as well
    assert read(job.folder).state is State.DONE


def test_a_worker_that_is_shut_down_leaves_a_job_that_can_go_on(folder):
    job = wait_for_log(start(folder, SLEEP))
    command = command_of(job)
    os.kill(job.worker[0], signal.SIGTERM)
    wait(job, State.LOST)
    assert gone([command])


def test_a_process_that_got_the_number_of_a_worker_is_never_touched(folder):
    job = wait(start(folder, "pass"), State.DONE)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"], start_new_session=True)
    try:
        assert change(job, state=State.RUNNING, pid=stranger.pid,
                      pid_started=psutil.Process(stranger.pid).create_time() - 3600)
        cancel(job)
        assert read(job.folder).state is State.LOST
        time.sleep(0.3)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_job_outlives_its_server_and_is_found_by_the_next(root, folder):
    code = f"""if True:
        import os, sys, time
        from pathlib import Path
        from core.jobs import State, read, submit
        job = submit(Path({str(folder)!r}), "test", "T", [sys.executable, "-c", "import time; time.sleep(2)"], {{}})
        while read(job.folder).state is not State.RUNNING:
            time.sleep(0.05)
        os.kill(os.getpid(), 9)"""
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=SCARP).returncode == -signal.SIGKILL
    recover(root)
    job = jobs(folder)[0]
    assert job.state is State.RUNNING
    wait(job, State.DONE)


def test_a_server_that_starts_marks_the_lost_and_starts_those_that_wait(root, folder, tmp_path):
    lost = wait(start(folder, "pass"), State.DONE)
    assert change(lost, state=State.RUNNING, pid=os.getpid(), pid_started=1.0)
    waits = wait(start(root / "alps" / "jobs", MARK, str(tmp_path / "marks"), "a"), State.DONE)
    (tmp_path / "marks").unlink()
    assert change(waits, state=State.QUEUED)
    module.forget(waits.folder)
    recover(root)
    wait_until((tmp_path / "marks").exists)
    assert read(lost.folder).state is State.LOST
    wait(waits, State.DONE)


def marks(tmp_path, count):
    file = tmp_path / "marks"
    wait_until(lambda: file.exists() and len(file.read_text().splitlines()) == count)
    return [(name, float(begun), float(ended)) for name, begun, ended in map(str.split, file.read_text().splitlines())]


def test_one_job_runs_at_once_over_all_projects_in_the_order_they_came(root, tmp_path):
    places = [root / name / "jobs" for name in ("valley", "alps", "valley", "coast")]
    started = [start(place, MARK, str(tmp_path / "marks"), str(index)) for index, place in enumerate(places)]
    assert [job.state for job in started] == [State.QUEUED] * 4
    assert [job.position for job in started] == [0, 1, 2, 3]
    done = marks(tmp_path, 4)  # nobody looks at the jobs meanwhile
    assert [name for name, _, _ in done] == ["0", "1", "2", "3"]
    assert all(ended <= begun for (_, _, ended), (_, begun, _) in zip(done, done[1:], strict=False))


def test_as_many_run_at_once_as_may(root, tmp_path, monkeypatch):
    monkeypatch.setenv("SCARP_JOBS", "2")
    two = [wait_for_log(start(root / name / "jobs", SLEEP)) for name in ("valley", "alps")]
    third = start(root / "valley" / "jobs", MARK, str(tmp_path / "marks"), "3")
    for _ in range(3):
        start_worker(third.folder)
        module.forget(third.folder)
    time.sleep(2)
    assert read(third.folder).state is State.QUEUED and read(third.folder).position == 1
    assert {read(job.folder).state for job in two} == {State.RUNNING}
    cancel(two[1])
    marks(tmp_path, 1)
    cancel(two[0])
    wait(two[0], State.CANCELLED)


def test_a_short_job_waits_for_nothing_and_keeps_nothing_waiting(root, folder, tmp_path):
    long = wait_for_log(start(folder, SLEEP))
    short = submit(root / "alps" / "jobs", "import", "T", [sys.executable, "-c", SLEEP], {})
    wait_for_log(short)
    cancel(long)
    start(folder, MARK, str(tmp_path / "marks"), "next")
    marks(tmp_path, 1)
    assert read(short.folder).state is State.RUNNING
    cancel(short)
    wait(short, State.CANCELLED)


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "²"])
def test_a_limit_that_is_no_number_is_refused(monkeypatch, text):
    monkeypatch.setenv("SCARP_JOBS", text)
    with pytest.raises(InputError, match="SCARP_JOBS"):
        limit()


def test_many_workers_for_one_place_are_one_job(root, tmp_path):
    first = start(root / "valley" / "jobs", MARK, str(tmp_path / "marks"), "0")
    second = start(root / "alps" / "jobs", MARK, str(tmp_path / "marks"), "1")
    for _ in range(3):
        for job in (first, second):
            module.forget(job.folder)
            start_worker(job.folder)
    done = marks(tmp_path, 2)
    assert [name for name, _, _ in done] == ["0", "1"] and done[0][2] <= done[1][1]
    time.sleep(1)
    assert len((tmp_path / "marks").read_text().splitlines()) == 2


def test_a_waiting_job_is_cancelled_at_once_and_never_starts(root, folder, tmp_path):
    first = wait_for_log(start(folder, SLEEP))
    second = start(root / "alps" / "jobs", MARK, str(tmp_path / "marks"), "second")
    third = start(folder, MARK, str(tmp_path / "marks"), "third")
    assert (read(second.folder).position, read(third.folder).position) == (1, 2)
    cancel(second)
    assert read(second.folder).state is State.CANCELLED and read(third.folder).position == 1
    cancel(first)
    assert [name for name, _, _ in marks(tmp_path, 1)] == ["third"]
    wait(third, State.DONE)


def test_of_two_changes_at_once_one_is_told_that_it_came_too_late(folder):
    job = wait(start(folder, "pass"), State.DONE)
    assert change(job, title="first") and not change(job, title="second")
    assert read(job.folder).title == "first"


def test_a_project_whose_database_is_damaged_does_not_stop_the_others(root, folder):
    (root / "alps" / "jobs").mkdir(parents=True)
    (root / "alps" / "scarp.db").write_bytes(b"no database" * 1000)
    wait(start(folder, "pass"), State.DONE)


def test_a_stopped_job_goes_on_in_its_own_folder_at_the_end_of_the_queue(root, folder):
    code = "import pathlib, sys; f = pathlib.Path(sys.argv[1]); n = f.exists(); f.touch(); sys.exit(0 if n else 'no')"
    job = wait(start(folder, code, str(folder / "mark")), State.FAILED)
    (job.folder / "progress.json").write_text('{"done": 1, "total": 2}')
    other = wait_for_log(start(root / "alps" / "jobs", SLEEP))
    between = start(root / "alps" / "jobs", SLEEP)
    again = resume(job)
    assert again.id == job.id and again.created == job.created and again.progress.share == 0 and again.ended is None
    assert again.state is State.QUEUED and again.position == 2 and again.log_tail() == ""
    cancel(between)
    cancel(other)
    assert wait(again, State.DONE).error == ""
    assert (job.folder / "log.1.txt").read_text().strip() == "no"


def test_resuming_an_active_job_or_a_finished_one_changes_nothing(folder):
    done = wait(start(folder, "pass"), State.DONE)
    job = wait_for_log(start(folder, SLEEP))
    assert resume(job) == read(job.folder) == job and resume(done) == done
    cancel(job)
    wait(job, State.CANCELLED)


def test_a_moved_project_goes_on_where_it_is_now(root, tmp_path, monkeypatch):
    monkeypatch.setenv("SCARP_MODELS", str(tmp_path / "models"))
    project = root / "valley"
    code = "import sys; print(*sys.argv[1:], sep='\\n'); sys.exit(sys.argv[1].startswith(sys.argv[4]))"
    words = [sys.executable, "-c", code, project / "layers" / "a b.tif", "{progress}", tmp_path / "models", str(root)]
    job = wait(submit(project / "jobs", "test", "T", words[:-1] + [f"{root}"[:-1]], {}), State.FAILED)
    database = (project / "scarp.db").read_bytes()
    assert f"{project}".encode() not in database and f"{tmp_path / 'models'}".encode() not in database
    assert sorted(path.name for path in project.iterdir()) == ["jobs", "scarp.db"]
    moved = tmp_path / "elsewhere" / "dale"
    moved.parent.mkdir()
    project.rename(moved)
    monkeypatch.setenv("SCARP_MODELS", str(tmp_path / "other"))
    job = wait(resume(read(moved / "jobs" / job.id)), State.DONE)
    printed = (job.folder / "log.txt").read_text().splitlines()
    assert printed[:3] == [f"{moved}/layers/a b.tif", f"{job.folder}/progress.json", f"{tmp_path}/other"]


def test_removing_a_job_takes_what_it_left_unfinished_and_keeps_results(root, folder):
    runs = folder.parent / "runs"
    ended = []
    for name in ("whole", "part"):
        (runs / name).mkdir(parents=True)
        ended.append(wait(submit(folder, "test", "T", [sys.executable, "-c", "pass"], {"run": name}), State.DONE))
    (runs / "whole" / "run.json").write_text("{}")
    for job in ended:
        remove(job)
    assert jobs(folder) == [] and not list(folder.iterdir()) and [run.name for run in runs.iterdir()] == ["whole"]
    with pytest.raises(InputError, match="not there"):
        read(ended[0].folder)
    harmless = wait(submit(folder, "test", "T", [sys.executable, "-c", "pass"], {"run": ".."}), State.DONE)
    remove(harmless)
    assert (runs / "whole" / "run.json").exists()


def test_a_job_that_is_not_over_is_not_removed(folder):
    job = wait_for_log(start(folder, SLEEP))
    with pytest.raises(InputError, match="Cancel it first"):
        remove(job)
    cancel(job)
    remove(wait(job, State.CANCELLED))


def test_jobs_are_listed_newest_first(folder):
    assert jobs(folder) == [] and not (folder.parent / "scarp.db").exists()
    first, second = (wait(start(folder, "pass"), State.DONE) for _ in range(2))
    assert [job.id for job in jobs(folder)] == [second.id, first.id]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"done": "x", "total": 4}',
                                  '{"done": 1, "total": NaN}', '{"done": 3, "total": 0}', '{"unknown": 1}'])
def test_progress_that_cannot_be_read_is_no_progress(folder, text):
    job = old(folder, "j", {"code": 0, "at": 5})
    (folder / "j" / "progress.json").write_text(text)
    assert read(job).progress.share == 0


def test_a_detection_asks_for_what_the_command_line_takes(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(module, "submit", lambda *arguments: seen.append(arguments))
    submit_detect(tmp_path, out=tmp_path / "runs" / "r1", image=tmp_path / "i.tif", model="m", engine="torch",
                  dem=tmp_path / "d.tif", area=tmp_path / "a.geojson", title="T", options=["--min-area", 9])
    place, kind, title, command, params = seen[0]
    assert (place, kind, title) == (tmp_path / "jobs", "detect", "T") and params["run"] == "r1"
    from core.cli import parser

    options = parser().parse_args([str(word) for word in command[3:]])
    assert (options.image, options.dem, options.aoi, options.ndvi) == (
        tmp_path / "i.tif", tmp_path / "d.tif", tmp_path / "a.geojson", None)
    assert options.model == "m" and options.engine == "torch" and str(options.progress_file) == "{progress}"
    assert options.min_area == 9


def old(folder, name, end=None, *, stop=False, **about):
    """Write the record of a job as the first versions did."""
    (folder / name).mkdir(parents=True)
    command = ["/old/python", "-c", "import sys; print(sys.argv[1])", "/old/valley/layers/i.tif",
               "--progress-file", f"/old/valley/jobs/{name}/progress.json"]
    (folder / name / "job.json").write_text(json.dumps({
        "kind": "detect", "title": "Old", "command": command, "params": {"run": "r"}, "created": 3, "started": 4,
        "worker": {"pid": 2**22 + 1, "started": 4}, **about}))
    if end:
        (folder / name / "exit.json").write_text(json.dumps(end))
    if stop:
        (folder / name / "stop").touch()
    return folder / name


def test_jobs_of_the_first_versions_are_taken_over(root, folder):
    old(folder, "done", {"code": 0, "at": 5})
    old(folder, "failed", {"code": 2, "at": 5})
    old(folder, "cancelled", {"code": 130, "at": 5}, stop=True)
    old(folder, "lost", worker=None)
    old(folder, "works", worker={"pid": os.getpid(), "started": psutil.Process().create_time()})
    for name, text in (("x", "{"), ("y", "{}"), ("z", '{"worker": null, "started": 0, "created": "no"}')):
        (folder / name).mkdir()
        (folder / name / "job.json").write_text(text)
    assert {job.id: job.state for job in jobs(folder)} == {
        name: State(name) for name in ("done", "failed", "cancelled", "lost")}
    assert sorted(file.parent.name for file in folder.glob("*/job.json")) == ["works", "x", "y", "z"]
    job = read(folder / "done")
    assert (job.created, job.started, job.ended, job.title, job.params) == (3, 4, 5, "Old", {"run": "r"})
    again = wait(resume(read(folder / "lost")), State.DONE)
    assert (again.folder / "log.txt").read_text().strip() == f"{folder.parent}/layers/i.tif"


def test_a_record_that_vanishes_is_told(folder):
    job = wait(start(folder, "pass"), State.DONE)
    shutil.rmtree(folder.parent)
    with pytest.raises(InputError, match="not there"):
        read(job.folder)
