// Conformance: the ends in order, half of a connection at a time. Runtime neutral.

import { assertEquals } from "@std/assert";
import type { Bench, Network } from "./bench.ts";
import { patternBytes, type Probe, sharedPattern } from "./probe.ts";
import { endCase, type Suite } from "./suite.ts";

const MIB = 1_048_576;

/** Declares the cases. */
export function closeCases(suite: Suite): void {
  endCase(suite, "sends 1 MiB after the peer's end", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    await peer.send(patternBytes(10));
    peer.shutdown();
    await subject.ended();
    assertEquals(subject.receivedBytes, 10);
    await bench.settle();
    await subject.send(patternBytes(MIB));
    await peer.received(MIB);
    assertEquals([subject.ends, subject.closes, peer.ends, peer.closes], [1, 0, 0, 0]);
  });

  endCase(suite, "receives 1 MiB after shutdown()", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    await subject.send(patternBytes(10));
    subject.shutdown();
    await peer.ended();
    assertEquals(peer.receivedBytes, 10);
    await bench.settle();
    await peer.send(patternBytes(MIB));
    await subject.received(MIB);
    peer.shutdown();
    await subject.ended();
  });

  endCase(suite, "closes in order without an error", async ({ subject, peer }) => {
    subject.start();
    peer.start();
    await subject.send(patternBytes(10));
    subject.shutdown();
    await peer.ended();
    await peer.send(patternBytes(10));
    peer.shutdown();
    await subject.ended();
    subject.close();
    peer.close();
    assertEquals([await subject.closed(), await peer.closed()], [{}, {}]);
    assertEquals([subject.ends, peer.ends], [1, 1]);
  });

  endCase(suite, "delivers all it took if close() comes after onEnd", async ({ bench, network, subject, peer }) => {
    subject.start();
    const sent = unreadBytes(bench, network);
    endAndReadLate(peer);
    await subject.ended();
    await sendAndClose(subject, sent, 0);
    await bench.settle();
    peer.resume();
    await arrivedInOrder(peer, sent);
  });

  endCase(
    suite,
    "delivers all it took if shutdown() and close() come after onEnd",
    async ({ bench, network, subject, peer }) => {
      subject.start();
      const sent = unreadBytes(bench, network);
      endAndReadLate(peer);
      await subject.ended();
      await sendAndClose(subject, sent, 1);
      await bench.settle();
      peer.resume();
      await arrivedInOrder(peer, sent);
    },
  );

  endCase(suite, "delivers all it took if the peer ends after shutdown()", async ({ subject, peer }) => {
    subject.hooks.onEnd = () => subject.close();
    subject.start();
    peer.hooks.onEnd = () => peer.shutdown();
    peer.start();
    await subject.send(patternBytes(MIB));
    subject.shutdown();
    assertEquals(await subject.closed(), {});
    await arrivedInOrder(peer, MIB);
    peer.close();
    assertEquals(await peer.closed(), {});
  });

  endCase(suite, "keeps bytes and end while paused though both sides have ended", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    subject.pause();
    subject.shutdown();
    await peer.ended();
    await peer.send(patternBytes(10_000));
    peer.shutdown();
    await bench.settle();
    assertEquals([subject.receivedBytes, subject.ends, subject.closes], [0, 0, 0]);
    subject.resume();
    await subject.received(10_000);
    await subject.ended();
  });

  endCase(
    suite,
    "keeps bytes and end for a late handler though both sides have ended",
    async ({ bench, subject, peer }) => {
      peer.start();
      subject.shutdown();
      await peer.ended();
      await peer.send(patternBytes(10_000));
      peer.shutdown();
      await bench.settle();
      subject.start();
      await subject.received(10_000);
      await subject.ended();
    },
  );

  endCase(suite, "takes every end of a call twice", async ({ subject, peer }) => {
    subject.start();
    peer.start();
    subject.shutdown();
    subject.shutdown();
    await peer.ended();
    peer.close();
    peer.close();
    await subject.ended();
    subject.close();
    subject.shutdown();
    subject.close();
    subject.abort();
    subject.abort();
    subject.close();
    await Promise.all([subject.closed(), peer.closed()]);
    subject.abort();
    subject.close();
    subject.shutdown();
    subject.pause();
    subject.resume();
  });

  endCase(suite, "drops what is written after shutdown()", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    subject.shutdown();
    assertEquals(subject.write(patternBytes(10)), false);
    await peer.ended();
    await bench.settle();
    assertEquals([peer.receivedBytes, subject.closes, subject.drains], [0, 0, 0]);
  });

  endCase(suite, "drops what is written after close()", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    subject.close();
    assertEquals(subject.write(patternBytes(10)), false);
    await subject.closed();
    assertEquals(subject.write(patternBytes(10)), false);
    await bench.settle();
    assertEquals([peer.receivedBytes, subject.drains], [0, 0]);
  });

  endCase(suite, "says once and without error that it was closed before start()", async ({ bench, subject, peer }) => {
    peer.start();
    subject.close();
    subject.start();
    assertEquals(await subject.closed(), {});
    await bench.settle();
    assertEquals(subject.closes, 1);
  });

  endCase(suite, "closes though a write is under way", async ({ subject, peer }) => {
    subject.start();
    assertEquals(subject.write(sharedPattern(16 * MIB)), false);
    subject.close();
    assertEquals(await subject.closed(), {});
    assertEquals(subject.drains, 0);
    peer.start();
  });
}

/** What is sent to a peer that does not read: a Unix socket and the in-memory transport have small buffers. */
function unreadBytes(bench: Bench, network: Network): number {
  return bench.capabilities.isSystem && network === "tcp" ? MIB : 65_536;
}

/** Lets the peer end its own side, and read when the case resumes it. */
function endAndReadLate(peer: Probe): void {
  peer.pause();
  peer.start();
  peer.shutdown();
}

/** Writes in parts, and closes at once after the last was taken. */
async function sendAndClose(subject: Probe, bytes: number, shutdowns: number): Promise<void> {
  for (let position = 0; position < bytes; position += bytes / 4) await subject.send(patternBytes(bytes / 4, position));
  for (let count = 0; count < shutdowns; count++) subject.shutdown();
  subject.close();
  await subject.closed();
}

async function arrivedInOrder(peer: Probe, bytes: number): Promise<void> {
  await peer.received(bytes);
  await peer.ended();
  assertEquals(peer.end?.error, undefined);
}
