"""Talks to one `gradus exec`: starts it as a chosen user, sends jobs, reads records, ends it and all it left.

Used by attack_runner.py and scripts/soak_sandbox.py. Standard library only.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import pwd
import selectors
import signal
import subprocess
import time

START_S = 180          # Two interpreters that import sympy from a cold disk, on a busy machine.
FAREWELL_S = 5
TICK_S = 0.05
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIBC = ctypes.CDLL(None, use_errno=True)


class Gone(Exception):
    """The supervisor ended, or does not answer: the text says which."""


def become_subreaper():
    """Orphans of whatever runs below come to us instead of to init, so none can hide."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def user_id(name):
    """The number of `self`, of a user's name, or of a number that needs no entry in the user table."""
    if name == "self":
        return os.geteuid()
    if name.isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise SystemExit(f"no user '{name}' on this machine: use self, root, nobody or a number") from None


def identity(uid):
    """Arguments of Popen that make a child run as this user, with no group of ours."""
    if uid == os.geteuid():
        return {}
    if os.geteuid() != 0:
        raise SystemExit("another user can be chosen by root only: leave --user out")
    return {"user": uid, "group": uid, "extra_groups": []}


def open_to_everybody(path):
    """Whether any user may reach and read the file: all folders above it can be passed."""
    path = pathlib.Path(path).resolve()
    return bool(path.stat().st_mode & 4) and all(folder.stat().st_mode & 1 for folder in path.parents)


def libraries(program):
    """Paths of the shared libraries that the program loads."""
    listing = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    paths = [line.split("=>")[1].split("(")[0].strip() for line in listing.splitlines() if "=>" in line]
    return [path for path in paths if path.startswith("/")]


def private_copy(program):
    """Shell text that shows the program and its libraries to a user who cannot enter the folder that holds them.

    A build below a closed home folder is common. The folder is bound to /mnt in a mount namespace of its own,
    so nothing changes for anybody else. None when all can be read as they are.
    """
    closed = [path for path in [str(program), *libraries(program)] if not open_to_everybody(path)]
    if not closed:
        return None
    folders = sorted({str(pathlib.Path(path).parent) for path in closed})
    lines = ["mount -t tmpfs -o mode=755 none /mnt"]
    places = {}
    for number, folder in enumerate(folders):
        # The folder above as well: libraries find each other by ../.. of their own place.
        above = str(pathlib.Path(folder).parents[2] if "site-packages" in folder else folder)
        places.setdefault(above, f"/mnt/{number}")
    for above, place in places.items():
        lines.append(f"mkdir {place}; mount --bind '{above}' {place}")
    moved = []
    for folder in folders:
        above = next(above for above in places if folder.startswith(above))
        moved.append(places[above] + folder[len(above):])
    lines.append(f"export LD_LIBRARY_PATH={':'.join(moved)}")
    return " && ".join(lines)


def command(program, uid, arguments):
    """The command line and Popen arguments that start `gradus exec` as this user."""
    line = [str(program), "exec", *arguments]
    who = identity(uid)
    setup = private_copy(program) if who else None
    if setup is None:
        return line, who
    drop = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
    apart = ["unshare", "--mount", "--propagation", "private", "sh", "-c", setup + ' && exec "$@"', "sh"]
    return [*apart, *drop, *line], {}


class GradusExec:
    """One running `gradus exec`; jobs in, records out."""

    def __init__(self, program, slots, level, uid, environment, log, more=()):
        self.slots = slots
        self.log = log
        arguments = ["--slots", str(slots)] + (["--level", level] if level else []) + list(more)
        line, who = command(program, uid, arguments)
        with open(log, "ab") as errors:
            # A session of its own: Ctrl-C ends us, and we end it.
            self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                            env=dict(os.environ, **environment), start_new_session=True, cwd="/", **who)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.buffer = b""
        self.serial = 0

    @property
    def pid(self):
        return self.process.pid

    def send(self, jobs):
        """Sends jobs (dictionaries without an id) in one write, so that all slots get one; returns their ids."""
        ids = []
        text = b""
        for job in jobs:
            self.serial += 1
            ids.append(self.serial)
            text += json.dumps(dict(job, id=self.serial)).encode() + b"\n"
        try:
            self.process.stdin.write(text)
            self.process.stdin.flush()
        except OSError as error:
            raise Gone(self.farewell()) from error
        return ids

    def lines(self, wait_s):
        """Whole output lines that are there, after waiting at most this long for the first byte."""
        if not self.selector.select(wait_s):
            return []
        data = self.process.stdout.read()
        if data == b"":
            raise Gone(self.farewell())
        *whole, self.buffer = (self.buffer + (data or b"")).split(b"\n")
        return whole

    def records(self, wait_s):
        """Records that are there. A line that is no record is the supervisor's fault, whatever the job did."""
        found = []
        for line in self.lines(wait_s):
            try:
                record = json.loads(line)
                if not isinstance(record, dict) or "outcome" not in record:
                    raise ValueError("no outcome")
            except ValueError as error:
                raise Gone(f"supervisor printed a line that is no record ({error}): {line[:200]!r}") from error
            record["seen_at"] = time.monotonic()
            found.append(record)
        return found

    def run(self, jobs, deadline_s, tick=lambda: None):
        """The records of these jobs, in their order; `tick` is called 20 times a second meanwhile."""
        ids = self.send(jobs)
        sent = time.monotonic()
        records = []
        while len(records) < len(ids):
            if time.monotonic() - sent > deadline_s:
                raise Gone(f"supervisor gave no answer in {deadline_s:.0f} s")
            records += self.records(TICK_S)
            tick()
        if [record.get("id") for record in records] != ids:
            raise Gone(f"supervisor answered {[record.get('id') for record in records]} for jobs {ids}")
        for record in records:
            record["outer_s"] = record["seen_at"] - sent
        return records

    def farewell(self):
        """How the supervisor ended, with the end of its log."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        tail = pathlib.Path(self.log).read_text(errors="replace").strip().splitlines()[-3:]
        return f"supervisor ended with code {self.process.poll()}; its log: {' | '.join(tail) or 'empty'}"

    def close(self):
        """Ends it as a client does, by closing its stdin, else by its number."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(FAREWELL_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.selector.close()
        self.process.stdout.close()
        return self.process.returncode
