// Recording.toPcapng(), as tshark reads it: bytes, directions, times, ends, checksums. Nothing is said of a file that tshark does not
// say itself.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect, serve } from "@laster/net";
import { FlightRecorder, Recording, type RecordingEntry, type RecordingParts } from "@laster/net/recorder";
import { partOf } from "../share.ts";
import { bytes, pattern, transportsHere, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { FAULTY, RecordingLog } from "./support.ts";

const skip = spawnSync("tshark", ["--version"]).status === 0 ? false : "tshark is not on this machine";

/** Has tshark look at packets with all its doubts: checksums, gaps, windows. */
function tshark(file: Uint8Array, ...options: string[]): string {
  using folder = new TemporaryFolder();
  const path = folder.file("recording.pcapng");
  writeFileSync(path, file);
  const checks = [
    "-o",
    "ip.check_checksum:TRUE",
    "-o",
    "tcp.check_checksum:TRUE",
    "-o",
    "tcp.relative_sequence_numbers:TRUE",
  ];
  const { stdout, stderr, status } = spawnSync("tshark", ["-n", "-r", path, ...checks, ...options], {
    encoding: "utf8",
  });
  assertEquals(status, 0, stderr);
  return stdout;
}

/** What tshark's sister says of the file as a whole. */
function capinfos(file: Uint8Array): { readonly stdout: string } {
  using folder = new TemporaryFolder();
  const path = folder.file("recording.pcapng");
  writeFileSync(path, file);
  return spawnSync("capinfos", [path], { encoding: "utf8" });
}

/** A row for each packet, with the fields that are asked for. */
function fieldsOf(file: Uint8Array, ...fields: string[]): string[][] {
  const text = tshark(file, "-T", "fields", ...fields.flatMap((field) => ["-e", field]));
  return text.trimEnd().split("\n").map((line) => line.split("\t"));
}

/** The bytes of both directions, as tshark follows the stream: those of whoever began, and those of the other. */
function follow(file: Uint8Array): [first: string, second: string] {
  const text = tshark(file, "-q", "-z", "follow,tcp,raw,0");
  const lines = text.split("\n").filter((line) => /^\t?[0-9a-f]+$/.test(line));
  const of = (isSecond: boolean) =>
    lines.filter((line) => line.startsWith("\t") === isSecond).join("").replaceAll("\t", "");
  return [of(false), of(true)];
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const FIELDS = ["tcp.flags.str", "tcp.seq", "tcp.ack", "tcp.len", "tcp.srcport"];

function make(entries: readonly Partial<RecordingEntry>[], parts: Partial<RecordingParts> = {}): Recording {
  const whole = entries.map((entry, index) => ({
    timeMs: index,
    kind: "gone" as const,
    bytes: new Uint8Array(0),
    length: entry.bytes?.length ?? 0,
    ...entry,
  }));
  return new Recording({
    origin: "accepted",
    localAddress: { kind: "tcp", hostname: "192.0.2.1", port: 80 },
    remoteAddress: { kind: "tcp", hostname: "198.51.100.7", port: 50_000 },
    isTls: false,
    startedAtMs: 1_785_000_000_000,
    missingReceivedBytes: 0,
    missingSentBytes: 0,
    received: new Uint8Array(0),
    sent: new Uint8Array(0),
    entries: whole,
    end: undefined,
    ...parts,
  });
}

const own = (length: number, seed: number) => new Uint8Array(pattern(length, seed));
const PEER = "50000";
const HERE = "80";

for (const { name, make: makeTransport } of transportsHere()) {
  test(`tshark reads the bytes and ends of a session on ${name}`, { skip }, async () => {
    const log = new RecordingLog();
    const recorder = new FlightRecorder({ onRecording: log.take });
    const transport = makeTransport();
    const options = { ...FAULTY, hostname: "127.0.0.1", port: 0, transport: recorder.wrap(transport) };
    await using service = await serve({ ...options, observers: [recorder] });
    await using session = await connect({ port: service.port, transport });
    for (const text of ["hello", "world"]) {
      session.send(bytes(text));
      await within(session.receive(), "an echo");
    }
    session.send(new Uint8Array([0]));
    const recording = await log.first();
    const file = recording.toPcapng();
    const [received, sent] = follow(file);
    assertEquals([received, sent], [hex(recording.received), hex(recording.sent)]);
    assertEquals(sent, hex(new Uint8Array([5, 0, 0, 0, ...bytes("hello"), 5, 0, 0, 0, ...bytes("world")])));
    const packets = fieldsOf(file, "tcp.srcport", "frame.time_epoch");
    assertEquals(packets.slice(0, 2).map(([port]) => Number(port)), [
      (session.localAddress as { port: number }).port,
      service.port,
    ]);
    const expert = tshark(file, "-Y", "tcp.analysis.flags || tcp.checksum.status != 1 || ip.checksum.status != 1");
    assertEquals(expert, "", "tshark finds nothing odd");
    const [first, ...rest] = packets.map(([, time]) => Number(time) * 1_000);
    assert(Math.abs(first - recording.startedAtMs) < 0.002, `${first}`);
    assert(Math.abs(rest.at(-1) as number - first - (recording.entries.at(-1)?.timeMs ?? 0)) < 5_000);
  });
}

/** What the bytes of a file say depends on no runtime: in a run of several each asks tshark a part of it. */
const CASES: Record<string, () => void> = {
  "tshark sees who opened and who ended, in order, of both origins"() {
    const entries = [
      { kind: "received", bytes: own(10, 1) },
      { kind: "sent", bytes: own(20, 2) },
      { kind: "sent-end" },
      { kind: "received-end" },
      { kind: "closed" },
      {},
    ] as const;
    const rows = fieldsOf(make(entries).toPcapng(), ...FIELDS, "frame.packet_flags_direction");
    assertEquals(rows, [
      ["··········S·", "0", "0", "0", PEER, "0x00000001"],
      ["·······A··S·", "0", "1", "0", HERE, "0x00000002"],
      ["·······A····", "1", "1", "0", PEER, "0x00000001"],
      ["·······AP···", "1", "1", "10", PEER, "0x00000001"],
      ["·······AP···", "1", "11", "20", HERE, "0x00000002"],
      ["·······A···F", "21", "11", "0", HERE, "0x00000002"],
      ["·······A···F", "11", "22", "0", PEER, "0x00000001"],
    ]);
    const dialled = fieldsOf(make(entries, { origin: "connected" }).toPcapng(), ...FIELDS);
    assertEquals(dialled.slice(0, 3).map((row) => row[4]), [HERE, PEER, HERE]);
  },
  "tshark sees resets of either side, and the times to the microsecond"() {
    const times = [{ kind: "received", bytes: own(3, 1), timeMs: 1.234 }, {
      kind: "aborted",
      timeMs: 2_500.001,
    }] as const;
    const ours = make(times).toPcapng();
    assertEquals(fieldsOf(ours, ...FIELDS).at(-1), ["·······A·R··", "1", "4", "0", HERE]);
    assertEquals(fieldsOf(ours, "frame.time_relative").slice(-2), [["0.001234000"], ["2.500001000"]]);
    assertEquals(fieldsOf(ours, "frame.time_epoch")[0], ["1785000000.000000000"]);
    const theirs = make([{ kind: "sent", bytes: own(3, 1) }, {}], {
      end: { connectionError: "reset", reason: "reset" },
    });
    assertEquals(fieldsOf(theirs.toPcapng(), ...FIELDS).at(-1), ["·······A·R··", "1", "4", "0", PEER]);
  },
  "tshark follows IPv6, chunks longer than a packet, and a Unix socket"() {
    const long = own(200_001, 7);
    const entries = [{ kind: "received", bytes: long }, { kind: "sent", bytes: own(33, 2) }] as const;
    const ipv6 = { localAddress: { kind: "tcp", hostname: "2001:db8::1", port: 80 } } as const;
    const unix = {
      localAddress: { kind: "unix", path: "/run/game.sock" },
      remoteAddress: { kind: "unix", path: "" },
    } as const;
    for (const parts of [{}, ipv6, unix]) {
      const file = make(entries, parts).toPcapng();
      assertEquals(follow(file), [hex(long), hex(own(33, 2))]);
      assertEquals(tshark(file, "-Y", "tcp.analysis.flags || tcp.checksum.status != 1"), "");
      assertEquals(fieldsOf(file, "tcp.len").map(([length]) => Number(length)).slice(3, 7), [
        65_472,
        65_472,
        65_472,
        3_585,
      ]);
    }
    const [row] = fieldsOf(make(entries, ipv6).toPcapng(), "ipv6.src", "ipv6.dst");
    assertEquals(row, ["::ffff:198.51.100.7", "2001:db8::1"]);
    const [ends] = fieldsOf(make(entries, unix).toPcapng(), "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport");
    assertEquals(ends, ["127.0.0.1", "2", "127.0.0.1", "1"]);
  },
  "tshark sees what was discarded as cut off, and a session without its beginning as one under way"() {
    const entries = [{ kind: "received", bytes: own(5, 1) }, { kind: "discarded", length: 70_000 }, {
      kind: "received-end",
    }];
    const file = make(entries as readonly Partial<RecordingEntry>[]).toPcapng();
    const rows = fieldsOf(file, "tcp.len", "frame.len", "frame.cap_len", "tcp.seq").slice(3);
    assertEquals(rows, [
      ["5", "45", "45", "1"],
      ["65472", "65512", "40", "6"],
      ["4528", "4568", "40", "65478"],
      ["0", "40", "40", "70006"],
    ]);
    const late = make([{ kind: "received", bytes: own(5, 1), length: 9 }, { kind: "sent", bytes: own(6, 2) }], {
      missingReceivedBytes: 4,
    }).toPcapng();
    assertEquals(follow(late), [hex(own(5, 1)), hex(own(6, 2))]);
    assertEquals(fieldsOf(late, "tcp.flags.str"), [["·······AP···"], ["·······AP···"]]);
  },
  "tshark reads several recordings one behind the other as one file, with why each closed"() {
    const one = make([{ kind: "received", bytes: own(5, 1) }], {
      end: { reason: "decode-error", detail: "too-large" },
    });
    const other = make([{ kind: "received", bytes: own(6, 2) }], {
      remoteAddress: { kind: "tcp", hostname: "198.51.100.8", port: 9 },
    });
    const file = new Uint8Array([...one.toPcapng(), ...other.toPcapng()]);
    assertEquals(fieldsOf(file, "tcp.stream", "tcp.len").filter(([, length]) => length !== "0"), [["0", "5"], [
      "1",
      "6",
    ]]);
    const { stdout } = capinfos(one.toPcapng());
    assert(stdout.includes("closed: decode-error, detail: too-large"), stdout);
  },
};

for (const [title, run] of partOf(Object.entries(CASES))) test(title, { skip }, run);

test("a text longer than an option may be is cut between two characters, and the file stays sound", () => {
  /** The options of the first block, by their codes, and whether it ends where it says. */
  const read = (file: Uint8Array) => {
    const view = new DataView(file.buffer);
    const total = view.getUint32(4, true);
    const options = new Map<number, Uint8Array>();
    let at = 24;
    for (let code = -1; code !== 0;) {
      code = view.getUint16(at, true);
      const length = view.getUint16(at + 2, true);
      options.set(code, file.subarray(at + 4, at + 4 + length));
      at += 4 + ((length + 3) & -4);
    }
    return { options, isSound: at === total - 4 && view.getUint32(at, true) === total };
  };
  for (const detail of ["x".repeat(70_000), "é".repeat(40_000), "€".repeat(30_000), "🎲".repeat(20_000), "short"]) {
    const { options, isSound } = read(make([], { end: { reason: "local-closing", detail } }).toPcapng());
    assert(isSound, detail.slice(0, 5));
    const comment = new TextDecoder("utf-8", { fatal: true }).decode(options.get(1));
    const whole = `closed: local-closing, detail: ${detail}`;
    assert(detail === "short" ? comment === whole : whole.startsWith(comment), detail.slice(0, 5));
    assert(detail === "short" || (options.get(1)?.length ?? 0) > 65_531);
    assertEquals(new TextDecoder().decode(options.get(4)), "@laster/net");
  }
});
