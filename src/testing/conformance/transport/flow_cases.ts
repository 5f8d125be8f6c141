// Conformance: pause and resume. Runtime neutral.

import { equals, hasSameBytes, holds } from "../check.ts";
import { turn } from "../waiting.ts";
import { UNREAD_BYTES } from "./bench.ts";
import { patternBytes, sharedPattern } from "./pattern.ts";
import { endCase, type TransportSuite } from "./suite.ts";
import type { Probe } from "./probe.ts";

const MIB = 1_048_576;

/** Declares the cases. The probe itself blames an `onData` or `onEnd` that comes while paused. */
export function flowCases(suite: TransportSuite): void {
  endCase(suite, "holds bytes and end back while paused", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    await peer.send(patternBytes(1));
    await subject.received(1);
    subject.pause();
    await peer.send(patternBytes(99, 1));
    peer.shutdown();
    await bench.settle();
    equals([subject.receivedBytes, subject.ends], [1, 0], "the bytes and ends");
    subject.resume();
    await subject.received(100);
    await subject.ended();
  });

  endCase(suite, "holds an end back that comes alone while paused", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    subject.pause();
    peer.shutdown();
    await bench.settle();
    equals(subject.ends, 0, "the ends that were handed over");
    subject.resume();
    await subject.ended();
  });

  endCase(suite, "stays paused if pause() comes before start()", async ({ bench, subject, peer }) => {
    subject.pause();
    subject.start();
    peer.start();
    await peer.send(patternBytes(10));
    await bench.settle();
    equals(subject.receivedBytes, 0, "the bytes received");
    subject.resume();
    await subject.received(10);
  });

  endCase(suite, "stops in the middle of a burst, and keeps the chunk intact", async ({ bench, subject, peer }) => {
    const held: { chunk: Uint8Array; copy: Uint8Array }[] = [];
    subject.hooks.onData = (chunk) => {
      subject.pause();
      held.push({ chunk, copy: chunk.slice() });
    };
    subject.start();
    peer.start();
    const sending = peer.send(patternBytes(4 * MIB));
    await subject.until("a chunk", () => held.length === 1);
    await bench.settle();
    for (let resumes = 1; subject.receivedBytes < 4 * MIB; resumes++) {
      if (resumes % 16 === 1) await turn();
      const { chunk, copy } = held[held.length - 1];
      holds(hasSameBytes(chunk, copy), "the chunk has changed while paused");
      held.length = 0;
      subject.resume();
      await subject.until("another chunk", () => held.length > 0);
    }
    await sending;
    equals(subject.receivedBytes, 4 * MIB, "the bytes received");
  });

  endCase(suite, "stays paused if resume() and pause() come together", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    subject.pause();
    for (let part = 0; part < 4; part++) {
      await peer.send(patternBytes(100, 100 * part));
      await bench.settle();
      subject.resume();
      subject.pause();
      await bench.settle();
    }
    equals(subject.receivedBytes, 0, "the bytes received");
    subject.resume();
    subject.resume();
    await subject.received(400);
  });

  endCase(suite, "goes on if pause() and resume() come together in onData", async ({ subject, peer }) => {
    subject.hooks.onData = () => {
      subject.pause();
      subject.pause();
      subject.resume();
    };
    subject.start();
    peer.start();
    peer.write(patternBytes(MIB));
    await subject.received(MIB);
    peer.shutdown();
    await subject.ended();
  });

  endCase(suite, "holds the peer's write up while paused", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    subject.pause();
    equals(peer.write(sharedPattern(16 * MIB)), false, "the answer of the peer's write()");
    await bench.settle();
    equals(peer.drains, 0, "the peer's drains");
    subject.resume();
    await subject.received(16 * MIB);
    await peer.until("drain", () => peer.drains === 1);
  });

  endCase(suite, "sends while paused", async ({ subject, peer }) => {
    subject.start();
    peer.start();
    subject.pause();
    await subject.send(sharedPattern(16 * MIB));
    await peer.received(16 * MIB);
    equals(subject.closes, 0, "the closes");
  });

  endCase(suite, "drops 16 MiB and hands over the end after discardInput()", async ({ subject, peer }) => {
    subject.start();
    peer.start();
    await peer.send(patternBytes(10));
    await subject.received(10);
    subject.discardInput();
    await peer.send(sharedPattern(16 * MIB, 10));
    peer.shutdown();
    await subject.ended();
    await subject.send(patternBytes(10));
    await peer.received(10);
  });

  endCase(suite, "drops what it held back while paused at discardInput()", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    subject.pause();
    await peer.send(patternBytes(1_000));
    peer.shutdown();
    await bench.settle();
    subject.discardInput();
    await subject.ended();
    equals([subject.receivedBytes, subject.discardedBytes], [0, 1_000], "the bytes received and dropped");
  });

  endCase(suite, "tells of nothing that it drops while paused", async ({ bench, subject, peer }) => {
    subject.start();
    peer.start();
    subject.discardInput();
    await peer.send(patternBytes(1_000));
    await subject.until("1,000 bytes dropped", () => subject.discardedBytes === 1_000);
    subject.pause();
    peer.write(patternBytes(UNREAD_BYTES));
    await bench.settle();
    subject.resume();
    await subject.until("all dropped", () => subject.discardedBytes === 1_000 + UNREAD_BYTES);
    subject.pause();
    peer.shutdown();
    await bench.settle();
    equals(subject.ends, 0, "the ends that were handed over");
    subject.resume();
    await subject.ended();
  });

  endCase(
    suite,
    "holds the peer's write up if it pauses at each piece that it drops",
    async ({ bench, subject, peer }) => {
      subject.start();
      peer.start();
      let pieces = 0;
      subject.hooks.onDiscard = () => {
        pieces++;
        subject.pause();
      };
      subject.discardInput();
      equals(peer.write(sharedPattern(16 * MIB)), false, "the answer of the peer's write()");
      for (let pauses = 0; pauses < 4; pauses++) {
        await subject.until("a piece", () => pieces > pauses);
        await bench.settle();
        equals(peer.drains, 0, "the peer's drains");
        if (pauses < 3) subject.resume();
      }
      subject.hooks.onDiscard = undefined;
      subject.discardInput();
      await subject.until("all dropped", () => subject.discardedBytes === 16 * MIB);
      await peer.until("drain", () => peer.drains === 1);
    },
  );

  endCase(suite, "leaves a chunk on loan intact for good at discardInput()", async ({ bench, subject, peer }) => {
    const loans: { chunk: Uint8Array; copy: Uint8Array }[] = [];
    subject.hooks.onData = (chunk) => {
      if (subject.receivedBytes < MIB) return;
      subject.pause();
      loans.push({ chunk, copy: chunk.slice() });
    };
    subject.start();
    peer.start();
    const sending = peer.send(patternBytes(8 * MIB));
    await subject.until("a chunk", () => loans.length === 1);
    subject.discardInput();
    await sending;
    peer.shutdown();
    await subject.ended();
    // Another connection reads, and gets the transport's free buffers.
    const [accepted, dialled] = await bench.pair("tcp");
    accepted.start();
    dialled.start();
    const answering = accepted.send(patternBytes(4 * MIB));
    await dialled.send(patternBytes(4 * MIB));
    await accepted.received(4 * MIB);
    await answering;
    holds(hasSameBytes(loans[0].chunk, loans[0].copy), "the chunk on loan has changed");
  });

  endCase(suite, "keeps a small chunk intact while paused, whatever others send", async ({ bench, subject, peer }) => {
    const loans: { chunk: Uint8Array; copy: Uint8Array }[] = [];
    subject.hooks.onData = (chunk) => {
      subject.pause();
      loans.push({ chunk, copy: chunk.slice() });
    };
    subject.start();
    peer.start();
    peer.write(patternBytes(1_000, 0));
    await subject.until("a chunk", () => loans.length === 1);
    await exchangeSmall(await bench.pair("tcp"));
    holds(hasSameBytes(loans[0].chunk, loans[0].copy), "the chunk has changed");
    subject.hooks.onData = undefined;
    subject.resume();
    await peer.send(patternBytes(1_000, 1_000));
    await subject.received(2_000);
  });

  for (const bytes of [1_000, 60_000]) {
    endCase(
      suite,
      `leaves chunks of ${bytes} bytes intact for good at keepChunk()`,
      async ({ bench, subject, peer }) => {
        const kept: { chunk: Uint8Array; copy: Uint8Array }[] = [];
        subject.hooks.onData = (chunk) => {
          kept.push({ chunk, copy: chunk.slice() });
          subject.connection.keepChunk?.();
          if (kept.length % 2 === 0) subject.pause();
        };
        subject.start();
        peer.start();
        for (let count = 0; count < 6; count++) {
          const sending = peer.send(patternBytes(bytes, count * bytes));
          while (subject.receivedBytes < (count + 1) * bytes) {
            await subject.until(
              "a chunk",
              () => kept.length % 2 === 0 || subject.receivedBytes === (count + 1) * bytes,
            );
            if (kept.length % 2 === 0) subject.resume();
            await new Promise((resolve) => setTimeout(resolve));
          }
          await sending;
          await exchangeSmall(await bench.pair("tcp"));
        }
        holds(kept.every(({ chunk, copy }) => hasSameBytes(chunk, copy)), "a chunk that was kept has changed");
      },
    );
  }

  endCase(
    suite,
    "leaves a chunk intact for good at keepChunk() while a look reads",
    async ({ bench, subject, peer }) => {
      const kept: { chunk: Uint8Array; copy: Uint8Array }[] = [];
      subject.hooks.onData = (chunk) => {
        kept.push({ chunk, copy: chunk.slice() });
        if (kept.length === 1) subject.pause();
      };
      subject.start();
      peer.start();
      await peer.send(patternBytes(10));
      await subject.received(10);
      subject.probe(true);
      await bench.settle();
      subject.connection.keepChunk?.();
      subject.resume();
      for (const position of [10, 20]) {
        await peer.send(patternBytes(10, position));
        await subject.received(position + 10);
      }
      holds(hasSameBytes(kept[0].chunk, kept[0].copy), "the chunk that was kept has changed");
    },
  );

  for (const ending of ["discardInput", "close", "abort"] as const) {
    endCase(suite, `leaves a chunk intact for good at ${ending}() inside onData`, async ({ bench, subject, peer }) => {
      const loans: { chunk: Uint8Array; copy: Uint8Array }[] = [];
      subject.start();
      peer.start();
      await peer.send(patternBytes(50));
      await subject.received(50); // The new connection must not read into the buffer that is on loan.
      subject.hooks.onData = (chunk) => {
        loans.push({ chunk, copy: chunk.slice() });
        subject[ending]();
      };
      peer.write(patternBytes(1_000, 50));
      await subject.until("a chunk", () => loans.length === 1);
      if (ending === "discardInput") {
        await peer.send(patternBytes(MIB, 1_050));
        peer.shutdown();
        await subject.ended();
        subject.close();
      }
      await subject.closed();
      await exchangeSmall(await bench.pair("tcp"));
      const [accepted, dialled] = await bench.pair("tcp");
      accepted.start();
      dialled.start();
      const answering = accepted.send(patternBytes(MIB));
      await dialled.send(patternBytes(MIB));
      await accepted.received(MIB);
      await answering;
      holds(hasSameBytes(loans[0].chunk, loans[0].copy), "the chunk has changed");
    });
  }
}

/** Sends small chunks over another connection: a transport may hand them over in an array that its connections share. */
async function exchangeSmall([accepted, dialled]: readonly [Probe, Probe]): Promise<void> {
  accepted.start();
  dialled.start();
  for (let bytes = 0; bytes < 5_000; bytes += 1_000) {
    await dialled.send(patternBytes(1_000, bytes));
    await accepted.received(bytes + 1_000);
    await accepted.send(patternBytes(1_000, bytes));
    await dialled.received(bytes + 1_000);
  }
}
