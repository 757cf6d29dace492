"""Pickles of plain data, evaluated without Python's `pickle`, which would call whatever a file asks for.

A pickle is a program for a stack machine. Only instructions for numbers, text and containers are carried out here. Names of
Python objects are resolved by the caller, who refuses them or returns what stands for them.
"""

import pickletools

from zoo.errors import ZooError

# More instructions than any checkpoint has, about 30 per tensor.
_MOST_INSTRUCTIONS = 2_000_000
_LARGEST_KEY = 2**48
_MARK = object()
_VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
# Instructions whose argument is the value.
_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
_TEXTS = ("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8")
_LITERALS = frozenset((*_NUMBERS, *_TEXTS, *_BYTES))
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict}


class Call:
    """Stands for a function of the pickle: a function of the caller's that is called instead."""

    def __init__(self, function):
        self.function = function


def load(file, name_of, persistent):
    """The value of the pickle at the position of `file`, which is then behind it.

    Args:
        file: a binary file.
        name_of: function (module, name) -> what stands for this Python object: a value, or a `Call`; raises ZooError if there is
            no such.
        persistent: function from a persistent identifier to its value.

    Raises:
        ZooError: on instructions that plain data does not need.
        Exception: anything else on a damaged pickle.
    """
    return _Machine(name_of, persistent).run(file)


class _Machine:
    """A stack, the marks in it, and the memo by which values are used again.

    Values are never compared, hashed or printed: a few hundred bytes can describe tuples in tuples with 2^60 elements.
    """

    def __init__(self, name_of, persistent):
        self.name_of, self.persistent = name_of, persistent
        self.stack, self.memo = [], {}

    def run(self, file):
        for count, (instruction, argument, _) in enumerate(pickletools.genops(file)):
            if count == _MOST_INSTRUCTIONS:
                raise ZooError(f"has a pickle of more than {_MOST_INSTRUCTIONS:,} instructions.")
            name = instruction.name
            if name == "STOP":
                return self.stack.pop()
            if name in _LITERALS:
                self.stack.append(argument)
            elif name in _VALUES:
                self.stack.append(_VALUES[name])
            elif name in _EMPTY:
                self.stack.append(_EMPTY[name]())
            elif name in _TUPLES:
                self.stack.append(tuple(self.popped(_TUPLES[name])))
            elif hasattr(self, f"do_{name.lower()}"):
                getattr(self, f"do_{name.lower()}")(argument)
            elif name not in ("PROTO", "FRAME"):
                raise ZooError(f"has the pickle instruction {name}, which tensors do not need.")
        raise EOFError("the pickle does not end")

    def popped(self, count):
        """The last `count` values, removed."""
        if count > len(self.stack):
            raise IndexError("the stack is empty")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def after_mark(self):
        """The values after the last mark; removes them and the mark."""
        place = max(i for i in range(len(self.stack)) if self.stack[i] is _MARK)
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def top(self, kind):
        """The last value. Raises TypeError if it is not a `kind`."""
        if type(self.stack[-1]) is not kind:
            raise TypeError(f"a {kind.__name__} was expected")
        return self.stack[-1]

    def do_mark(self, _):
        self.stack.append(_MARK)

    def do_pop(self, _):
        self.stack.pop()

    def do_pop_mark(self, _):
        self.after_mark()

    def do_dup(self, _):
        self.stack.append(self.stack[-1])

    def do_tuple(self, _):
        self.stack.append(tuple(self.after_mark()))

    def do_list(self, _):
        self.stack.append(self.after_mark())

    def do_append(self, _):
        [value] = self.popped(1)
        self.top(list).append(value)

    def do_appends(self, _):
        values = self.after_mark()
        self.top(list).extend(values)

    def do_dict(self, _):
        self.stack.append(dict(pairs(self.after_mark())))

    def do_setitem(self, _):
        values = self.popped(2)
        self.top(dict).update(pairs(values))

    def do_setitems(self, _):
        values = self.after_mark()
        self.top(dict).update(pairs(values))

    def do_put(self, key):
        self.memo[key] = self.stack[-1]

    do_binput = do_long_binput = do_put

    def do_memoize(self, _):
        self.memo[len(self.memo)] = self.stack[-1]

    def do_get(self, key):
        self.stack.append(self.memo[key])

    do_binget = do_long_binget = do_get

    def do_binpersid(self, _):
        self.stack.append(self.persistent(self.stack.pop()))

    def do_global(self, argument):
        module, _, name = argument.partition(" ")
        self.stack.append(self.name_of(module, name))

    def do_stack_global(self, _):
        module, name = self.popped(2)
        if type(module) is not str or type(name) is not str:
            raise TypeError("a name was expected")
        self.stack.append(self.name_of(module, name))

    def do_reduce(self, _):
        called, arguments = self.popped(2)
        if not isinstance(called, Call) or type(arguments) is not tuple:
            raise ZooError("calls what is not a function of a tensor.")
        self.stack.append(called.function(*arguments))

    def do_build(self, _):
        # State dicts have attributes, such as the versions of their modules, which are not part of the weights.
        [_] = self.popped(1)
        self.top(dict)


def pairs(values):
    """Pairs of keys and values, from a list in which they alternate. Raises TypeError at keys other than text and integers."""
    keys = values[::2]
    if len(values) % 2 or not all(type(key) is str or (type(key) is int and abs(key) < _LARGEST_KEY) for key in keys):
        raise TypeError("a mapping has keys that are neither text nor small integers")
    return zip(keys, values[1::2])
