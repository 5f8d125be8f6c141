// formatServiceStats(): the dump for people.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { BufferPool } from "@laster/net/buffer";
import { formatServiceStats, type ServiceStats } from "../../src/service/service_stats.ts";

const EMPTY: ServiceStats = {
  state: "stopped",
  listeners: [],
  dials: 0,
  failedDials: 0,
  failedDialAttempts: 0,
  sessions: 0,
  openedSessions: 0,
  closedSessions: {},
  refusedConnections: 0,
  refusals: {},
  acceptErrors: 0,
  receivedFrames: 0,
  receivedBytes: 0,
  sentFrames: 0,
  sentBytes: 0,
  droppedSends: 0,
  refusedSends: 0,
  fullSends: 0,
  queuedFrames: 0,
  queuedBytes: 0,
  longestQueueFrames: 0,
  longestQueueBytes: 0,
  writes: 0,
  pool: new BufferPool().stats(),
};

test("formatServiceStats() says none where there is none", () => {
  assertEquals(formatServiceStats(EMPTY, "a table\nof two lines").split("\n"), [
    "service   stopped",
    "listeners none",
    "sessions  0 (opened 0, refused 0)",
    "closed    none",
    "dials     0 (failed 0, attempts 0)",
    "received  0 frames, 0 bytes",
    "sent      0 frames, 0 bytes, refused 0, dropped 0, writes 0",
    "queued    0 frames, 0 bytes, longest 0 frames, 0 bytes",
    "accept errors 0",
    "pool",
    "  a table",
    "  of two lines",
  ]);
});

test("formatServiceStats() lists listeners and reasons", () => {
  const lines = formatServiceStats({
    ...EMPTY,
    state: "running",
    listeners: [{ kind: "tcp", hostname: "::", port: 80 }, { kind: "unix", path: "/run/x" }],
    closedSessions: { "reset": 2, "remote-closing": 1 },
    sessions: 3,
  }, "").split("\n");
  assertEquals(lines.slice(0, 4), [
    "service   running",
    "listeners [::]:80, unix:/run/x",
    "sessions  3 (opened 0, refused 0)",
    "closed    reset 2, remote-closing 1",
  ]);
});
