// A service's outgoing side without sockets: sessions over connections that stall and drain as they are told, and for each the
// bytes that it must receive. Runtime neutral.

import { assert, assertEquals } from "@std/assert";
import { lengthPrefixed, simpleBinary, type TcpServiceOptions } from "@laster/net";
import type { Connection, ConnectionHandler, TransportTraits } from "@laster/net/transport";
import { FakeClock } from "@laster/net/testing";
import { Messaging } from "../../src/broadcast/messaging.ts";
import { makeSessionContext } from "../../src/service/make_context.ts";
import { resolveSessionLimits } from "../../src/session/limits.ts";
import type { Session } from "../../src/session/session.ts";
import { SessionCore } from "../../src/session/session_core.ts";
import { SessionRegistry } from "../../src/session/session_registry.ts";

const ADDRESS = { kind: "tcp", hostname: "127.0.0.1", port: 1 } as const;

/** Where the sessions of a model come from. */
export const ORIGIN = { kind: "accepted", listener: { name: undefined, address: ADDRESS } } as const;

/** The codec that all begin with, and the one that some switch to. */
const CODECS = [simpleBinary(), lengthPrefixed({ width: 2, byteOrder: "big" })] as const;
/** Has the same messages as the first, and pings. */
const ASKING = lengthPrefixed({ controlFrames: true });
const PING = new Uint8Array([255, 255, 255, 255, 1]);
const PONG = new Uint8Array([255, 255, 255, 255, 2]);

/** A connection that takes what it is given, or keeps it on loan; and the model of what it must be given. */
export class ModelConnection implements Connection {
  readonly localAddress = ADDRESS;
  readonly remoteAddress = ADDRESS;
  readonly heldBytes = 0;
  isTaking = true;
  isGone = false;
  codec = 0;
  receivedBytes = 0;
  writes = 0;
  /** Whether a ping has come that is not answered. */
  isPinged = false;
  /** What is known to the sender to have been read, and where the ping stands. */
  #readTo = 0;
  #pingedTo = 0;
  /** The first frame behind that. */
  #firstBytes = 0;
  /** The frames that must come, oldest first; what has come is gone. Of those with one key all but the last may be left out. */
  readonly #expected: { readonly frame: Uint8Array; readonly key: unknown; isSuperseded: boolean }[] = [];
  #expectedBytes = 0;
  #offset = 0;
  #handler: ConnectionHandler | undefined;
  #loan: { readonly view: Uint8Array; readonly lent: Uint8Array; taken: number } | undefined;

  /** The model: a message that was accepted comes behind those before it, in the frames of the codec at hand. */
  expect(payload: Uint8Array, key?: unknown): void {
    const { length } = payload;
    const header = this.codec === 0
      ? [length & 255, (length >> 8) & 255, (length >> 16) & 255, 0]
      : [(length >> 8) & 255, length & 255];
    if (key !== undefined) { for (const before of this.#expected) before.isSuperseded ||= before.key === key; }
    this.#expected.push({ frame: new Uint8Array([...header, ...payload]), key, isSuperseded: false });
    this.#expectedBytes += header.length + length;
  }

  /** Bytes that were sent and are not known to have been read, but for the first frame of them: it may be of any length. */
  get unreadBytes(): number {
    return this.receivedBytes - this.#readTo - this.#firstBytes;
  }

  /** The peer answers the ping. */
  answer(): void {
    if (!this.isPinged || this.isGone) return;
    this.isPinged = false;
    if (this.codec !== 0) return; // It would be no frame.
    this.#readTo = this.#pingedTo;
    this.#firstBytes = 0;
    this.#handler?.onData(PONG, PONG.length);
  }

  /** What the session must count as queued: what has not come, and of a write that is under way, all. */
  get owedBytes(): number {
    return this.#expectedBytes - this.receivedBytes + (this.#loan?.taken ?? 0);
  }

  /** The same in frames; undefined while a write is under way. */
  get owedFrames(): number | undefined {
    return this.#loan === undefined ? this.#expected.length : undefined;
  }

  get isAllReceived(): boolean {
    return this.#expected.every(({ isSuperseded }) => isSuperseded);
  }

  get pendingBytes(): number {
    return this.#loan === undefined ? 0 : this.#loan.view.length - this.#loan.taken;
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    assert(this.#loan === undefined && length > 0, "a write of nothing, or while another is under way");
    if (this.isGone) return false;
    this.writes++;
    const view = bytes.subarray(offset, offset + length);
    if (this.isTaking) this.#receive(view, view);
    else this.#loan = { view, lent: view.slice(), taken: 0 };
    return this.isTaking;
  }

  /** The peer reads some of what is on loan, or all. */
  drain(bytes: number): void {
    const loan = this.#loan;
    if (loan === undefined || this.isGone) return;
    const end = Math.min(loan.view.length, loan.taken + bytes);
    for (let index = loan.taken; index < end; index++) {
      assert(loan.view[index] === loan.lent[index], "the loan was changed");
    }
    this.#receive(loan.view.subarray(loan.taken, end), loan.view.subarray(loan.taken));
    loan.taken = end;
    if (end < loan.view.length) return;
    this.#loan = undefined;
    this.#handler?.onDrain();
  }

  /** A message from the peer, to be handled. */
  deliver(): void {
    const frame = this.codec === 0 ? new Uint8Array([1, 0, 0, 0, 7]) : new Uint8Array([0, 1, 7]);
    if (!this.isGone) this.#handler?.onData(frame, frame.length);
  }

  /** The connection is gone, as it was told, or as the peer has cut it. */
  die(): void {
    if (this.isGone) return;
    this.isGone = true;
    queueMicrotask(() => this.#handler?.onClose({}));
  }

  shutdown(): void {
    assert(this.isGone || this.isAllReceived, "a session ended its side before all was sent");
    queueMicrotask(() => !this.isGone && this.#handler?.onEnd());
  }
  close(): void {
    this.die();
  }
  abort(): void {
    this.die();
  }
  probe(): boolean {
    return false;
  }
  pause(): void {}
  resume(): void {}
  discardInput(): void {}

  /** A frame comes: a ping, or the next one that must. */
  #begin(view: Uint8Array): void {
    if (view.length >= PING.length && isBegun(view, PING)) {
      this.#expected.unshift({ frame: PING, key: undefined, isSuperseded: false });
      this.#expectedBytes += PING.length;
    } else this.#leaveOut(view);
  }

  /** Forgets what has made way for a newer one. */
  #leaveOut(view: Uint8Array): void {
    while (this.#expected.length > 0 && this.#expected[0].isSuperseded && !isBegun(view, this.#expected[0].frame)) {
      this.#expectedBytes -= this.#expected.shift()?.frame.length ?? 0;
    }
  }

  /** Takes what comes; `ahead` begins with it, and has whole frames. */
  #receive(view: Uint8Array, ahead: Uint8Array): void {
    this.receivedBytes += view.length;
    for (let index = 0; index < view.length;) {
      if (this.#offset === 0) this.#begin(ahead.subarray(index));
      assert(this.#expected.length > 0, "bytes that nobody sent");
      const { frame } = this.#expected[0];
      const count = Math.min(view.length - index, frame.length - this.#offset);
      for (let at = 0; at < count; at++) assertByte(view[index + at], frame[this.#offset + at]);
      index += count;
      this.#offset += count;
      if (this.#offset < frame.length) return;
      this.#expected.shift();
      const place = this.receivedBytes - view.length + index;
      if (frame === PING) [this.isPinged, this.#pingedTo] = [true, place];
      else if (this.#firstBytes === 0) this.#firstBytes = frame.length;
      this.#offset = 0;
    }
  }
}

/** Whether what comes may be the beginning of a frame. */
function isBegun(view: Uint8Array, frame: Uint8Array): boolean {
  const count = Math.min(view.length, frame.length);
  for (let index = 0; index < count; index++) if (view[index] !== frame[index]) return false;
  return true;
}

function assertByte(actual: number, expected: number): void {
  if (actual !== expected) assertEquals(actual, expected, "bytes that are not the session's, or not in order");
}

/** A session, and what stands behind it. */
export interface Life {
  readonly core: SessionCore<undefined>;
  readonly connection: ModelConnection;
}

/** What a service is made of, but for its sockets. */
export class OutgoingWorld {
  readonly clock = new FakeClock();
  readonly lives: Life[] = [];
  readonly messaging: Messaging<Session<undefined>, SessionCore<undefined>>;
  readonly context;
  readonly #most: number;
  readonly #registry = new SessionRegistry<undefined>();
  #nextId = 1;

  /** Makes a world whose connections are over transports with these traits. */
  constructor(options: TcpServiceOptions, traits: TransportTraits) {
    const codec = options.maxInFlightBytes === undefined ? CODECS[0] : ASKING;
    this.#most = options.maxInFlightBytes ?? Infinity;
    const encoder = codec.createEncoder();
    const whole = { ...options, codec, clock: this.clock };
    const never = () => Promise.reject(new Error("there are no sockets here"));
    this.context = makeSessionContext<undefined>(whole, {
      codec,
      pool: {},
      limits: resolveSessionLimits(whole, encoder),
      transport: { name: "model", listen: never, connect: never, traits },
      sessions: () => this.#registry.values(),
      leaveGroups: (core) => this.messaging.groups.leaveAll(core),
      handleSessionOver: (core, event) => this.#registry.remove(core, event),
    });
    this.messaging = new Messaging(this.#registry, this.context, encoder, { maxGroups: 100, onRefused: undefined });
  }

  open(): Life {
    const connection = new ModelConnection();
    const core = new SessionCore(this.context, connection, this.#nextId++, ORIGIN);
    this.#registry.add(core);
    const life = { core, connection };
    this.lives.push(life);
    core.open();
    return life;
  }

  /** Forgets those that are over. */
  sweep(): void {
    for (let index = this.lives.length - 1; index >= 0; index--) {
      if (this.lives[index].core.state === "closed") this.lives.splice(index, 1);
    }
  }

  switchCodec({ core, connection }: Life): void {
    const codec = 1 - connection.codec;
    core.session.switchCodec(codec === 0 && this.#most < Infinity ? ASKING : CODECS[codec]);
    connection.codec = codec;
  }

  /** Those who get the next broadcast: to all, or to a group. */
  audience(group: string | undefined, excepted: readonly Session<undefined>[]): Life[] {
    const members = group === undefined ? undefined : new Set(this.messaging.members(group));
    return this.lives.filter(({ core: { session, state } }) =>
      state === "open" && members?.has(session) !== false && !excepted.includes(session)
    );
  }

  /** Every invariant of the outgoing side. */
  check(): void {
    this.context.broadcasts.checkInvariants();
    for (const { core, connection } of this.lives) {
      if (core.state !== "closed") core.queue.checkInvariants();
      const { inFlight } = core.queue.holdback ?? {};
      if (inFlight?.isBounded) assert(connection.unreadBytes <= this.#most, `${connection.unreadBytes} are unread`);
    }
  }
}
