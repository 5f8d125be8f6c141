// Conformance: orderly ends, one direction of a connection at a time. Runtime neutral.

import { equals } from "../check.ts";
import { patternBytes, sharedPattern } from "./pattern.ts";
import { endCase, type TransportSuite } from "./suite.ts";
import type { Bench } from "./bench.ts";
import type { Probe } from "./probe.ts";
import type { Network } from "./settings.ts";

const MIB = 1_048_576;

/** Declares the cases. */
export function closeCases(suite: TransportSuite): void {
  endCase(suite, "sends 1 MiB after the peer's end", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    await peer.send(patternBytes(10));
    peer.shutdown();
    await subject.ended();
    equals(subject.receivedBytes, 10, "the bytes received");
    await bench.settle();
    await subject.send(patternBytes(MIB));
    await peer.received(MIB);
    equals(
      [subject.ends, subject.closes, peer.ends, peer.closes],
      [1, 0, 0, 0],
      "the ends and closes, and those of the peer",
    );
  });

  endCase(suite, "receives 1 MiB after shutdown()", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    await subject.send(patternBytes(10));
    subject.shutdown();
    await peer.ended();
    equals(peer.receivedBytes, 10, "the bytes that the peer received");
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
    equals([await subject.closed(), await peer.closed()], [{}, {}], "what onClose brought at both ends");
    equals([subject.ends, peer.ends], [1, 1], "the ends of both");
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
    equals(await subject.closed(), {}, "what onClose brought");
    await arrivedInOrder(peer, MIB);
    peer.close();
    equals(await peer.closed(), {}, "what the peer's onClose brought");
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
    equals([subject.receivedBytes, subject.ends, subject.closes], [0, 0, 0], "the bytes, ends and closes");
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
    equals(subject.write(patternBytes(10)), false, "the answer of write()");
    await peer.ended();
    await bench.settle();
    equals(
      [peer.receivedBytes, subject.closes, subject.drains],
      [0, 0, 0],
      "the bytes that the peer received, the closes and drains",
    );
  });

  endCase(suite, "drops what is written after close()", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    subject.close();
    equals(subject.write(patternBytes(10)), false, "the answer of write()");
    await subject.closed();
    equals(subject.write(patternBytes(10)), false, "the answer of write()");
    await bench.settle();
    equals([peer.receivedBytes, subject.drains], [0, 0], "the bytes that the peer received, and the drains");
  });

  endCase(suite, "says once and without error that it was closed before start()", async ({ bench, subject, peer }) => {
    peer.start();
    subject.close();
    subject.start();
    equals(await subject.closed(), {}, "what onClose brought");
    await bench.settle();
    equals(subject.closes, 1, "the closes");
  });

  endCase(suite, "closes though a write is under way", async ({ subject, peer }) => {
    subject.start();
    equals(subject.write(sharedPattern(16 * MIB)), false, "the answer of write()");
    subject.close();
    equals(await subject.closed(), {}, "what onClose brought");
    equals(subject.drains, 0, "the drains");
    peer.start();
  });
}

/** Bytes that are sent to a peer that does not read: the buffers of Unix sockets and of the in-memory transport are small. */
function unreadBytes(bench: Bench, network: Network): number {
  return bench.settings.isSystem && network === "tcp" ? MIB : 65_536;
}

/** Starts a peer that ends its own side, and reads only once the case resumes it. */
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
  equals(peer.end?.error, undefined, "the error of the peer's onClose");
}
