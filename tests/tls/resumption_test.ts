// TLS sessions that are resumed: a ticket lets nobody in who was refused, and keeps nobody out who has a certificate.

import { connect as connectTls, type TLSSocket } from "node:tls";
import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { serve, type Session, silentLogger } from "@laster/net";
import { findRefusal } from "../../src/transport/node_tls.ts";
import { Authority, skipWithoutOpenssl } from "./certificates.ts";
import { frameOf } from "../raw_peer.ts";
import { bytes, socketTransportsHere, until, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";

const skip = skipWithoutOpenssl;

/** What one connection of a client came to. */
interface Visit {
  /** A ticket to come again with, if the server gave one. */
  readonly ticket: Uint8Array | undefined;
  readonly isResumed: boolean;
  readonly wasAnswered: boolean;
}

/** Connects, sends `frame`, and waits for an answer, or for the end. */
async function visit(port: number, options: object, frame: Uint8Array): Promise<Visit> {
  const socket: TLSSocket = connectTls({ port, host: "127.0.0.1", minVersion: "TLSv1.3", ...options });
  let ticket: Uint8Array | undefined;
  let wasAnswered = false;
  let isOver = false;
  let isResumed = false;
  socket.on("session", (session: Uint8Array) => ticket = session);
  socket.on("secureConnect", () => isResumed = socket.isSessionReused());
  socket.on("data", () => wasAnswered = true);
  socket.on("error", () => {});
  socket.on("close", () => isOver = true);
  if (frame.length > 0) socket.write(frame);
  try {
    await until(() => wasAnswered || isOver, "an answer, or the end");
    return { ticket, isResumed, wasAnswered };
  } finally {
    socket.destroy();
  }
}

test("a client without a certificate is refused where one is required, though its session counts as authorized", () => {
  const client = (certificate: object, authorized: boolean) => (
    { authorized, getPeerCertificate: () => certificate } as unknown as TLSSocket
  );
  const shown = { subject: { CN: "ann" } };
  for (const authorized of [true, false]) {
    assertEquals(findRefusal(client({}, authorized), "required")?.code, "certificate-missing");
    assertEquals(findRefusal(client({}, authorized), "asked"), undefined);
    for (const mode of ["asked", "required"] as const) {
      assertEquals(findRefusal(client(shown, authorized), mode)?.code, authorized ? undefined : "certificate-refused");
    }
    assertEquals(findRefusal(client({}, authorized), "none"), undefined);
  }
});

for (const { name, make } of socketTransportsHere()) {
  const transport = make();

  test(`a resumed TLS session needs the client certificate as a new one does, on ${name}`, { skip }, async () => {
    using folder = new TemporaryFolder();
    const authority = new Authority(folder);
    const { cert: ca } = authority;
    const rogue = new Authority(folder, "Rogue").sign({ name: "eve", altNames: "DNS:eve" });
    const ann = authority.sign({ name: "ann", altNames: "DNS:ann.players" });
    const subjects: (string | undefined)[] = [];
    await using service = await serve({
      hostname: "127.0.0.1",
      port: 0,
      transport,
      logger: silentLogger(),
      tls: { ...authority.sign(), ca, clientCertificates: "required" },
      onOpen(session: Session) {
        subjects.push(session.tls?.peerCertificate?.subject);
        session.send(bytes("welcome"));
      },
    });
    const frame = frameOf(bytes("hello"));
    const twice = async (identity: object) => {
      const options = { ca, ...identity };
      // It sends nothing: what the server has not read makes a reset of its refusal, which the ticket would not outlive.
      const first = await within(visit(service.port ?? 0, options, new Uint8Array()), "the first visit");
      const session = first.ticket;
      const again = await within(visit(service.port ?? 0, { ...options, session }, frame), "the second visit");
      return { first, again };
    };
    for (const [identity, reason] of [[{}, "certificate-missing"], [rogue, "certificate-untrusted"]] as const) {
      const { first, again } = await twice(identity);
      assertEquals([first.wasAnswered, again.wasAnswered], [false, false], reason);
      assertEquals(service.stats().refusals[reason], 2);
    }
    assertEquals(service.stats().openedSessions, 0);
    const { first, again } = await twice(ann);
    assert(first.wasAnswered && again.wasAnswered);
    // Deno's client resumes nothing.
    assertEquals(again.isResumed, !("Deno" in globalThis));
    assertEquals(subjects, ["CN=ann", "CN=ann"]);
  });
}
