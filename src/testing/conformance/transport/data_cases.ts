// Conformance: bytes arrive whole, and arrays are lent as the contract says. Runtime neutral.

import { equals, holds } from "../check.ts";
import { fillPattern, findWrong, patternBytes, sharedPattern } from "./pattern.ts";
import { benchCase, endCase, type TransportSuite } from "./suite.ts";
import type { Probe } from "./probe.ts";

const KIB = 1_024;
const MIB = 1_048_576;

/** Past what the socket buffers of Linux grow to (4 MiB to send, 6 to 32 MiB to receive, of which loopback takes 4). */
const MORE_THAN_BUFFERS = 16 * MIB;

/** The connections of a game server of medium size. */
const MANY_CONNECTIONS = 500;

/** Declares the cases. */
export function dataCases(suite: TransportSuite): void {
  endCase(suite, "sends bytes both ways", async ({ subject, peer }) => {
    subject.start();
    peer.start();
    await subject.send(patternBytes(10));
    await peer.received(10);
    await peer.send(patternBytes(100));
    await subject.received(100);
    await subject.send(patternBytes(90, 10));
    await peer.received(100);
  });

  endCase(suite, "sends the part of the array that was named", async ({ subject, peer }) => {
    subject.start();
    peer.start();
    const array = new Uint8Array(100);
    array.set(patternBytes(10), 50);
    if (!subject.write(array, 50, 10)) await subject.until("drain", () => subject.drains === 1);
    array.set(patternBytes(20, 10), 0);
    if (!subject.write(array, 0, 20)) await subject.until("drain", () => subject.drains === 2);
    await peer.received(30);
  });

  endCase(suite, "takes a write of no bytes", async ({ subject, peer }) => {
    subject.start();
    peer.start();
    await subject.send(new Uint8Array(0));
    await subject.send(patternBytes(1));
    await peer.received(1);
  });

  endCase(suite, "sends 16 MiB whole to a peer that reads late, with one onDrain", async ({ bench, subject, peer }) => {
    subject.start();
    const bytes = sharedPattern(MORE_THAN_BUFFERS);
    equals(subject.write(bytes), false, "the answer of write()");
    await bench.settle();
    equals(subject.drains, 0, "drains before the peer reads");
    peer.start();
    await subject.until("drain", () => subject.drains === 1);
    await peer.received(MORE_THAN_BUFFERS);
    await bench.settle();
    equals(subject.drains, 1, "drains");
    equals(findWrong(bytes, 0), undefined, "the array on loan has changed");
  });

  endCase(suite, "lets an array be overwritten once it is taken", async ({ subject, peer }) => {
    subject.start();
    // The peer reads in bursts, so that some writes are taken at once and some wait.
    peer.hooks.onData = () => {
      peer.pause();
      setTimeout(() => peer.resume(), 0);
    };
    peer.start();
    const array = new Uint8Array(100 * KIB);
    for (let position = 0; position < 4 * MIB;) {
      const length = Math.min(array.length, 4 * MIB - position);
      fillPattern(array, position);
      if (!subject.write(array, 0, length)) await nextDrain(subject);
      position += length;
      array.fill(0);
    }
    await peer.received(4 * MIB);
  });

  endCase(suite, "keeps bytes and end for a handler that starts later", async ({ bench, subject, peer }) => {
    peer.start();
    await peer.send(patternBytes(10 * KIB));
    peer.shutdown();
    await bench.settle();
    subject.start();
    await subject.received(10 * KIB);
    await subject.ended();
  });

  endCase(suite, "keeps 16 MiB for a handler that starts later", async ({ bench, subject, peer }) => {
    peer.start();
    equals(peer.write(sharedPattern(MORE_THAN_BUFFERS)), false, "the answer of the peer's write()");
    await bench.settle();
    subject.start();
    await subject.received(MORE_THAN_BUFFERS);
  });

  endCase(suite, "sends before it is started", async ({ subject, peer }) => {
    peer.start();
    subject.write(patternBytes(10));
    await peer.received(10);
  });

  benchCase(suite, `echoes on ${MANY_CONNECTIONS} connections at once`, async (bench) => {
    const listening = await bench.listen();
    listening.onConnection = (probe) => {
      probe.hooks.onData = (chunk) => void probe.write(chunk.slice());
      probe.start();
    };
    const dialling = Array.from({ length: MANY_CONNECTIONS }, () => bench.dial(listening.listener.address));
    const dialled = await Promise.all(dialling);
    for (let round = 0; round < 4; round++) {
      for (const probe of dialled) {
        if (round === 0) probe.start();
        probe.write(patternBytes(50, 50 * round));
      }
      for (const probe of dialled) await probe.received(50 * (round + 1));
    }
    equals(listening.accepted.length, MANY_CONNECTIONS, "the connections accepted");
    holds(listening.accepted.every((probe) => probe.receivedBytes === 200), "not all bytes came on each connection");
  });
}

function nextDrain(probe: Probe): Promise<void> {
  const before = probe.drains;
  return probe.until("drain", () => probe.drains > before);
}
