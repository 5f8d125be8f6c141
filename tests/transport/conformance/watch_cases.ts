// Conformance: the end and the reset of a peer that come while paused, and the looks that find them. Runtime neutral.

import { assert, assertEquals } from "@std/assert";
import { UNREAD_BYTES } from "./bench.ts";
import { Child } from "./child.ts";
import { hasSameBytes, patternBytes, type Probe, sharedPattern } from "./probe.ts";
import { benchCase, breakCase, endCase, type Suite } from "./suite.ts";

const MIB = 1_048_576;

/** Connections of the process that dies. */
const DYING_CONNECTIONS = 50;

/** The largest chunk that a runtime hands over: Bun's. */
const LARGEST_CHUNK_BYTES = 524_288;

/** Declares the cases. */
export function watchCases(suite: Suite): void {
  breakCase(suite, "finds a reset while paused", async ({ bench, network, subject, peer }) => {
    const isIntact = await pauseWithLoan(subject, peer);
    await bench.reset(peer, subject);
    // A Unix socket's reset is found by reading on some runtimes.
    await subject.probeUntil(() => subject.closes > 0, network === "unix", () => bench.settle());
    assertEquals([subject.end?.error?.code, subject.ends], ["reset", 0]);
    assert(isIntact(), "the chunk on loan has changed");
  });

  breakCase(suite, "finds a reset while paused behind a write that waits", async ({ bench, subject, peer }) => {
    const isIntact = await pauseWithLoan(subject, peer);
    assertEquals(subject.write(sharedPattern(16 * MIB)), false);
    await bench.settle();
    peer.abort();
    await subject.probeUntil(() => subject.closes > 0, false, () => bench.settle());
    assertEquals([subject.end?.error?.code, subject.ends], ["reset", 0]);
    assert(isIntact(), "the chunk on loan has changed");
  });

  breakCase(suite, "finds a reset behind unread bytes while paused", async ({ bench, network, subject, peer }) => {
    if (network === "unix") return; // A reset is behind the bytes, and found when they are read.
    await pauseWithLoan(subject, peer);
    peer.write(patternBytes(UNREAD_BYTES, 10));
    await bench.settle();
    peer.abort();
    await subject.probeUntil(() => subject.closes > 0, false, () => bench.settle());
    assertEquals([subject.end?.error?.code, subject.ends], ["reset", 0]);
    assertEquals(subject.connection.heldBytes, 0);
  });

  breakCase(suite, "closes if a write finds the reset while paused", async ({ bench, subject, peer }) => {
    await pauseWithLoan(subject, peer);
    await bench.reset(peer, subject);
    subject.write(patternBytes(10));
    subject.write(patternBytes(10));
    await subject.probeUntil(() => subject.closes > 0, false, () => bench.settle());
    assertEquals(subject.end?.error?.code, "reset");
  });

  if (suite.capabilities.isSystem) {
    benchCase(suite, "finds the reset of a process that floods, never reads, and dies", async (bench) => {
      const listening = await bench.listen();
      listening.onConnection = (probe) => {
        probe.checksPattern = false;
        probe.hooks.onData = (chunk) => {
          if (!probe.write(chunk.slice())) probe.pause();
        };
        probe.hooks.onDrain = () => probe.resume();
        probe.start();
      };
      const port = (listening.listener.address as { port: number }).port;
      const child = new Child("flood_child.ts", { arguments: [`${port}`, `${DYING_CONNECTIONS}`], openFiles: 256 });
      await listening.accept(DYING_CONNECTIONS);
      const { accepted } = listening;
      for (const probe of accepted) await probe.until("a chunk", () => probe.receivedBytes > 0);
      await child.kill();
      for (const probe of accepted) await probe.probeUntil(() => probe.closes > 0, false, () => bench.settle());
    });
  }

  endCase(suite, "finds the peer's end while paused, and hands it over once", async ({ bench, subject, peer }) => {
    const isIntact = await pauseWithLoan(subject, peer);
    assertEquals(subject.probe(true), false);
    peer.shutdown();
    await subject.probeUntil((isAtEnd) => isAtEnd, true, () => bench.settle());
    assertEquals([subject.ends, subject.connection.heldBytes], [0, 0]);
    assert(isIntact(), "the chunk on loan has changed");
    subject.resume();
    await subject.ended();
    await subject.send(patternBytes(10));
    peer.start();
    await peer.received(10);
  });

  for (const unreadBytes of [1, 1_000, UNREAD_BYTES]) {
    endCase(suite, `sees no end behind ${unreadBytes} unread bytes`, async ({ bench, subject, peer }) => {
      const isIntact = await pauseWithLoan(subject, peer);
      assertEquals(subject.probe(true), false);
      await bench.settle();
      peer.write(patternBytes(unreadBytes, 10));
      await bench.settle();
      const held: number[] = [];
      for (let looks = 0; looks < 4; looks++) {
        assertEquals(subject.probe(true), false);
        await bench.settle();
        held.push(subject.connection.heldBytes);
      }
      if (peer.drains > 0 || unreadBytes < UNREAD_BYTES) peer.shutdown();
      await bench.settle();
      assertEquals(subject.probe(true), false);
      assertEquals(subject.receivedBytes, 10);
      assertEquals(held[3] > 0, suite.capabilities.isSystem, `${held} bytes held`);
      assert(held[3] === held[0] && held[3] <= LARGEST_CHUNK_BYTES, `${held} bytes held`);
      assert(isIntact(), "the chunk on loan has changed");
      subject.resume();
      await subject.received(10 + unreadBytes);
      peer.shutdown();
      await subject.ended();
      assertEquals(subject.connection.heldBytes, 0);
    });
  }

  endCase(suite, "reads nothing by a look that may not", async ({ bench, subject, peer }) => {
    await pauseWithLoan(subject, peer);
    peer.write(patternBytes(1_000, 10));
    await bench.settle();
    const before = subject.connection.heldBytes;
    for (let looks = 0; looks < 4; looks++) {
      assertEquals(subject.probe(false), false);
      await bench.settle();
      assertEquals(subject.connection.heldBytes, before);
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
    assertEquals(subject.receivedBytes, 10);
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
      assertEquals(subject.probe(mayRead), false);
      await bench.settle();
    }
    assertEquals([subject.closes, peer.closes, peer.receivedBytes, peer.ends], [0, 0, 0, 0]);
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
