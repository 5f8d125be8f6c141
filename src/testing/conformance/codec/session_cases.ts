// Codec conformance: messages between two services over the in-memory transport, which cuts them at random. Runtime neutral.

import type { Session } from "../../../session/session.ts";
import { TcpService } from "../../../service/tcp_service.ts";
import { memoryTransport } from "../../../transport/memory.ts";
import { equals, holds } from "../check.ts";
import { CodecLink, joinBytes } from "./codec_link.ts";
import type { CodecSuite } from "./settings.ts";

/** The longest chunk that an end of the session receives. */
const LONGEST_CHUNK_BYTES = 4_096;

/** Declares the cases. */
export function sessionCases(suite: CodecSuite): void {
  const { settings } = suite;
  suite.add("brings messages to a server and back", async () => {
    const link = new CodecLink(settings);
    await withEchoServer(link, async (session) => {
      for (const payload of link.payloads()) await exchange(link, session, payload);
    });
  });

  suite.add("has send() answer too-large one byte past the limit, and goes on", async () => {
    const link = new CodecLink(settings);
    await withEchoServer(link, async (session) => {
      equals(
        session.send(new Uint8Array(link.limit + 1)),
        "too-large",
        `the answer of send() past ${link.limit} bytes`,
      );
      await exchange(link, session, link.shortPayload());
    });
  });
}

/** Opens a session with a server that sends back what comes. */
async function withEchoServer(link: CodecLink, body: (session: Session) => Promise<void>): Promise<void> {
  const { random, settings } = link;
  const near = settings.makeCodec(settings.maxPayloadBytes);
  const far = settings.makePeerCodec(settings.maxPayloadBytes);
  const script = { chunkBytes: () => Math.floor(random.spread(1, LONGEST_CHUNK_BYTES)) };
  const transport = memoryTransport({ acceptScript: script, dialScript: script });
  const { isPerSession } = settings;
  const server = new TcpService({
    transport,
    ...(isPerSession ? {} : { codec: far }),
    listeners: [{ port: 1 }],
    onOpen: (session) => isPerSession && session.switchCodec(far),
    onMessage: (session, payload) => session.send(payload),
  });
  const client = new TcpService({ transport, ...(isPerSession ? {} : { codec: near }) });
  try {
    await server.start();
    await client.start();
    const session = await client.connect({ port: 1 });
    if (isPerSession) session.switchCodec(near);
    await body(session);
  } finally {
    await client.stop();
    await server.stop();
  }
}

async function exchange({ settings }: CodecLink, session: Session, payload: Uint8Array): Promise<void> {
  const { arrives, hasFrames, timeoutMs } = settings;
  const what = `of a payload of ${payload.length} bytes`;
  const answer = session.send(payload);
  holds(answer === "sent" || answer === "queued" || answer === "congested", `send() ${what} answers ${answer}`);
  const expected = arrives(arrives(payload));
  const parts: Uint8Array[] = [];
  let bytes = 0;
  do {
    if (!hasFrames && expected.length === 0) break;
    const part = await session.receive({ timeoutMs });
    holds(part !== undefined, `the session ended before the answer ${what} came`);
    parts.push(part);
    bytes += part.length;
  } while (!hasFrames && bytes < expected.length);
  equals(joinBytes(parts), expected, `what comes back ${what}`);
}
