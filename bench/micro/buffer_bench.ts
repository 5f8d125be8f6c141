// BufferPool against reusify, allocUnsafe and plain arrays; RingBuffer against bl. Runs on Deno, Bun and Node.

import { Buffer } from "node:buffer";
import { BufferPool, type RentedBuffer, RingBuffer } from "../../src/buffer/mod.ts";
import { importPackage, type Subject } from "./subject.ts";

const BUFFERS = 64;
const BUFFER_BYTES = 4_000;
const PIECES = 40;
const PIECE_BYTES = 100;

interface Reusify {
  get(): { readonly bytes: Uint8Array; next: unknown };
  release(object: unknown): void;
}
interface BufferList {
  append(bytes: Uint8Array): void;
  copy(target: Uint8Array, targetStart: number, start: number, end: number): void;
  consume(bytes: number): void;
  readonly length: number;
}

/** Makes the subjects. */
export async function bufferSubjects(): Promise<Subject[]> {
  return [await poolSubject(), await ringSubject()];
}

async function poolSubject(): Promise<Subject> {
  const pool = new BufferPool({ recycleHandles: true });
  const rented: RentedBuffer[] = [];
  const { default: reusify } = await importPackage<{ default: (Constructor: unknown) => Reusify }>("reusify");
  class Holder {
    readonly bytes = new Uint8Array(4_096);
    next: unknown = null;
  }
  const reused = reusify(Holder);
  const held: ReturnType<Reusify["get"]>[] = [];
  const fill = (make: () => Uint8Array) => () => {
    let sum = 0;
    for (let count = 0; count < BUFFERS; count++) {
      const bytes = make();
      bytes[0] = count;
      sum += bytes[0];
    }
    return sum;
  };
  return {
    title: `take and give back ${BUFFERS} buffers of ${BUFFER_BYTES} B`,
    contenders: [
      {
        name: "ours",
        run() {
          let sum = 0;
          for (let count = 0; count < BUFFERS; count++) {
            const buffer = pool.rent(BUFFER_BYTES);
            buffer.bytes[0] = count;
            sum += buffer.bytes[0];
            rented.push(buffer);
          }
          for (const buffer of rented) buffer.release();
          rented.length = 0;
          return sum;
        },
      },
      {
        name: "reusify",
        run() {
          let sum = 0;
          for (let count = 0; count < BUFFERS; count++) {
            const holder = reused.get();
            holder.bytes[0] = count;
            sum += holder.bytes[0];
            held.push(holder);
          }
          for (const holder of held) reused.release(holder);
          held.length = 0;
          return sum;
        },
      },
      { name: "Buffer.allocUnsafe", run: fill(() => Buffer.allocUnsafe(BUFFER_BYTES)) },
      { name: "new Uint8Array", run: fill(() => new Uint8Array(BUFFER_BYTES)) },
    ],
  };
}

async function ringSubject(): Promise<Subject> {
  const { BufferList } = await importPackage<{ BufferList: new () => BufferList }>("bl");
  const piece = Buffer.alloc(PIECE_BYTES, 5);
  const output = Buffer.alloc(PIECES * PIECE_BYTES);
  const ring = new RingBuffer();
  const list = new BufferList();
  return {
    title: `put ${PIECES} pieces of ${PIECE_BYTES} B in, take ${PIECES * PIECE_BYTES} B out`,
    contenders: [
      {
        name: "ours",
        run() {
          for (let count = 0; count < PIECES; count++) ring.write(piece);
          const read = ring.read(output);
          return read + output[read - 1] + ring.count;
        },
      },
      {
        name: "bl",
        run() {
          for (let count = 0; count < PIECES; count++) list.append(piece);
          const { length } = list;
          list.copy(output, 0, 0, length);
          list.consume(length);
          return length + output[length - 1] + list.length;
        },
      },
    ],
  };
}
