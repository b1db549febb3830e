"""Canaries that a contained program cannot touch, and observers that see when one did.

Used by attack_runner.py and scripts/soak_sandbox.py. Standard library only.
"""
import contextlib
import ctypes
import hashlib
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from exec_client import LIBC, die_with_parent, identity

PREFIXES = ("gradus-attack", "gradus_attack")   # Names of files that the rows make.
SYSV_KEYS = range(0x67726100, 0x67726200)       # Keys of the segments that the rows make.
SCRATCH = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")
SECRET_VARIABLE = "GRADUS_ATTACK_SECRET"


# ---- processes

class Process:
    """What /proc tells of one process. `key` stays unique when the number is used again."""

    def __init__(self, pid):
        with open(f"/proc/{pid}/stat") as file:
            name, _, rest = file.read().rpartition(")")
        fields = rest.split()
        self.pid, self.name = int(pid), name.partition("(")[2]
        self.state, self.parent, self.group, self.session = fields[0], int(fields[1]), int(fields[2]), int(fields[3])
        self.nice, self.started, self.policy = fields[16], int(fields[19]), fields[38]
        self.uid = os.stat(f"/proc/{pid}").st_uid
        self.key = (self.pid, self.started)


def processes():
    """All processes, by number."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                found[int(name)] = Process(name)
    return found


def below(root, table):
    """The processes below this one, children before grandchildren."""
    children = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process)
    found, queue = [], [root]
    while queue:
        for process in children.get(queue.pop(0), []):
            found.append(process)
            queue.append(process.pid)
    return found


def reap_strangers(known):
    """Collects dead orphans that came to us, and leaves the children that Popen waits for."""
    for process in below(os.getpid(), processes()):
        if process.parent == os.getpid() and process.state == "Z" and process.pid not in known:
            with contextlib.suppress(OSError):
                os.waitpid(process.pid, os.WNOHANG)


def end_all_below(root):
    """Ends, by number, everything below this process; twice, as a fork may slip through once."""
    for _ in range(2):
        for process in below(root, processes()):
            with contextlib.suppress(OSError):
                os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.05)
    if root == os.getpid():
        reap_strangers(set())


def remove(path):
    """Removes a name, never what a link points to."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            os.unlink(path)


# ---- canaries

class Canaries:
    """A file, a folder, listeners and a process that every program could reach if nothing held it."""

    def __init__(self):
        self.mark = secrets.token_hex(8)
        self.secret = f"canary-secret-value-{self.mark}"
        self.content = f"canary content {secrets.token_hex(8)}"
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="gradus-canaries-"))
        self.base.chmod(0o755)
        self.file, self.folder = self.base / "file.txt", self.base / "folder"
        self.environment = {SECRET_VARIABLE: self.secret}
        self.process = None
        self.make_files()
        self.listen()

    def make_files(self):
        for path in self.base.iterdir():
            remove(path)
        self.file.write_text(self.content + "\n")
        self.file.chmod(0o666)
        for folder in (self.folder, self.folder / "inner"):
            folder.mkdir()
            folder.chmod(0o777)
        for name in ("a.txt", "b.txt", "inner/c.txt"):
            (self.folder / name).write_text(f"{name}: {self.content}\n")
            (self.folder / name).chmod(0o666)
        self.files_before = self.file_state()

    def file_state(self):
        """Everything about the canary files that a program could change, except the time of the last reading."""
        state = {}
        for path in [self.base, *sorted(self.base.rglob("*"))]:
            info = path.lstat()
            regular = path.is_file() and not path.is_symlink() and info.st_size < 1 << 20
            content = hashlib.sha256(path.read_bytes()).hexdigest() if regular else info.st_size
            state[str(path.relative_to(self.base))] = (
                oct(info.st_mode), info.st_uid, info.st_nlink, info.st_mtime_ns, info.st_ctime_ns, content,
                tuple(os.listxattr(path, follow_symlinks=False)), os.path.ismount(path))
        return state

    def listen(self):
        """TCP and UDP for both families on one port, and abstract sockets of three kinds."""
        self.listeners = []
        self.abstract = f"gradus-attack-{self.mark}"
        first = socket.create_server(("127.0.0.1", 0))
        self.port = first.getsockname()[1]
        self.listeners.append(("TCP", first))
        for name, family, kind, address in (
                ("UDP", socket.AF_INET, socket.SOCK_DGRAM, ("0.0.0.0", self.port)),
                ("TCP6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", self.port)),
                ("UDP6", socket.AF_INET6, socket.SOCK_DGRAM, ("::1", self.port)),
                ("abstract socket", socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.abstract}")):
            try:
                listener = socket.socket(family, kind)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind(address)
            except OSError as error:
                print(f"no {name} canary on this machine: {error}")
                continue
            if kind == socket.SOCK_STREAM:
                listener.listen()
            self.listeners.append((name, listener))
        for _, listener in self.listeners:
            listener.setblocking(False)

    def start_process(self, uid):
        """A sleeper that belongs to the jobs' user and dies with us."""
        self.end_process()
        self.owner = uid
        self.process = subprocess.Popen(["sleep", "86400"], stdin=subprocess.DEVNULL, preexec_fn=die_with_parent,
                                        cwd="/", start_new_session=True, **identity(uid))
        self.process_before = self.process_state()

    def process_state(self):
        process = Process(self.process.pid)
        state = {"state": "alive" if process.state in "SRD" else process.state, "nice": process.nice,
                 "policy": process.policy, "group": process.group, "session": process.session, "name": process.name,
                 "affinity": sorted(os.sched_getaffinity(process.pid))}
        for name in ("limits", "oom_score_adj"):
            with contextlib.suppress(OSError):
                state[name] = pathlib.Path(f"/proc/{process.pid}/{name}").read_text().strip()
        with open(f"/proc/{process.pid}/status") as status:
            state["tracer"] = next(line.split()[1] for line in status if line.startswith("TracerPid"))
        return state

    def tokens(self):
        return {"@@CANARY_FILE@@": str(self.file), "@@CANARY_DIR@@": str(self.folder),
                "@@CANARY_PORT@@": str(self.port),
                "@@CANARY_PID@@": str(self.process.pid), "@@CANARY_ABSTRACT@@": self.abstract,
                "@@CANARY_SECRET@@": self.secret, "@@CANARY_CONTENT@@": self.content}

    def heard(self):
        """Names of the listeners that somebody spoke to; what was said is thrown away."""
        names = []
        for name, listener in self.listeners:
            with contextlib.suppress(BlockingIOError):
                while True:
                    if listener.type == socket.SOCK_STREAM:
                        listener.accept()[0].close()
                    else:
                        listener.recv(1 << 16)
                    if name not in names:
                        names.append(name)
        return names

    def fate(self, path, now):
        if path not in now:
            return "is gone"
        return "changed" if path in self.files_before else "appeared"

    def changes(self):
        """What happened to the canaries since they were set up."""
        now = self.file_state()
        found = [f"canary path {path} {self.fate(path, now)}" for path in sorted(now.keys() | self.files_before.keys())
                 if now.get(path) != self.files_before.get(path)]
        if self.process.poll() is not None:
            found.append(f"canary process ended with code {self.process.returncode}")
        else:
            state = self.process_state()
            for key, before in self.process_before.items():
                if state.get(key) != before:
                    values = "" if key == "limits" else f" from {before} to {state.get(key)}"
                    found.append(f"canary process: {key} changed{values}")
        return found + [f"{name} listener was spoken to" for name in self.heard()]

    def restore(self):
        self.make_files()
        self.heard()
        self.start_process(self.owner)

    def end_process(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def close(self):
        self.end_process()
        for _, listener in self.listeners:
            listener.close()
        shutil.rmtree(self.base, ignore_errors=True)


# ---- the host

def memory_available():
    """Bytes that the host could still give."""
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable"))


def sysv_objects():
    """(kind, id, key, creator's uid) of all System V segments, semaphores, queues."""
    found = set()
    for kind in ("shm", "sem", "msg"):
        with contextlib.suppress(OSError), open(f"/proc/sysvipc/{kind}") as file:
            names = file.readline().split()
            for line in file:
                row = dict(zip(names, line.split()))
                found.add((kind, int(row[names[1]]), int(row["key"]) & 0xFFFFFFFF, int(row["cuid"])))
    return found


def remove_sysv(kind, number):
    """IPC_RMID: 0 in all three families."""
    if kind == "sem":
        LIBC.semctl(number, 0, 0)
    else:
        getattr(LIBC, f"{kind}ctl")(number, 0, ctypes.c_void_p())


def folder_entries(folders):
    found = set()
    for folder in folders:
        with contextlib.suppress(OSError):
            found |= {os.path.join(folder, name) for name in os.listdir(folder)}
    return found


def folder_times(roots):
    """Times of the last change of all folders below: a new or removed name moves them."""
    times = {}
    for root in roots:
        for folder, _, _ in os.walk(root):
            with contextlib.suppress(OSError):
                times[folder] = os.stat(folder).st_mtime_ns
    return times


class Host:
    """What a program must not leave on the host. Compares with the state at the last `remember`.

    `alone`: the jobs' user has no other process, so whatever is of this user was made by a job. If not, only names
    and keys that the rows use are counted, as other work of the same user goes on beside the test.
    """

    def __init__(self, job_uid, alone, interpreter_folders):
        self.uid, self.alone = job_uid, alone
        self.scratch = [folder for folder in SCRATCH if os.path.isdir(folder)]
        self.interpreter_folders = interpreter_folders
        self.known_pids = set()

    def remember(self, gradus_pid):
        table = processes()
        self.gradus = gradus_pid
        self.family = len(below(gradus_pid, table))
        self.known = {process.key for process in below(os.getpid(), table)}
        self.known_pids = {process.pid for process in below(os.getpid(), table)}
        self.strangers = {process.key for process in table.values()}
        self.entries = folder_entries(self.scratch)
        self.times = folder_times(self.interpreter_folders)
        self.sysv = sysv_objects()

    def left_processes(self):
        """Processes that were not there before. Interpreters that the supervisor started anew are no trace: they
        take the place of others, so the number below it has not grown."""
        reap_strangers(self.known_pids)
        table = processes()
        ours = below(os.getpid(), table)
        family = below(self.gradus, table)
        new = [process for process in ours if process.key not in self.known and process.state != "Z"]
        if len(family) <= self.family:
            inside = {process.key for process in family}
            new = [process for process in new if process.key not in inside]
        if self.alone:
            inside = {process.key for process in ours}
            new += [process for process in table.values() if process.uid == self.uid and process.state != "Z"
                    and process.key not in inside and process.key not in self.strangers]
        return new

    def wait_for_processes(self, seconds):
        """What is left when it has had this long to go."""
        deadline = time.monotonic() + seconds
        while True:
            left = self.left_processes()
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.02)

    def is_ours(self, path):
        try:
            info = os.lstat(path)
        except OSError:
            return False
        return os.path.basename(path).startswith(PREFIXES) or (self.alone and info.st_uid == self.uid)

    def new_files(self):
        return sorted(path for path in folder_entries(self.scratch) - self.entries if self.is_ours(path))

    def planted_files(self):
        """The rows' files in folders of the interpreter that have changed."""
        return [path for path in folder_entries(self.changed_folders())
                if os.path.basename(path).startswith(PREFIXES)]

    def new_sysv(self):
        return sorted(entry for entry in sysv_objects() - self.sysv
                      if entry[2] in SYSV_KEYS or (self.alone and entry[3] == self.uid))

    def changed_folders(self):
        found = []
        for folder, before in self.times.items():
            try:
                if os.stat(folder).st_mtime_ns != before:
                    found.append(folder)
            except OSError:
                found.append(folder)
        return found

    def traces(self, patience_s):
        """What a row left behind, one line each."""
        found = [f"process {process.pid} ({process.name}, {process.state}, user {process.uid}) is left"
                 for process in self.wait_for_processes(patience_s)]
        found += [f"new file {path}" for path in self.new_files()]
        found += [f"interpreter folder {folder} changed" for folder in self.changed_folders()]
        return found + [f"System V {kind} {number} (key {key:#x}) is left" for kind, number, key, _ in self.new_sysv()]

    def clean(self):
        """Removes traces: processes by number, files and segments only by the rows' own names and keys."""
        for process in self.left_processes():
            with contextlib.suppress(OSError):
                os.kill(process.pid, signal.SIGKILL)
        for path in self.new_files() + self.planted_files():
            if os.path.basename(path).startswith(PREFIXES):
                remove(path)
        for kind, number, key, _ in self.new_sysv():
            if key in SYSV_KEYS:
                remove_sysv(kind, number)
