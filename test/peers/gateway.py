"""A gateway's batch, written from protocol/README.md alone: prints its bytes in hexadecimal."""
import json, struct, zlib


def varint(n):
    out = bytearray()
    while n >= 128:
        out.append(n % 128 | 128)
        n //= 128
    out.append(n)
    return bytes(out)


def zigzag(n):
    return varint(-2 * n - 1 if n < 0 else 2 * n)


def runs(values):
    out, start = b"", 0
    while start < len(values):
        end = start
        while end < len(values) and values[end] == values[start]:
            end += 1
        out += zigzag(values[start]) + varint(end - start)
        start = end
    return out


table = json.dumps({"gateway": "gw-py", "client": "campo", "project": "los-aromos",
                    "series": [["pozo-7", "flow", 2], ["pozo-7", "total", 2], ["pozo-8", "level", 2]]}).encode()
# (series, time, value, quality, time quality)
rows = [(0, 1767268800123, 1247, 0, 0), (1, 1767268800123, 4821325, 0, 0),
        (2, 1767268800150, None, 17, 0), (0, 1767268860123, 1240, 0, 0)]
head = struct.pack("<I", 99) + varint(41) + varint(46 - 41) + varint(len(rows)) + varint(0) + bytes([0]) + varint(0)
missing = varint(1) + varint(43 - 41) + varint(44 - 43) + bytes([0])
columns = runs([r[0] - (rows[i - 1][0] if i else -1) - 1 for i, r in enumerate(rows)])
columns += runs([r[1] - (rows[i - 1][1] if i else 0) for i, r in enumerate(rows)])
columns += runs([r[3] for r in rows]) + runs([r[4] for r in rows])
before = {}
for series, _, whole, _, _ in rows:
    if whole is not None:
        columns += zigzag(whole - before.get(series, 0))
        before[series] = whole
message = bytes([1, 1 | 8]) + varint(len(table)) + table + head + missing + columns
print((message + struct.pack("<I", zlib.crc32(message))).hex())
