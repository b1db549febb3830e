# The warm interpreter of one executor slot: zygote.cpp starts it, the library holds this text.
# It imports the preloaded modules once, then forks one child per job. Standard modules that a job does
# not need stay out of it: every page it touches is paid again by each fork.
#
# Descriptors: 0, 1, 2 are /dev/null; 3 is the control socket (SOCK_SEQPACKET); 4 is a page whose first
# eight bytes name the running child, read by the supervisor only when this process is dead.
import _ast
import _signal
import _socket
import gc
import os
import resource
import sys

CONTROL, BOARD = 3, 4
PROGRAM = "<program>"
ONLY_AST = 0x400  # ast.PyCF_ONLY_AST, without importing ast.
FUTURE = 0x1FE0000  # Flags of `from __future__` in co_flags.
OK, EXCEPTION, EXIT_CALL, MEMORY = range(4)
ERROR_BYTES, VALUE_BYTES = 2000, 1 << 20
SWEEPS = 1000
JOB_PROCESSES = 1024

# Lazy tables and caches of a module are filled here, once, or every child would fill them again.
EXERCISES = {
    "sympy": """
x, y, n = sympy.symbols('x y n')
f = sympy.Function('f')
sympy.solve(x**2 - 5*x + 6, x)
sympy.solve(x**3 - 2*x + 1, x)
sympy.solve([x + y - 3, x - 2*y - 1], [x, y])
sympy.solve(sympy.Eq(2*x + 3, 11), x)
sympy.solveset(x**2 - 2, x, sympy.S.Reals)
sympy.linsolve([x + y - 2, x - y], x, y)
sympy.factor(x**4 - 1); sympy.expand((x + y)**3); sympy.simplify((x**2 - 1)/(x - 1))
sympy.simplify(sympy.sin(x)**2 + sympy.cos(x)**2); sympy.sqrt(8); sympy.Rational(3, 4) + 1
sympy.diff(sympy.sin(x)*sympy.exp(x), x); sympy.integrate(x**2*sympy.exp(x), x)
sympy.integrate(sympy.sin(x), (x, 0, sympy.pi)); sympy.limit(sympy.sin(x)/x, x, 0)
sympy.summation(n**2, (n, 1, 10)); sympy.series(sympy.exp(x), x, 0, 3)
sympy.Matrix([[1, 2], [3, 4]]).det(); sympy.Matrix([[1, 2], [3, 4]]).inv()
sympy.factorint(360); sympy.isprime(97); sympy.gcd(12, 18); sympy.N(sympy.pi, 20)
sympy.nsolve(sympy.cos(x) - x, x, 1); str(sympy.latex(sympy.Rational(1, 2))); repr(x + 1)
sympy.solve(x**2 + y**2 - 1, y); sympy.sympify('x + 1/2'); sympy.binomial(10, 3)
""",
    "numpy": """
a = numpy.arange(6.0).reshape(2, 3)
a @ a.T; numpy.linalg.solve(numpy.eye(2), numpy.ones(2)); numpy.linalg.det(numpy.eye(2))
repr(a); str(a.sum()); numpy.roots([1, -3, 2]); numpy.mean(a); numpy.random.seed(0)
""",
    "math": "math.sqrt(2.0); math.gcd(4, 6)",
}
GENERIC = """
def f(a, *b, c=1, **d):
    return [i for i in range(3) if i] + [a, c]
class C:
    x = 1
t = {1: 'a', 'b': 2.5}
for i in range(3):
    if i > 1 and i != 5:
        t[i] = f"{i:.2f} {i!r}"
try:
    1 / 0
except ZeroDivisionError as error:
    str(error)
print(f(1), t, C.x, 10**30, 2.5e10, round(1/3, 4))
f(1)
"""

child = 0
doomed = False


def kill_child(signum, frame):
    global doomed
    if child:
        kill_group(child)
    else:
        doomed = True


def leave(signum, frame):
    if child:
        kill_group(child)
    sweep()
    os._exit(0)


def kill_group(pid):
    for kill, target in ((os.kill, pid), (os.killpg, pid)):
        try:
            kill(target, _signal.SIGKILL)
        except OSError:
            pass  # Not yet a group of its own, or gone.


def sweep():
    """Ends what a job left behind: as child subreaper this process inherits every orphan."""
    for _ in range(SWEEPS):
        try:
            if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG) is not None:
                continue
        except ChildProcessError:
            return
        for pid in orphans():
            kill_group(pid)
        os.waitid(os.P_ALL, 0, os.WEXITED)
    os._exit(3)  # Somebody forks faster than we kill: the supervisor starts afresh.


def orphans():
    me = str(os.getpid()).encode()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    if stat.read().rpartition(b")")[2].split()[1] == me:
                        yield int(name)
            except OSError:
                pass


class Seeder:
    """Seeds the global generators when a job is the first to import them."""

    names = {"random", "numpy.random"}

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in cls.names:
            return None
        cls.names.discard(name)
        spec = sys.modules["_frozen_importlib"]._find_spec(name, path, target)
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_and_seed(module):
                execute(module)
                module.seed(0)

            spec.loader.exec_module = execute_and_seed
        return spec


def integer(data):
    return int.from_bytes(data, "little")


def unpack_texts(data, at):
    texts = []
    count = integer(data[at : at + 4])
    at += 4
    for _ in range(count):
        size = integer(data[at : at + 4])
        texts.append(data[at + 4 : at + 4 + size].decode("utf-8", "surrogateescape"))
        at += 4 + size
    return texts, at


def dump(node):
    """A text that two syntax trees share exactly when they are the same program (no recursion)."""
    parts = []
    stack = [node]
    while stack:
        item = stack.pop()
        fields = getattr(item, "_fields", None)
        if fields is not None:
            parts.append(type(item).__name__)
            stack.extend(getattr(item, field, None) for field in fields)
        elif isinstance(item, list):
            parts.append(f"[{len(item)}")
            stack.extend(item)
        else:
            parts.append(f"{type(item).__name__}:{item!r}")
    return "\0".join(parts)


class NotAllowed(Exception):
    __module__ = "builtins"


def check_allowed(text, steps, allowed):
    texts = {step.strip() for step in allowed}
    if all(step.strip() in texts for step in steps):
        return
    known = set()
    for step in allowed:
        try:
            known.update(map(dump, compile(step, PROGRAM, "exec", ONLY_AST).body))
        except (SyntaxError, ValueError):
            pass  # Equals no statement.
    for statement in compile(text, PROGRAM, "exec", ONLY_AST).body:
        if dump(statement) not in known:
            error = NotAllowed("statement is not one of the allowed steps")
            error.lineno = statement.lineno
            raise error


def compile_with_value(text):
    """Code to execute, and code of a final expression statement or None."""
    parts = split_last_line(text)
    if parts is not None:
        return parts
    # Tree objects cost as much as all other work of a tiny program.
    tree = compile(text, PROGRAM, "exec", ONLY_AST)
    if not tree.body or not isinstance(tree.body[-1], _ast.Expr):
        return compile(tree, PROGRAM, "exec"), None
    last = _ast.Expression(tree.body.pop().value)
    head = compile(tree, PROGRAM, "exec")
    return head, compile(last, PROGRAM, "eval", head.co_flags & FUTURE)


def split_last_line(text):
    """The same without tree objects, when the last line is an expression or assignment of its own.

    Both parts compile alone and the last line is not indented, so no statement spans the two."""
    body = text.rstrip()
    start = body.rfind("\n") + 1
    line = body[start:]
    if not line or line[0] in " \t)]}#" or ";" in line:
        return None
    # "x = 1" is compiled as a statement, whose value is None.
    name, equals, right = line.partition("=")
    mode = "exec" if equals and name.rstrip().isidentifier() and right[:1] != "=" else "eval"
    padding = "\n" * text.count("\n", 0, start)  # Keeps the line's number.
    try:
        head = compile(text[:start], PROGRAM, "exec")
        return head, compile(padding + line, PROGRAM, mode, head.co_flags & FUTURE)
    except (SyntaxError, ValueError):
        return None


def run_program(steps, text, allowed, scope):
    """Runs the program; the value of a final expression statement, else None."""
    if allowed:
        check_allowed(text, steps, allowed)
    code, last = compile_with_value(text)
    exec(code, scope)
    if last is None:
        return None
    value = eval(last, scope)
    return None if value is None else repr(value)


def describe(error):
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    if isinstance(error, SyntaxError) and error.msg:
        return f"{name}: {error.msg}"
    try:
        message = str(error)
    except BaseException:
        message = "<exception str() failed>"
    return f"{name}: {message}" if message else name


def failing_line(error):
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == PROGRAM:
            return trace.tb_lineno
        trace = trace.tb_next
    return getattr(error, "lineno", None) or 1


def step_of(line, ends):
    step = 0
    while step + 1 < len(ends) and line > ends[step]:
        step += 1
    return step


def concatenate(steps):
    """The program text and the last line of each step."""
    parts, ends, line = [], [], 0
    for step in steps:
        part = step if step.endswith("\n") else step + "\n"
        line += part.count("\n")
        parts.append(part)
        ends.append(line)
    return "".join(parts), ends


def finish_output():
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    for stream in (sys.stdout, sys.__stdout__):
        try:
            stream.flush()
        except BaseException:
            pass  # Closed or replaced by the program: its output ends there.


def execute(steps, allowed):
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    scope = module.__dict__
    scope["__builtins__"] = sys.modules["builtins"]
    status, step, error, value = OK, -1, "", None
    ends = []
    try:
        text, ends = concatenate(steps)
        value = run_program(steps, text, allowed, scope)
    except SystemExit as end:
        status, step, error = EXIT_CALL, step_of(failing_line(end), ends), describe(end)
    except MemoryError as end:
        step = step_of(failing_line(end), ends)
        scope.clear()
        end.__traceback__ = None
        status, error = MEMORY, describe(end)
    except BaseException as end:
        status, step, error = EXCEPTION, step_of(failing_line(end), ends), describe(end)
    return status, step, error, value


def frame_of(nonce, status, step, error, value):
    error = error[:ERROR_BYTES].encode("utf-8", "backslashreplace")
    has_value = value is not None
    value = value[:VALUE_BYTES].encode("utf-8", "backslashreplace") if has_value else b""
    return b"".join((
        nonce,
        bytes((status, has_value)),
        step.to_bytes(4, "little", signed=True),
        len(error).to_bytes(4, "little"),
        len(value).to_bytes(4, "little"),
        error,
        value,
    ))


def write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data) :]


class Base:
    """What is used before a job starts: limits count from here."""

    def __init__(self):
        with open("/proc/self/statm", "rb") as statm:
            self.bytes = int(statm.read().split()[0]) * resource.getpagesize()
        # The kernel counts the user's processes on the whole host, so all of them are allowed for.
        with open("/proc/loadavg", "rb") as loadavg:
            self.processes = int(loadavg.read().split()[3].split(b"/")[1]) + JOB_PROCESSES


def set_limits(cpu_s, address_bytes, processes):
    limit = resource.setrlimit
    limit(resource.RLIMIT_AS, (address_bytes, address_bytes))
    limit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    limit(resource.RLIMIT_FSIZE, (0, 0))
    limit(resource.RLIMIT_NPROC, (processes, processes))


def seed_generators():
    for name in ("random", "numpy.random"):
        if name in sys.modules:
            sys.modules[name].seed(0)


def run_child(header, program, output, result, base):
    os.setpgid(0, 0)
    _signal.signal(_signal.SIGUSR1, _signal.SIG_DFL)
    _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
    os.dup2(output, 1)
    os.closerange(CONTROL, BOARD + 1)
    os.close(output)
    data = os.pread(program, integer(header[16:20]), 0)
    os.close(program)
    set_limits(integer(header[20:24]), base.bytes + integer(header[24:32]), base.processes)
    gc.enable()
    seed_generators()
    steps, at = unpack_texts(data, 0)
    allowed, at = unpack_texts(data, at)
    ended = execute(steps, allowed)
    finish_output()
    write_all(result, frame_of(header[:16], *ended))


def serve(control, base):
    global child, doomed
    while True:
        header, ancillary, _, _ = control.recvmsg(
            64, _socket.CMSG_SPACE(12), _socket.MSG_CMSG_CLOEXEC)
        if not header:
            os._exit(0)
        fds = ancillary[0][2]
        program, output, result = (integer(fds[i : i + 4]) for i in (0, 4, 8))
        doomed = False
        child = os.fork()
        if child == 0:
            try:
                run_child(header, program, output, result, base)
            finally:
                os._exit(0)
        os.pwrite(BOARD, child.to_bytes(8, "little"), 0)
        if doomed:
            kill_group(child)
        for descriptor in (program, output, result):
            os.close(descriptor)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        # Still a zombie: its number, and that of its group, cannot belong to anybody else yet.
        pid, child = child, 0
        os.pwrite(BOARD, bytes(8), 0)
        kill_group(pid)
        _, status, usage = os.wait4(pid, 0)
        sweep()
        micros = int((usage.ru_utime + usage.ru_stime) * 1e6)
        control.send(b"X" + status.to_bytes(4, "little") + micros.to_bytes(8, "little"))


def warm_up(names):
    versions = ["python " + sys.version.split()[0]]
    scope = {}
    for name in names:
        module = __import__(name)
        for part in name.split(".")[1:]:
            module = getattr(module, part)
        scope[name.split(".")[0]] = sys.modules[name.split(".")[0]]
        exec(EXERCISES.get(name, ""), scope)
        version = getattr(module, "__version__", None)
        if version:
            versions.append(f"{name} {version}")
    execute([GENERIC, "1 +"], [])
    execute([GENERIC, "(1 +", "1)"], [])
    execute([GENERIC, "x = 1"], [])
    ended = execute([GENERIC, "1 + 1"], [GENERIC, "1 + 1"])
    if ended != (OK, -1, "", "2"):
        raise RuntimeError(f"a first program ended with {ended}")
    frame_of(bytes(16), *ended)
    finish_output()
    return "; ".join(versions)


def main():
    control = _socket.socket(fileno=CONTROL)
    sys.path[:] = [entry for entry in sys.path if entry]
    names = sys.argv[1:]
    sys.argv[:] = [""]
    try:
        versions = warm_up(names)
    except BaseException as error:
        control.send(b"E" + describe(error).encode("utf-8", "replace")[:4000])
        os._exit(1)
    _signal.signal(_signal.SIGUSR1, kill_child)
    _signal.signal(_signal.SIGTERM, leave)
    gc.collect()
    gc.freeze()
    gc.disable()
    Seeder.names.difference_update(sys.modules)
    sys.meta_path.insert(0, Seeder)
    control.send(b"R" + versions.encode())
    serve(control, Base())


main()
