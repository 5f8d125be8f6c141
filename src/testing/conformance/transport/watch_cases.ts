// Conformance: the end and the reset of a peer that come while paused, and the looks that find them. Runtime neutral.

import { equals, hasSameBytes, holds } from "../check.ts";
import { UNREAD_BYTES } from "./bench.ts";
import { patternBytes, sharedPattern } from "./pattern.ts";
import { breakCase, endCase, type TransportSuite } from "./suite.ts";
import type { Probe } from "./probe.ts";

const MIB = 1_048_576;

/** The largest chunk that a runtime hands over: Bun's. */
const LARGEST_CHUNK_BYTES = 524_288;

/** Declares the cases. */
export function watchCases(suite: TransportSuite): void {
  breakCase(suite, "finds a reset while paused", async ({ bench, network, subject, peer }) => {
    const isIntact = await pauseWithLoan(subject, peer);
    await bench.reset(peer, subject);
    // A Unix socket's reset is found by reading on some runtimes.
    await subject.probeUntil(() => subject.closes > 0, network === "unix", () => bench.settle());
    equals([subject.end?.error?.code, subject.ends], ["reset", 0], "the code of the error in onClose, and the ends");
    holds(isIntact(), "the chunk on loan has changed");
  });

  breakCase(suite, "finds a reset while paused behind a write that waits", async ({ bench, subject, peer }) => {
    const isIntact = await pauseWithLoan(subject, peer);
    equals(subject.write(sharedPattern(16 * MIB)), false, "the answer of write()");
    await bench.settle();
    peer.abort();
    await subject.probeUntil(() => subject.closes > 0, false, () => bench.settle());
    equals([subject.end?.error?.code, subject.ends], ["reset", 0], "the code of the error in onClose, and the ends");
    holds(isIntact(), "the chunk on loan has changed");
  });

  breakCase(suite, "finds a reset behind unread bytes while paused", async ({ bench, subject, peer }) => {
    await pauseWithLoan(subject, peer);
    peer.write(patternBytes(UNREAD_BYTES, 10));
    await bench.settle();
    peer.abort();
    await subject.probeUntil(() => subject.closes > 0, false, () => bench.settle());
    equals([subject.end?.error?.code, subject.ends], ["reset", 0], "the code of the error in onClose, and the ends");
    equals(subject.connection.heldBytes, 0, "heldBytes");
  }, "a reset of a Unix socket is found behind the bytes, once they are read");

  breakCase(suite, "finds a reset behind the peer's end while paused", async ({ bench, subject, peer }) => {
    await pauseWithLoan(subject, peer);
    peer.shutdown();
    await subject.probeUntil((isAtEnd) => isAtEnd, true, () => bench.settle());
    await bench.reset(peer, subject);
    await subject.probeUntil(() => subject.closes > 0, false, () => bench.settle());
    equals(subject.end?.error?.code, "reset", "the code of the error in onClose");
  }, "a reset of a Unix socket behind its end is an end, too");

  breakCase(suite, "closes if a write finds the reset while paused", async ({ bench, subject, peer }) => {
    await pauseWithLoan(subject, peer);
    await bench.reset(peer, subject);
    subject.write(patternBytes(10));
    subject.write(patternBytes(10));
    await subject.probeUntil(() => subject.closes > 0, false, () => bench.settle());
    equals(subject.end?.error?.code, "reset", "the code of the error in onClose");
  });

  endCase(suite, "finds the peer's end while paused, and hands it over once", async ({ bench, subject, peer }) => {
    const isIntact = await pauseWithLoan(subject, peer);
    equals(subject.probe(true), false, "the answer of probe(true)");
    peer.shutdown();
    await subject.probeUntil((isAtEnd) => isAtEnd, true, () => bench.settle());
    equals([subject.ends, subject.connection.heldBytes], [0, 0], "the ends, and heldBytes");
    holds(isIntact(), "the chunk on loan has changed");
    subject.resume();
    await subject.ended();
    await subject.send(patternBytes(10));
    peer.start();
    await peer.received(10);
  });

  for (const unreadBytes of [1, 1_000, UNREAD_BYTES]) {
    endCase(suite, `sees no end behind ${unreadBytes} unread bytes`, async ({ bench, subject, peer }) => {
      const isIntact = await pauseWithLoan(subject, peer);
      equals(subject.probe(true), false, "the answer of probe(true)");
      await bench.settle();
      peer.write(patternBytes(unreadBytes, 10));
      await bench.settle();
      const held: number[] = [];
      for (let looks = 0; looks < 4; looks++) {
        equals(subject.probe(true), false, "the answer of probe(true)");
        await bench.settle();
        held.push(subject.connection.heldBytes);
      }
      if (peer.drains > 0 || unreadBytes < UNREAD_BYTES) peer.shutdown();
      await bench.settle();
      equals(subject.probe(true), false, "the answer of probe(true)");
      equals(subject.receivedBytes, 10, "the bytes received");
      equals(held[3] > 0, suite.settings.isSystem, `${held} bytes held`);
      holds(held[3] === held[0] && held[3] <= LARGEST_CHUNK_BYTES, `${held} bytes held`);
      holds(isIntact(), "the chunk on loan has changed");
      subject.resume();
      await subject.received(10 + unreadBytes);
      peer.shutdown();
      await subject.ended();
      equals(subject.connection.heldBytes, 0, "heldBytes");
    });
  }

  endCase(suite, "loses nothing of a bulk behind pauses and looks", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    await peer.send(sharedPattern(16 * MIB)); // The system gives a connection that reads fast a larger buffer.
    await subject.received(16 * MIB);
    subject.hooks.onData = () => subject.pause();
    subject.pause();
    const sending = peer.send(sharedPattern(16 * MIB, 16 * MIB));
    for (let pauses = 0; subject.receivedBytes < 32 * MIB; pauses++) {
      if (pauses % 8 === 0) {
        await bench.settle();
        subject.probe(true);
        await bench.settle();
      }
      const before = subject.receivedBytes;
      subject.resume();
      await subject.until("a chunk", () => subject.receivedBytes > before);
    }
    await sending;
    equals([subject.receivedBytes, subject.closes], [32 * MIB, 0], "the bytes received, and the closes");
  });

  endCase(suite, "reads nothing by a look that may not", async ({ bench, subject, peer }) => {
    await pauseWithLoan(subject, peer);
    peer.write(patternBytes(1_000, 10));
    await bench.settle();
    const before = subject.connection.heldBytes;
    for (let looks = 0; looks < 4; looks++) {
      equals(subject.probe(false), false, "the answer of probe(false)");
      await bench.settle();
      equals(subject.connection.heldBytes, before, "heldBytes");
    }
    subject.resume();
    await subject.received(1_010);
  });

  endCase(suite, "goes on if a look comes together with resume() and pause()", async ({ bench, subject, peer }) => {
    await pauseWithLoan(subject, peer);
    for (let part = 0; part < 4; part++) {
      subject.probe(true);
      subject.resume();
      subject.pause();
      subject.probe(true);
      peer.write(patternBytes(100, 10 + 100 * part));
      await bench.settle();
    }
    equals(subject.receivedBytes, 10, "the bytes received");
    subject.probe(true);
    subject.resume();
    await subject.received(410);
    peer.shutdown();
    await subject.ended();
  });

  endCase(suite, "answers a look that finds a peer in good health", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    subject.pause();
    for (const mayRead of [false, true, false, true]) {
      equals(subject.probe(mayRead), false, "the answer of probe()");
      await bench.settle();
    }
    equals(
      [subject.closes, peer.closes, peer.receivedBytes, peer.ends],
      [0, 0, 0, 0],
      "the closes of both, and the bytes and ends of the peer",
    );
    subject.resume();
    await subject.send(patternBytes(MIB));
    await peer.received(MIB);
    await peer.send(patternBytes(MIB));
    await subject.received(MIB);
  });
}

/** Has the subject pause in the call that brings ten bytes; the answer says whether those are still as they came. */
async function pauseWithLoan(subject: Probe, peer: Probe): Promise<() => boolean> {
  let chunk: Uint8Array = new Uint8Array(0);
  subject.hooks.onData = (loan) => {
    chunk = loan;
    subject.pause();
    subject.hooks.onData = undefined;
  };
  subject.start();
  peer.write(patternBytes(10));
  await subject.received(10);
  return () => hasSameBytes(chunk, patternBytes(10));
}
