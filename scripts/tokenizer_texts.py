"""Random texts that stress a tokenizer: what check_tokenizer.py and make_tokenizer_goldens.py encode."""
import random

PARTS = ["the", " answer", "'s", "'LL", "'ſ", "'Re", "don't", "1", "234", "56789", " ", "  ", "   ", "\n", "\r\n", "\n\n", "\t", "\u00a0",
         "\u2003", "\u180e", "\u0085", "\u2028", "\u000b", "\u001c", "\ufeff", "e\u0301", "é", "Å", "\u212b", "한국", "\u1112\u1161\u11ab",
         "\uac00\u11a8", "か\u3099", "你好", "😀", "👩\u200d🚀", "👍🏽", "🇩🇪", "\u0661\u0662", "½", "Ⅷ", "²", "\\frac{1}{2}", "$x_1^2$", "\\begin{aligned}",
         "def f(x):", "    return x\n", "_a", "<", ">", "|", "/", "http://a.b/c?d=e", "!?", "...", "--", "#", "\0", "ﬁ", "ß", "İ", "\ud7a3",
         "\U0010ffff", "\ufffd", "\u0958", "\u0344", "q\u0307\u0323", "ก็", "नमस्ते", "שלום", "\u2581", "\u2581a", "<0x41>", "ﷺ"]
WORDS = ["Let", "us", "think", "step", "by", "step", "The", "equation", "solve", "therefore", "number", "prime", "divides", "sum", "function",
         "polynomial", "import", "print", "range", "lambda", "class", "while", "Zürich", "naïve", "Καλημέρα", "Привет", "мир", "数学", "答案", "世界"]
# Ranges of code points that give the kinds of characters a split pattern tells apart.
RANGES = [(0x20, 0x7f), (0x80, 0x250), (0x250, 0x370), (0x300, 0x370), (0x370, 0x590), (0x590, 0x800), (0x800, 0xe00), (0xe00, 0x1100),
          (0x1100, 0x1200), (0x1200, 0x2000), (0x2000, 0x2070), (0x2070, 0x2c00), (0x2c00, 0x3040), (0x3040, 0x3400), (0x4e00, 0x4f00),
          (0xa000, 0xac00), (0xac00, 0xd7a4), (0xe000, 0xe100), (0xf900, 0x10000), (0x10000, 0x12000), (0x12000, 0x18000), (0x1b000, 0x1d000),
          (0x1d000, 0x1f000), (0x1f000, 0x20000), (0x20000, 0x32400), (0xe0000, 0xe0200)]


def code_points(rng):
    first, last = rng.choice(RANGES)
    return "".join(chr(rng.randrange(first, last)) for _ in range(rng.randrange(1, 9)))


def marks(rng):
    """A letter under combining marks, in any order."""
    return rng.choice("aeoq") + "".join(chr(rng.randrange(0x300, 0x370)) for _ in range(rng.randrange(1, 5)))


def prose(rng):
    return rng.choice([" ", "  ", ", ", "\n"]).join(rng.choice(WORDS) for _ in range(rng.randrange(1, 9)))


def number(rng):
    return "".join(rng.choice("0123456789") for _ in range(rng.randrange(1, 12))) + rng.choice(["", ".", ",", "%", "e-7"])


def spaces(rng):
    return "".join(rng.choice(" \n\t\r\u00a0\u3000\u0085") for _ in range(rng.randrange(1, 12)))


def code(rng):
    return rng.choice(["if x_%d == %d:\n\t", "for i in range(%d):\n    s += a[%d]\n", "\\int_{%d}^{%d} x\\,dx = ", "f(%d)->g(%d);//"]) % (
        rng.randrange(99), rng.randrange(9999))


def long_word(rng):
    return rng.choice(["ab", "x", "the", "数", "1", "-", "é", "a\u0301", "\\n", " "]) * rng.randrange(20, 260)


def text(rng, added):
    """One text; `added` are contents of added tokens, whole, cut and next to anything."""
    out = []
    for _ in range(rng.choice([1, 2, 3, 5, 9, 14])):
        kind = rng.randrange(20)
        if kind < 6:
            out.append(rng.choice(PARTS))
        elif kind < 9 and added:
            token = rng.choice(added)
            out.append(token if rng.random() < 0.75 else token[:rng.randrange(len(token) + 1)])
        elif kind == 19:
            out.append(long_word(rng) if rng.random() < 0.15 else rng.choice(PARTS))
        else:
            out.append(rng.choice([code_points, code_points, marks, prose, prose, number, spaces, code])(rng))
    return "".join(out)


def texts(seed, count, added):
    rng = random.Random(seed)
    for _ in range(count):
        yield text(rng, added)
