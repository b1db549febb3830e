# What the warm interpreter of an executor slot knows of Python; the cage (sandbox/cage), which is its main function,
# holds this text and calls `readable_paths`, then, confined, `warm_up`; in the process of each job `prepare`.
# Standard modules that a job does not need stay out: every page that a child touches is paid by each fork.
import _ast
import gc
import opcode
import os
import sys

PROGRAM = "<program>"
ONLY_AST = 0x400  # ast.PyCF_ONLY_AST, without importing ast.
FUTURE = 0x1FE0000  # Flags of `from __future__` in co_flags.
RAISE = opcode.opmap["RAISE_VARARGS"]
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
            execute_module = spec.loader.exec_module

            def execute_and_seed(module):
                execute_module(module)
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
    if set(steps) <= set(allowed):
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


def seed_generators():
    for name in ("random", "numpy.random"):
        if name in sys.modules:
            sys.modules[name].seed(0)


def last_lines(steps):
    """Of each step, as u32: where a failure was."""
    line = 0
    lines = []
    for step in steps:
        line += step.count("\n") + (not step.endswith("\n"))
        lines.append(line.to_bytes(4, "little"))
    return b"".join(lines)


def new_scope():
    """The names of a module that is run as a program."""
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    scope = module.__dict__
    scope["__builtins__"] = sys.modules["builtins"]
    return scope


def prepare(data):
    """Of a job's program: its code and that of a final expression or None, the names that it starts with, the last line
    of each step, why it does not compile or None, and the instruction of a raise statement."""
    gc.enable()
    seed_generators()
    steps, at = unpack_texts(data, 0)
    allowed, at = unpack_texts(data, at)
    ends = last_lines(steps)
    text = "".join(step if step.endswith("\n") else step + "\n" for step in steps)
    try:
        if allowed:
            check_allowed(text, steps, allowed)
        code, last = compile_with_value(text)
    except BaseException as error:
        return None, None, None, ends, error, RAISE
    return code, last, new_scope(), ends, None, RAISE


def readable_paths():
    """What programs may read: the interpreter, its packages, the C library. Links before their targets."""
    found = ["/lib", "/lib64", "/usr", "/etc/alternatives", "/etc/ld.so.cache"]
    found += ["/dev/null", "/dev/zero"]
    mapped = set()
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            name = line.rstrip("\n").partition("/")[2]
            if name:
                mapped.add("/" + name.rpartition("/")[0])
    folders = [*sys.path, sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(sys.executable)]
    folders += sorted(mapped) + os.environ.get("LD_LIBRARY_PATH", "").split(":")
    for folder in folders:
        real = os.path.realpath(folder) if folder.startswith("/") else "/"
        # Of the system's own places only those named above: no device, no process, no temporary file.
        if os.path.isdir(real) and not real.startswith(("/dev", "/proc", "/sys")) and real != "/":
            found.append(real)
    return "\n".join(found)


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
    main_module = sys.modules["__main__"]
    try:
        compile_with_value(GENERIC + "1 +")
    except SyntaxError as error:
        str(error)
    for text in (GENERIC + "(1 +\n1)", GENERIC + "x = 1", GENERIC + "1 + 1"):
        check_allowed(text, [text, ""], [GENERIC, "(1 +\n1)", "x = 1", "1 + 1"])
        code, last = compile_with_value(text)
        scope = new_scope()
        exec(code, scope)
        value = eval(last, scope)
    if repr(value) != "2":
        raise RuntimeError(f"a first program ended with {value}")
    sys.modules["__main__"] = main_module
    sys.stdout.flush()
    sys.argv = [""]
    gc.collect()
    gc.freeze()
    gc.disable()
    Seeder.names.difference_update(sys.modules)
    sys.meta_path.insert(0, Seeder)
    return "; ".join(versions)
