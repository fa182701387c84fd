"""Registers to values, written from protocol/gateway-config.ts with Python's own struct and exact fractions.

Reads lines of JSON, {"signal": ..., "registers": {"address": register}}, and prints for each the value, or null.
"""
import json
import math
import re
import struct
import sys
from fractions import Fraction

FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "uint64": ">Q",
           "float16": ">e", "float32": ">f", "float64": ">d"}
SIZES = {"bool": 1, "bcd16": 1, "bcd32": 2, "bcd64": 4, "mod10k32": 2, "mod10k48": 3, "mod10k64": 4,
         "ubcd16": 1, "ubcd32": 2, "ubcd64": 4, "ascii32": 2, "ascii64": 4, "ascii96": 6, "ascii128": 8}


def decimal_of(number):
    """What somebody meant who wrote the number down: 0.1 is a tenth, 0.3333333333333333 is a third."""
    third = Fraction(1, 3)
    return third if number == float(third) else Fraction(repr(number))


def decode(registers, part):
    kind, order, address = part["type"], part["order"], part["address"]
    count = SIZES.get(kind) or struct.calcsize(FORMATS[kind]) // 2
    words = [struct.pack(">H", registers[str(address + at)]) for at in range(count)]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [word[::-1] for word in words]
    data = b"".join(words)
    if kind == "bool":
        return Fraction(registers[str(address)])
    if kind.startswith("ubcd"):
        return Fraction("".join(map(str, data))) if max(data) < 10 else None
    if kind.startswith("ascii"):
        text = data.decode("latin-1").strip(" \0")
        return Fraction(text) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?([Ee][+-]?[0-9]{1,2})?", text) else None
    if kind.startswith("bcd"):
        return Fraction(int(data.hex())) if data.hex().isdecimal() else None
    if kind.startswith("mod10k"):
        digits = [struct.unpack(">H", data[at:at + 2])[0] for at in range(0, len(data), 2)]
        return Fraction("".join(f"{one:04}" for one in digits)) if max(digits) < 10000 else None
    (value,) = struct.unpack(FORMATS[kind], data)
    if isinstance(value, int):
        return Fraction(value)
    if not math.isfinite(value):
        return None
    # The shortest decimal that the instrument would have stored as the same bits.
    for digits in range(1, 18):
        text = f"{value:.{digits}g}"
        try:
            if float(text) == value or struct.pack(FORMATS[kind], float(text)) == data:
                return Fraction(text)
        except OverflowError:
            continue
    return Fraction(value)


def value_of(registers, signal):
    main = decode(registers, signal)
    if main is None:
        return None
    if "bits" in signal:
        main = Fraction(int(main) >> signal["bits"]["from"] & (1 << signal["bits"]["count"]) - 1)
    if float(main) in [float(one) for one in signal["sentinels"]]:
        return None
    value = main * decimal_of(signal["scale"]) + decimal_of(signal["offset"])
    if "plus" in signal:
        added = decode(registers, signal["plus"])
        if added is None:
            return None
        value += added * decimal_of(signal["plus"]["scale"])
    if "decimals" in signal:
        step = 10 ** signal["decimals"]
        half_up = math.floor(abs(value) * step + Fraction(1, 2))
        value = Fraction(half_up if value > 0 else -half_up, step)
    # No instrument gives more than a single holds (protocol/README.md).
    return float(value) if abs(value) <= 10 ** 39 else None


for line in sys.stdin:
    case = json.loads(line)
    print(json.dumps(value_of(case["registers"], case["signal"])))
