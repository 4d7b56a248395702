# SPDX-License-Identifier: MIT
"""Runs a command away from the caller's environment."""
import os
import signal
import subprocess
import tempfile
import threading

from errors import Failure

LIMIT_SECONDS = 300
QUICK = "HAKMEM_BENCHMARK_QUICK"  # see scaled() in workload.hpp


def environment(path, **more):
    """An allocator's own variables stay outside, so that each runs as it comes."""
    quick = {QUICK: os.environ[QUICK]} if QUICK in os.environ else {}
    return {"PATH": path, "LC_ALL": "C"} | quick | more


def stop(process):
    """With what it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def execute(command, variables, directory=None, limit_seconds=LIMIT_SECONDS):
    """Its standard output and its standard error; they go through files, for a reader would take processor time."""
    command = list(map(str, command))
    with tempfile.TemporaryFile("w+", errors="replace") as output, \
            tempfile.TemporaryFile("w+", errors="replace") as errors:
        process = subprocess.Popen(command, env=variables, cwd=directory, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=errors, start_new_session=True)
        too_long = threading.Event()

        def end():
            too_long.set()
            stop(process)

        limit = threading.Timer(limit_seconds, end)
        limit.start()
        try:
            process.wait()
        except BaseException:
            stop(process)
            raise
        finally:
            limit.cancel()
        output.seek(0)
        errors.seek(0)
        texts = output.read(), errors.read()
    if process.returncode != 0:
        how = f"took over {limit_seconds} s" if too_long.is_set() else f"ended with {process.returncode}"
        shown = " ".join(os.path.basename(word) for word in command)  # goes into results, where no path means anything
        raise Failure(f"{shown} {how}: {texts[1].strip()[-500:]}")
    return texts
