// The send queue of a session against denque and bl: 64 messages are queued with their header, then written at once.
// Runs on Deno, Bun and Node.

import { Buffer } from "node:buffer";
import { simpleBinary, TcpService } from "../../mod.ts";
import { SinkConnection, sinkTransport } from "../sink_transport.ts";
import { importPackage, type Subject } from "./subject.ts";

const MESSAGES = 64;
const PAYLOAD_BYTES = 64;

interface Denque {
  push(bytes: Uint8Array): void;
  toArray(): Uint8Array[];
  clear(): void;
}
interface BufferList {
  append(bytes: Uint8Array): void;
  slice(): Uint8Array;
  consume(bytes: number): void;
}

/** Makes the subjects. */
export async function sendQueueSubjects(): Promise<Subject[]> {
  const sink = new SinkConnection();
  const service = new TcpService({ codec: simpleBinary(), transport: sinkTransport(sink) });
  await service.start();
  const session = await service.connect({ port: 1 });
  const { default: Denque } = await importPackage<{ default: new () => Denque }>("denque");
  const { BufferList } = await importPackage<{ BufferList: new () => BufferList }>("bl");
  const payload = Buffer.alloc(PAYLOAD_BYTES, 3);
  const queue = new Denque();
  const list = new BufferList();
  const other = new SinkConnection();

  /** What came out since the last call: bytes, and the last of them. */
  const taken = (connection: SinkConnection) => {
    const bytes = connection.writtenBytes + 1_000 * connection.writes + connection.lastByte;
    connection.writtenBytes = connection.writes = 0;
    return bytes;
  };
  const header = () => {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeUInt32LE(PAYLOAD_BYTES);
    return bytes;
  };
  return [{
    title: `send ${MESSAGES} messages of ${PAYLOAD_BYTES} B in one write`,
    contenders: [
      {
        name: "ours",
        run() {
          for (let count = 0; count < MESSAGES; count++) session.send(payload);
          session.flush();
          return taken(sink);
        },
      },
      {
        name: "denque and Buffer.concat",
        run() {
          for (let count = 0; count < MESSAGES; count++) {
            queue.push(header());
            queue.push(payload);
          }
          const bytes = Buffer.concat(queue.toArray());
          queue.clear();
          other.write(bytes, 0, bytes.length);
          return taken(other);
        },
      },
      {
        name: "bl",
        run() {
          for (let count = 0; count < MESSAGES; count++) {
            list.append(header());
            list.append(payload);
          }
          const bytes = list.slice();
          list.consume(bytes.length);
          other.write(bytes, 0, bytes.length);
          return taken(other);
        },
      },
    ],
  }];
}
