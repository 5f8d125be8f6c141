// Conformance: resets and aborts, told apart from an end in order. Runtime neutral.

import { equals } from "../check.ts";
import { UNREAD_BYTES } from "./bench.ts";
import { patternBytes, sharedPattern } from "./pattern.ts";
import { breakCase, type TransportSuite } from "./suite.ts";

const MIB = 1_048_576;

/** Declares the cases. */
export function breakCases(suite: TransportSuite): void {
  breakCase(suite, "reports a reset while idle", async ({ bench, subject, peer }) => {
    subject.start();
    await bench.reset(peer, subject);
    equals((await subject.closed()).error?.code, "reset", "the code of the error in onClose");
    if (!suite.settings.mayEndFirst) equals(subject.ends, 0, "the ends that were handed over");
  });

  breakCase(suite, "reports a reset that comes before start()", async ({ bench, subject, peer }) => {
    await bench.reset(peer, subject);
    await bench.settle();
    subject.start();
    equals((await subject.closed()).error?.code, "reset", "the code of the error in onClose");
  });

  breakCase(suite, "reports a reset in the middle of reading", async ({ bench, subject, peer }) => {
    subject.hooks.onData = () => subject.pause();
    subject.start();
    peer.write(sharedPattern(16 * MIB));
    await subject.until("a chunk", () => subject.receivedBytes > 0);
    await bench.reset(peer, subject);
    await bench.settle();
    subject.hooks.onData = undefined;
    subject.resume();
    equals((await subject.closed()).error?.code, "reset", "the code of the error in onClose");
    equals(subject.ends, 0, "the ends that were handed over");
  });

  breakCase(suite, "reports a reset in the middle of writing", async ({ bench, subject, peer }) => {
    subject.start();
    equals(subject.write(sharedPattern(16 * MIB)), false, "the answer of write()");
    await bench.settle();
    peer.abort();
    equals((await subject.closed()).error?.code, "reset", "the code of the error in onClose");
    equals([subject.drains, subject.ends], [0, 0], "the drains and ends");
    equals(subject.write(patternBytes(10)), false, "the answer of write()");
  });

  breakCase(suite, "reports a reset after the peer's end", async ({ bench, subject, peer }) => {
    subject.start();
    peer.shutdown();
    await subject.ended();
    equals(subject.write(sharedPattern(16 * MIB)), false, "the answer of write()");
    await bench.settle();
    peer.abort();
    equals((await subject.closed()).error?.code, "reset", "the code of the error in onClose");
    equals(subject.drains, 0, "the drains");
  });

  breakCase(suite, "reports a reset after shutdown()", async ({ bench, network, subject, peer }) => {
    subject.start();
    if (network === "unix") {
      subject.write(patternBytes(UNREAD_BYTES));
      await bench.settle();
    }
    subject.shutdown();
    await bench.settle();
    peer.abort();
    equals((await subject.closed()).error?.code, "reset", "the code of the error in onClose");
    equals(subject.ends, 0, "the ends that were handed over");
  });

  breakCase(suite, "finds out by writing that the peer closed both ways", async ({ bench, subject, peer }) => {
    subject.start();
    peer.close();
    await subject.ended();
    // The first write may reach a peer that answers with a reset; one of the next ones fails.
    for (let writes = 0; writes < 100 && subject.closes === 0; writes++) {
      subject.write(patternBytes(10));
      await bench.settle();
    }
    equals((await subject.closed()).error?.code, "reset", "the code of the error in onClose");
  });

  breakCase(suite, "aborts without an error at this end", async ({ subject, peer }) => {
    subject.start();
    peer.start();
    await peer.send(patternBytes(10));
    await subject.received(10);
    subject.abort();
    equals(await subject.closed(), {}, "what onClose brought");
    await peer.until("an end or a close", () => peer.ends > 0 || peer.closes > 0).catch(() => {});
  });

  breakCase(suite, "aborts right after shutdown()", async ({ subject, peer }) => {
    subject.start();
    peer.start();
    subject.write(patternBytes(10));
    subject.shutdown();
    subject.abort();
    equals(await subject.closed(), {}, "what onClose brought");
  });

  breakCase(suite, "aborts though a write is under way", async ({ bench, subject, peer }) => {
    subject.start();
    equals(subject.write(sharedPattern(16 * MIB)), false, "the answer of write()");
    subject.abort();
    equals(await subject.closed(), {}, "what onClose brought");
    await bench.settle();
    equals(subject.drains, 0, "the drains");
    peer.start();
  });

  breakCase(suite, "resets the peer by abort() if the adapter can", async ({ bench, network, subject, peer }) => {
    subject.start();
    peer.start();
    await subject.send(patternBytes(10));
    await peer.received(10);
    subject.abort();
    await peer.until("the outcome", () => peer.ends > 0 || peer.closes > 0);
    const isReset = peer.end?.error?.code === "reset";
    equals(isReset, bench.settings.abortResets.includes(network), "whether the peer sees a reset");
  });
}
