// What the secure echo server and client share: a handshake in plain frames, after which all frames are encrypted.
//
// Each side sends a fresh X25519 public key, mixes the Diffie-Hellman result with the secret that both know, derives keys for
// this session alone, switches the codec, and says "ready" in the first encrypted frame. A side with another secret cannot
// read it: its session ends by "decode-error", with the detail "tampered".
//
// What this protects against: eavesdropping, and changing, replaying, reordering or cutting out frames. The secret says who
// the peer is; without it, anybody in the middle could shake hands with both sides. As the X25519 keys are thrown away, what
// was recorded stays secret even if the secret gets out later.
//
// What it does not protect against:
// - A secret that can be guessed: an attacker who has had one handshake can try guesses offline. Take 128 random bits, not a word.
// - Peers that know the secret and pretend to be another.
// - Reading the number, the times and the sizes of frames; with compression the sizes tell more.
// - Cutting the connection, at the end of a frame too: say "that was all" in a message of your own.

import { Buffer } from "node:buffer";
import { createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, type KeyObject } from "node:crypto";
import { type Codec, formatAddress, type Session, simpleBinary } from "@laster/net";
import { checksum, compression, deriveSessionKeys, encryption, staged } from "@laster/net/stages";
import { ErrorLines } from "./error_lines.ts";

/** The longest message, before compression and encryption. */
export const MAX_MESSAGE_BYTES = 65_536;

/** The least length of a secret, in characters: shorter ones can be guessed. */
export const LEAST_SECRET_LENGTH = 16;

/** How long a peer may take to say hello: two round trips to the other side of the world, and a slow start. */
export const HELLO_DEADLINE_MS = 5_000;

const HELLO_BYTES = 32;
/** What the three stages add, as the codec's limit counts it too. */
const STAGE_BYTES = 29;
const READY = new TextEncoder().encode("ready");

/** The codec of the handshake. Its limit keeps a peer from having more than a hello buffered before the handshake is done. */
export const HANDSHAKE_CODEC: Codec = simpleBinary({ maxPayloadBytes: HELLO_BYTES });

/** What peers do wrong. */
const errors = new ErrorLines();

/** Where a session is: its hello is on its way, its peer's "ready" is, or all is done. */
type HandshakeState = "hello" | "ready" | "done";

/** The handshake of one session; keep it in the session's `data`. */
export class Handshake {
  readonly #secret: Uint8Array;
  readonly #deadlineMs: number;
  #state: HandshakeState = "hello";
  #privateKey: KeyObject | undefined = undefined;
  #ownHello: Uint8Array = new Uint8Array(0);
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(secret: string, deadlineMs: number = HELLO_DEADLINE_MS) {
    this.#secret = new TextEncoder().encode(secret);
    this.#deadlineMs = deadlineMs;
  }

  /** Whether messages may be sent, and are the peer's. */
  get isDone(): boolean {
    return this.#state === "done";
  }

  /** Says hello; to be called in `onOpen`. */
  begin(session: Session<Handshake>): void {
    const { privateKey, publicKey } = generateKeyPairSync("x25519");
    this.#privateKey = privateKey;
    this.#ownHello = encodePublicKey(publicKey);
    session.send(this.#ownHello);
    this.#timer = setTimeout(() => session.abort(), this.#deadlineMs);
  }

  /**
   * Takes a message for as long as `isDone` is false; to be called in the message handler. A wrong hello or
   * "ready" is the peer's fault: the session ends, with a line that says so and no stack.
   */
  advance(session: Session<Handshake>, payload: Uint8Array): void {
    if (this.#state === "hello") this.#takeHello(session, payload);
    else this.#takeReady(session, payload);
  }

  /** Stops the clock; to be called in `onClose`. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #takeHello(session: Session<Handshake>, peerHello: Uint8Array): void {
    const shared = this.#exchange(peerHello);
    if (shared === undefined) return refuse(session, "its hello is no public key");
    const secret = new Uint8Array(hkdfSync("sha256", shared, this.#secret, "laster-net secure echo", 32));
    const keys = deriveSessionKeys({ secret, ownHello: this.#ownHello, peerHello });
    session.switchCodec(makeCodec(keys));
    session.send(READY);
    this.#state = "ready";
  }

  #takeReady(session: Session<Handshake>, payload: Uint8Array): void {
    if (new TextDecoder().decode(payload) !== "ready") return refuse(session, 'it does not say "ready"');
    this.#state = "done";
    this.end();
  }

  /** The Diffie-Hellman result; undefined if the peer's hello is no key, or a weak one with a known result. */
  #exchange(peerHello: Uint8Array): Uint8Array | undefined {
    if (this.#privateKey === undefined || peerHello.length !== HELLO_BYTES) return undefined;
    try {
      return diffieHellman({ privateKey: this.#privateKey, publicKey: decodePublicKey(peerHello) });
    } catch {
      // The error of `node:crypto` is dropped: it says no more, and differs from runtime to runtime.
      return undefined;
    } finally {
      this.#privateKey = undefined;
    }
  }
}

/** Ends a session whose peer does not shake hands. */
function refuse(session: Session<Handshake>, reason: string): void {
  errors.add(`${formatAddress(session.remoteAddress)} is closed: ${reason}`);
  session.abort();
}

function makeCodec(keys: ReturnType<typeof deriveSessionKeys>): Codec {
  const framing = simpleBinary({ maxPayloadBytes: MAX_MESSAGE_BYTES + STAGE_BYTES });
  // The checksum is here as an example: the tag of the encryption finds all that it finds.
  const stages = [checksum(), compression({ maxInflatedBytes: MAX_MESSAGE_BYTES + 4 }), encryption(keys)];
  return staged(framing, stages);
}

function encodePublicKey(publicKey: KeyObject): Uint8Array {
  const { x = "" } = publicKey.export({ format: "jwk" });
  return new Uint8Array(Buffer.from(x, "base64url"));
}

function decodePublicKey(hello: Uint8Array): KeyObject {
  const x = Buffer.from(hello).toString("base64url");
  return createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "X25519", x } });
}
