// Same answers everywhere: what send() says to messages of any size does not depend on the runtime.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { lengthPrefixed, type SendResult } from "@laster/net";
import { socketTransportsHere, startPair, until } from "../support.ts";

const MIB = 1_048_576;
const SIZES = [0, 1, 100, 4_096, 65_536, 65_537, 262_144, MIB, 4 * MIB];
const COUNT = 8;

for (const { name, make } of socketTransportsHere()) {
  test(`send() takes eight messages of each size up to the codec's longest without a word of congestion, on ${name}`, async () => {
    const codec = lengthPrefixed({ maxPayloadBytes: 4 * MIB });
    let received = 0;
    await using pair = await startPair(make(), { codec }, { codec, onMessage: () => received++ });
    const { far } = await pair.connect();
    for (const size of SIZES) {
      received = 0;
      const payload = new Uint8Array(size);
      const answers: SendResult[] = Array.from({ length: COUNT }, () => far.send(payload));
      assertEquals(answers, Array.from({ length: COUNT }, () => "queued"), `${size} bytes`);
      await until(() => received === COUNT, `${COUNT} messages of ${size} bytes`);
    }
    const results = Array.from({ length: 16 }, () => far.send(new Uint8Array(4 * MIB)));
    assertEquals(results.slice(0, COUNT), Array.from({ length: COUNT }, () => "queued"));
    assertEquals(results.includes("full"), false, "those above the mark are congested before they are refused");
    assertEquals([far.send(new Uint8Array(4 * MIB + 1))], ["too-large"]);
  });
}
