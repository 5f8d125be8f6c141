// A payload is valid until the promise that its handler returned has settled, whatever the handler and other sessions do meanwhile.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { serve, type Session, silentLogger } from "@laster/net";
import { defaultTransport } from "@laster/net/transport";
import { fastClock } from "../fast_clock.ts";
import { frameOf, RawPeer } from "../raw_peer.ts";
import { socketTransportsHere, transportsHere, turn, until } from "../support.ts";

const hostname = "127.0.0.1";
const logger = silentLogger();

/** What a handler that has not ended does for other messages. */
const GOES_ON: Record<string, (session: Session) => Promise<unknown>> = {
  "receives": (session) => session.receive(),
  "begins a loop": async (session) => {
    for await (const _payload of session) break;
  },
  "begins a loop later": async (session) => {
    await turn();
    for await (const _payload of session) break;
  },
};

/** A frame of one letter, of which the payload has so many bytes. */
const letters = (letter: string, bytes: number) => frameOf(new Uint8Array(bytes).fill(letter.charCodeAt(0)));

for (const { name, make } of transportsHere()) {
  for (const [what, goOn] of Object.entries(GOES_ON)) {
    // Within what Bun shares between connections, within a small buffer of Deno and Node, and in a large one.
    for (const bytes of [10, 300, 5_000, 60_000]) {
      test(`a payload of ${bytes} bytes stays as it is though its handler ${what}, on ${name}`, async () => {
        const transport = make();
        const seen: string[] = [];
        let handled = 0;
        await using service = await serve({
          hostname,
          port: 0,
          transport,
          logger,
          async onMessage(session, payload) {
            handled++;
            const look = () => String.fromCharCode(...new Set(payload));
            if (look() !== "a") return;
            await goOn(session);
            for (let turns = 0; turns < 3; turns++) await turn();
            seen.push(look());
          },
        });
        const [peer, other] = [
          await RawPeer.dial(transport, service.port ?? 0),
          await RawPeer.dial(transport, service.port ?? 0),
        ];
        for (let round = 1; round <= 3; round++) {
          // In two pieces: then it lies in memory of the pool.
          const frame = letters("a", bytes);
          const cut = round === 2 ? 7 : frame.length;
          const before = handled;
          await peer.write(frame.subarray(0, cut));
          if (cut < frame.length) {
            await turn();
            await peer.write(frame.subarray(cut));
          }
          await until(() => handled > before, "the message");
          for (const letter of ["b", "c"]) {
            const beforeOther = handled;
            const frame = letters(letter, bytes);
            await other.write(frame.subarray(0, 6));
            await turn();
            await other.write(frame.subarray(6));
            await until(() => handled > beforeOther, "the other's");
          }
          await peer.write(letters("d", bytes));
          await until(() => seen.length === round, "the end of the handler");
        }
        assertEquals(seen, ["a", "a", "a"]);
        assertEquals([...service.sessions()].map(({ state }) => state), ["open", "open"]);
        for (const { connection } of [peer, other]) connection.abort();
        await until(() => service.sessionCount === 0, "their ends");
        assertEquals(service.stats().pool.outstandingBytes, 0, "all memory is given back");
      });
    }
  }
}

for (const { name, make } of socketTransportsHere()) {
  test(`a payload stays as it is though its session closes while the peer is looked for, on ${name}`, async () => {
    const transport = name === defaultTransport().name ? defaultTransport() : make();
    const gate = Promise.withResolvers<void>();
    const seen: number[][] = [];
    await using service = await serve({
      hostname,
      port: 0,
      transport,
      logger,
      clock: fastClock(20), // Looks for the peers of paused sessions come every tenth of a second.
      async onMessage(session, payload) {
        if (payload[0] !== 97) return;
        await new Promise((resolve) => setTimeout(resolve, 250));
        void session.close();
        await gate.promise;
        seen.push([...payload]);
      },
    });
    const peer = await RawPeer.dial(transport, service.port ?? 0);
    await peer.write(letters("a", 8));
    await until(() => peer.hasEnded, "the close");
    peer.connection.shutdown();
    for (let count = 0; count < 3; count++) {
      const other = await RawPeer.dial(transport, service.port ?? 0);
      const before = service.stats().receivedFrames;
      await other.write(letters("b", 8));
      await until(() => service.stats().receivedFrames > before, "the other's");
      other.connection.abort();
    }
    gate.resolve();
    await until(() => seen.length === 1, "the end of the handler");
    assertEquals(seen, [Array(8).fill(97)]);
    peer.connection.abort();
  });
}

for (const { name, make } of socketTransportsHere()) {
  for (const [what, bytes] of [["receives", 8], ["begins a loop", 8], ["receives", 5_000]] as const) {
    test(`a payload of ${bytes} bytes stays as it is though its handler ${what} while the peer is looked for, on ${name}`, async () => {
      const transport = name === defaultTransport().name ? defaultTransport() : make();
      const gate = Promise.withResolvers<void>();
      const seen: string[] = [];
      let handled = 0;
      let isGoingOn = false;
      let hasGoneOn = false;
      await using service = await serve({
        hostname,
        port: 0,
        transport,
        logger,
        clock: fastClock(20), // Looks for the peers of paused sessions come every tenth of a second.
        async onMessage(session, payload) {
          handled++;
          if (payload[0] !== 97) return;
          await new Promise((resolve) => setTimeout(resolve, 250));
          const goingOn = GOES_ON[what](session);
          isGoingOn = true;
          await goingOn;
          hasGoneOn = true;
          await gate.promise;
          seen.push(String.fromCharCode(...new Set(payload)));
        },
      });
      const peer = await RawPeer.dial(transport, service.port ?? 0);
      const other = await RawPeer.dial(transport, service.port ?? 0);
      // A large payload lies in a read buffer whole if it comes behind a read that filled the smallest one, of 256 bytes.
      const send = async (from: RawPeer, letter: string) => {
        for (const frame of bytes > 256 ? [letters("x", 252), letters(letter, bytes)] : [letters(letter, bytes)]) {
          const before = handled;
          await from.write(frame);
          await until(() => handled > before, "the message");
        }
      };
      await send(peer, "a");
      await until(() => isGoingOn, "the handler goes on");
      await peer.write(letters("b", 8));
      await until(() => hasGoneOn, "the handler has the second message");
      await send(other, "c");
      await peer.write(letters("d", 8));
      for (let turns = 0; turns < 20; turns++) await turn();
      gate.resolve();
      await until(() => seen.length === 1, "the end of the handler");
      assertEquals(seen, ["a"]);
      for (const { connection } of [peer, other]) connection.abort();
    });
  }
}
