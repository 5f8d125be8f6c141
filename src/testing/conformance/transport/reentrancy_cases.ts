// Conformance: what a handler does to its own connection from inside a call. The probe and the bench check that nothing is
// called afterwards but onClose, once. Runtime neutral.

import { equals } from "../check.ts";
import { patternBytes, sharedPattern } from "./pattern.ts";
import { benchCase, endCase, type TransportSuite } from "./suite.ts";
import type { Probe } from "./probe.ts";

const MIB = 1_048_576;

/** The calls that end a connection. */
const ENDINGS = ["abort", "close"] as const;

/** Declares the cases. */
export function reentrancyCases(suite: TransportSuite): void {
  for (const ending of ENDINGS) {
    endCase(suite, `takes ${ending}() inside onData`, async ({ bench, subject, peer }) => {
      subject.hooks.onData = () => subject[ending]();
      subject.start();
      peer.start();
      peer.write(patternBytes(MIB));
      equals(await subject.closed(), {}, "what onClose brought");
      await bench.settle();
      equals(subject.ends, 0, "the ends that were handed over");
    });

    endCase(suite, `takes ${ending}() inside onEnd`, async ({ bench, subject, peer }) => {
      subject.hooks.onEnd = () => subject[ending]();
      subject.start();
      peer.start();
      peer.shutdown();
      equals(await subject.closed(), {}, "what onClose brought");
      await bench.settle();
    });

    endCase(suite, `takes ${ending}() inside onDrain`, async ({ bench, subject, peer }) => {
      subject.hooks.onDrain = () => subject[ending]();
      subject.start();
      peer.start();
      equals(subject.write(sharedPattern(16 * MIB)), false, "the answer of write()");
      equals(await subject.closed(), {}, "what onClose brought");
      await bench.settle();
      equals(subject.drains, 1, "the drains");
    });

    endCase(suite, `takes ${ending}() inside onClose`, async ({ bench, subject, peer }) => {
      subject.hooks.onClose = () => subject[ending]();
      subject.start();
      peer.start();
      subject.abort();
      await subject.closed();
      await bench.settle();
    });

    benchCase(suite, `takes ${ending}() inside onConnection`, async (bench) => {
      const listening = await bench.listen();
      listening.onConnection = (probe) => probe[ending]();
      const dialled = await dialOrReset(bench.dial(listening.listener.address));
      dialled?.start();
      await listening.accept();
      await dialled?.until("an outcome", () => dialled.ends > 0).catch(() => dialled.closed());
    });

    benchCase(suite, `takes start() and ${ending}() inside onConnection`, async (bench) => {
      const listening = await bench.listen();
      listening.onConnection = (probe) => probe.start()[ending]();
      const dialled = await dialOrReset(bench.dial(listening.listener.address));
      dialled?.start();
      const accepted = await listening.accept();
      equals(await accepted.closed(), {}, "what onClose brought");
    });
  }

  endCase(suite, "takes a write inside onDrain", async ({ subject, peer }) => {
    const part = MIB;
    let sent = 0;
    const sendOn = () => {
      while (sent < 32 * part) {
        const isTaken = subject.write(sharedPattern(part, sent));
        sent += part;
        if (!isTaken) return;
      }
    };
    subject.hooks.onDrain = sendOn;
    subject.start();
    peer.start();
    sendOn();
    await peer.received(32 * part);
  });

  endCase(suite, "takes write(), shutdown() and pause() inside onEnd and onData", async ({ subject, peer }) => {
    subject.hooks.onData = (chunk) => {
      subject.write(chunk.slice());
      subject.pause();
      queueMicrotask(() => subject.resume());
    };
    subject.hooks.onEnd = () => subject.shutdown();
    subject.start();
    peer.start();
    for (let count = 0; count < 20; count++) {
      await peer.send(patternBytes(10, 10 * count));
      await peer.received(10 * (count + 1));
    }
    peer.shutdown();
    await peer.ended();
  });
}

/** A listener that ends the connection at once may be quicker than the dial. */
async function dialOrReset(dialling: Promise<Probe>): Promise<Probe | undefined> {
  try {
    return await dialling;
  } catch (error) {
    equals((error as { code?: string }).code, "reset", "the error's code");
    return undefined;
  }
}
