# Runs straight-line arithmetic for the steps of a search: assignments, print and expressions over numbers, with
# the operators + - * / // % **, a few functions and no loops. The job of one confined process: calculator.cpp
# sends it program after program, where a process for each would cost a hundred times the work.
#
# Nothing else is ever executed, and what is executed cannot reach anything but immutable numbers of its own
# program: names must have been assigned before, and a bound on the size of every value is known from the syntax
# tree alone. All other programs, and all that fail, are refused: a process of their own tells what they do.
import _ast
import os

SOCKET = 1
BITS = 4096  # Of the largest integer: far below what str() refuses.
FLOAT_BITS = 1024  # Of the largest integer that a float can become.
POWER = 64  # Largest exponent.
ANSWER = 1 << 19  # Of bytes: a program of its own prints more.
WIDTH = 24  # Largest number of decimals or columns that a format may ask for.


class Refused(Exception):
    pass


def bound_of_sum(left, right):
    return max(left, right) + 1


def bound_of_product(left, right):
    return left + right


def bound_of_quotient(left, right):
    return max(left, right, FLOAT_BITS) + 1


BOUNDS = {
    _ast.Add: bound_of_sum,
    _ast.Sub: bound_of_sum,
    _ast.Mult: bound_of_product,
    _ast.Div: bound_of_quotient,
    _ast.FloorDiv: bound_of_quotient,
    _ast.Mod: bound_of_quotient,
}
# Name: function, fewest and most arguments.
FUNCTIONS = {"abs": (abs, 1, 1), "min": (min, 2, 9), "max": (max, 2, 9), "int": (int, 1, 1), "float": (float, 1, 1),
             "round": (round, 1, 2)}


class Checker:
    """Refuses a syntax tree that is not straight-line arithmetic."""

    def __init__(self):
        self.bits = {}  # Of the names assigned so far: a bound on the bits of their integers.

    def statement(self, node):
        kind = type(node)
        if kind is _ast.Assign and len(node.targets) == 1:
            self.assign(node.targets[0], self.number(node.value))
        elif kind is _ast.AugAssign:
            self.assign(node.target, self.operation(node.op, self.number(node.target), node.value))
        elif kind is _ast.Expr:
            self.shown(node.value)
        else:
            raise Refused

    def assign(self, target, bits):
        if type(target) is not _ast.Name or target.id in FUNCTIONS or target.id == "print" or "__" in target.id:
            raise Refused
        self.bits[target.id] = bits

    def shown(self, node):
        if type(node) is not _ast.Call or type(node.func) is not _ast.Name or node.func.id != "print":
            self.number(node)
            return
        if node.keywords:
            raise Refused
        for argument in node.args:
            self.text(argument)

    def text(self, node):
        """An argument of print."""
        kind = type(node)
        if kind is _ast.JoinedStr:
            for part in node.values:
                self.text(part)
        elif kind is _ast.FormattedValue:
            if node.conversion != -1:
                raise Refused
            if node.format_spec is not None:
                self.format(node.format_spec)
            self.number(node.value)
        elif kind is not _ast.Constant or type(node.value) is not str:
            self.number(node)

    def format(self, spec):
        if len(spec.values) != 1 or type(spec.values[0]) is not _ast.Constant:
            raise Refused
        text = spec.values[0].value
        columns, _, decimals = text.rstrip("df%").partition(".")
        for size in (columns.rstrip(","), decimals):
            if size and (not size.isdigit() or int(size) > WIDTH):
                raise Refused

    def number(self, node):
        bits = self.bound(node)
        if bits > BITS:
            raise Refused
        return bits

    def bound(self, node):
        kind = type(node)
        if kind is _ast.Name:
            if node.id not in self.bits:
                raise Refused
            return self.bits[node.id]
        if kind is _ast.Constant:
            return self.constant(node.value)
        if kind is _ast.BinOp:
            return self.operation(node.op, self.number(node.left), node.right)
        if kind is _ast.UnaryOp and type(node.op) in (_ast.USub, _ast.UAdd):
            return self.number(node.operand)
        if kind is _ast.Call:
            return self.call(node)
        raise Refused

    def constant(self, value):
        if type(value) is int:
            return value.bit_length()
        if type(value) is float:
            return FLOAT_BITS
        raise Refused

    def operation(self, op, left, right):
        if type(op) is _ast.Pow:
            return self.power(left, right)
        if type(op) not in BOUNDS:
            raise Refused
        bits = BOUNDS[type(op)](left, self.number(right))
        if bits > BITS:
            raise Refused
        return bits

    def power(self, base, exponent):
        if type(exponent) is not _ast.Constant:
            raise Refused
        if type(exponent.value) is float:
            return FLOAT_BITS
        if type(exponent.value) is not int or not 0 <= exponent.value <= POWER:
            raise Refused
        return max(1, base * exponent.value)

    def call(self, node):
        if type(node.func) is not _ast.Name or node.keywords or node.func.id not in FUNCTIONS:
            raise Refused
        _, fewest, most = FUNCTIONS[node.func.id]
        if not fewest <= len(node.args) <= most:
            raise Refused
        bits = FLOAT_BITS
        for argument in node.args:
            bits = max(bits, self.number(argument))
        if node.func.id == "round" and len(node.args) == 2:
            digits = node.args[1]
            if type(digits) is not _ast.Constant or not 0 <= digits.value <= WIDTH:
                raise Refused
        return bits


def run(text):
    """What the program prints, and repr of a final expression or None."""
    tree = compile(text, "<program>", "exec", 0x400)
    checker = Checker()
    for node in tree.body:
        checker.statement(node)
    printed = []
    scope = {name: function for name, (function, _, _) in FUNCTIONS.items()}
    scope["print"] = lambda *values: printed.append(" ".join(map(str, values)) + "\n")
    scope = {"__builtins__": scope}
    last = tree.body.pop().value if tree.body and type(tree.body[-1]) is _ast.Expr else None
    exec(compile(tree, "<program>", "exec"), scope)
    value = eval(compile(_ast.Expression(last), "<program>", "eval"), scope) if last else None
    return "".join(printed).encode(), None if value is None else repr(value).encode()


def answer(number, text):
    """Of a request: its number, 1 for what was run, 1 for a value, the sizes of output and value, and both."""
    try:
        output, value = run(text.decode())
        shown = value or b""
        if len(output) + len(shown) > ANSWER:
            raise Refused
        sizes = len(output).to_bytes(4, "little") + len(shown).to_bytes(4, "little")
        return number + bytes([1, value is not None]) + sizes + output + shown
    except Exception:
        return number + bytes(10)


def serve():
    received = b""
    while True:
        data = os.read(SOCKET, 1 << 16)
        if not data:
            return
        received += data
        at = 0
        answers = []
        while len(received) >= at + 12:
            end = at + 12 + int.from_bytes(received[at + 8 : at + 12], "little")
            if len(received) < end:
                break
            answers.append(answer(received[at : at + 8], received[at + 12 : end]))
            at = end
        received = received[at:]
        pending = b"".join(answers)
        while pending:
            pending = pending[os.write(SOCKET, pending) :]


serve()
