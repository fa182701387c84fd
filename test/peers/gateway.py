"""A gateway written from protocol/README.md alone.

gateway.py                   prints a batch in hexadecimal
gateway.py PORT NAME TOKEN   is gateway NAME at a broker on this machine, and prints what it meets, one JSON a line
"""
import hashlib, json, socket, struct, sys, zlib


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


# (series, time, value, quality, time quality)
ROWS = [(0, 1767268800123, 1247, 0, 0), (1, 1767268800123, 4821325, 0, 0),
        (2, 1767268800150, None, 17, 0), (0, 1767268860123, 1240, 0, 0)]


def batch(name, with_table=True, first=41):
    """Four readings and, after the second, two numbers that were evicted."""
    table = json.dumps({"gateway": name, "client": "campo", "project": "los-aromos",
                        "series": [["pozo-7", "flow", 2], ["pozo-7", "total", 2], ["pozo-8", "level", 2]]}).encode()
    head = struct.pack("<I", 99) + varint(first) + varint(5) + varint(len(ROWS)) + varint(0) + bytes([0]) + varint(0)
    missing = varint(1) + varint(2) + varint(1) + bytes([0])
    columns = runs([r[0] - (ROWS[i - 1][0] if i else -1) - 1 for i, r in enumerate(ROWS)])
    columns += runs([r[1] - (ROWS[i - 1][1] if i else 0) for i, r in enumerate(ROWS)])
    columns += runs([r[3] for r in ROWS]) + runs([r[4] for r in ROWS])
    before = {}
    for series, _, whole, _, _ in ROWS:
        if whole is not None:
            columns += zigzag(whole - before.get(series, 0))
            before[series] = whole
    named = varint(len(table)) + table if with_table else hashlib.sha256(table).digest()[:8]
    message = bytes([1, (1 if with_table else 0) | 8]) + named + head + missing + columns
    return message + struct.pack("<I", zlib.crc32(message))


def text(s):
    return struct.pack(">H", len(s)) + s


class Session:
    """MQTT 3.1.1, as little of it as a gateway needs."""

    def __init__(self, port, name, token, will, client_id=b"", level=4):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.inbox, self.next_id = [], 0
        # User name, password, will retained with QoS 1, clean session; keepalive 60 s.
        flags = 0x80 | 0x40 | 0x20 | 0x08 | 0x04 | 0x02
        none = bytes([0]) if level == 5 else b""
        self.send(0x10, text(b"MQTT") + bytes([level, flags]) + struct.pack(">H", 60) + none + text(client_id)
                  + none + text(f"gw/v1/{name}/state".encode()) + text(will) + text(name.encode()) + text(token.encode()))
        self.connack = self.wait(0x20)[1]

    def send(self, kind, body):
        self.socket.sendall(bytes([kind]) + varint(len(body)) + body)

    def take(self, count):
        out = b""
        while len(out) < count:
            chunk = self.socket.recv(count - len(out))
            if not chunk:
                raise ConnectionError("closed")
            out += chunk
        return out

    def wait(self, kind):
        """The body of the next packet of that kind; what is published meanwhile goes into the inbox."""
        while True:
            first, length, shift = self.take(1)[0], 0, 0
            while True:
                byte = self.take(1)[0]
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            body = self.take(length)
            if first & 0xF0 == 0x30:
                size = struct.unpack(">H", body[:2])[0]
                assert first & 6 == 0, "what comes has QoS 0"
                self.inbox.append((body[2:2 + size].decode(), json.loads(body[2 + size:])))
            if first & 0xF0 == kind:
                return body

    def id(self):
        self.next_id += 1
        return struct.pack(">H", self.next_id)

    def subscribe(self, filters):
        self.send(0x82, self.id() + b"".join(text(f.encode()) + bytes([1]) for f in filters))
        return list(self.wait(0x90)[2:])

    def publish(self, topic, payload, retain=False):
        self.send(0x33 if retain else 0x32, text(topic.encode()) + self.id() + payload)
        return self.wait(0x40)

    def ack(self):
        while not self.inbox:
            self.wait(0x30)
        return self.inbox.pop(0)


def tell(what, value):
    print(json.dumps({"what": what, "value": value}), flush=True)


def run(port, name, token):
    own = f"gw/v1/{name}"
    state = lambda s: json.dumps({"v": 1, "state": s, "version": "py", "since": 1767268800000}).encode()
    tell("connack to MQTT 5", Session(port, name, token, state("lost"), level=5).connack)
    tell("connack with a wrong token", Session(port, name, token + "x", state("lost")).connack)
    session = Session(port, name, token, state("lost"))
    tell("connack", session.connack)
    tell("suback", session.subscribe([f"{own}/down/ack", f"{own}/cmd/+", f"{own}/desired", f"{own}/#", f"{own}/cmd/c-1"]))
    session.publish(f"{own}/state", state("ready"), retain=True)
    for with_table, first in [(False, 41), (True, 41), (False, 47)]:
        session.publish(f"{own}/up/live", batch(name, with_table, first))
        tell("ack", session.ack())
    second = Session(port, name, token, state("lost"), client_id=b"another-name")
    tell("connack of a second connection", second.connack)
    try:
        session.wait(0x20)
    except ConnectionError:
        tell("first connection", "closed")
    second.publish(f"{own}/up/backlog", batch(name, True, 53))
    try:
        second.publish(f"gw/v1/{name}-other/state", state("ready"))
        tell("publish to another's topic", "taken")
    except ConnectionError:
        tell("publish to another's topic", "closed")


if len(sys.argv) == 1:
    print(batch("gw-py").hex())
else:
    run(int(sys.argv[1]), sys.argv[2], sys.argv[3])
