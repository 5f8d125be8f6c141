// The chat protocol of laster40Net: which messages there are and how they become bytes. No sockets.

import protobuf from "protobufjs";
import { type Codec, simpleBinary } from "@laster/net";

/** The longest payload that the original takes: it refuses frames of 4,100 bytes, of which four are the length. */
export const MAX_PAYLOAD_BYTES = 4_095;
/** The longest chat text, in bytes of UTF-8, inclusive: with the longest sender it still fits in a frame. */
export const MAX_CHAT_BYTES = 3_000;

/** One message, either way: `client-…` goes to the server and `server-…` comes from it. */
export type ChatMessage =
  | { readonly kind: "client-hello"; readonly account: string; readonly passwd: string; readonly desc?: string }
  | { readonly kind: "server-hello"; readonly returnValue: "OK" | "FAILED" }
  | { readonly kind: "client-chat"; readonly chatMsg: string }
  | { readonly kind: "server-chat"; readonly sender: string; readonly chatMsg: string }
  | { readonly kind: "client-bye" }
  | { readonly kind: "server-bye" };

type ChatKind = ChatMessage["kind"];

/** The original's messages. A required field that is missing, or an enum value of no name, is an error. */
const SCHEMA = `
  syntax = "proto2";
  message CMsgHello { required string account = 1; required string passwd = 2; optional string desc = 3; }
  message SMsgHello {
    enum ReturnValue { OK = 1; FAILED = 2; }
    required ReturnValue returnValue = 1;
  }
  message CMsgChat { required string chatMsg = 1; }
  message SMsgChat { required string sender = 1; required string chatMsg = 2; }
  message CMsgBye {}
  message SMsgBye {}
`;

/**
 * What stands before the number of each message: the original writes the number as a protobuf message of its own, with
 * a length of four bytes (2, little-endian) before it and a tag in it (field 1, a varint).
 */
const ID_PREFIX = [2, 0, 0, 0, 8] as const;
const ID_BYTES = ID_PREFIX.length + 1;

/** The number of each message, and its name in the schema. */
const MESSAGES: Readonly<Record<ChatKind, { readonly id: number; readonly name: string }>> = {
  "client-hello": { id: 1, name: "CMsgHello" },
  "server-hello": { id: 2, name: "SMsgHello" },
  "client-chat": { id: 3, name: "CMsgChat" },
  "server-chat": { id: 4, name: "SMsgChat" },
  "client-bye": { id: 5, name: "CMsgBye" },
  "server-bye": { id: 6, name: "SMsgBye" },
};

const KINDS: ReadonlyMap<number, ChatKind> = new Map(
  Object.entries(MESSAGES).map(([kind, { id }]) => [id, kind as ChatKind]), // Its keys are all there are.
);

const { root } = protobuf.parse(SCHEMA, { keepCase: true });

/** Bytes that are no message of the protocol. */
export class ChatProtocolError extends Error {
  override readonly name = "ChatProtocolError";
}

/** The frames that messages travel in. */
export function chatCodec(): Codec {
  return simpleBinary({ maxPayloadBytes: MAX_PAYLOAD_BYTES });
}

/**
 * Makes the payload of a message.
 *
 * ```text
 *  0             4    5    6
 * +-------------+----+----+------------------+
 * | 02 00 00 00 | 08 | id | protobuf message |
 * +-------------+----+----+------------------+
 * ```
 */
export function encodeMessage(message: ChatMessage): Uint8Array {
  const { id, name } = MESSAGES[message.kind];
  const type = root.lookupType(name);
  const body = type.encode(type.fromObject(message)).finish();
  const payload = new Uint8Array(ID_BYTES + body.length);
  payload.set([...ID_PREFIX, id]);
  payload.set(body, ID_BYTES);
  return payload;
}

/**
 * Reads the payload of a message.
 *
 * @throws {ChatProtocolError} if it is none.
 */
export function decodeMessage(payload: Uint8Array): ChatMessage {
  try {
    const kind = readKind(payload);
    const type = root.lookupType(MESSAGES[kind].name);
    const fields = type.toObject(type.decode(payload.subarray(ID_BYTES)), { enums: String });
    return { ...fields, kind } as ChatMessage; // The schema says the same as the type.
  } catch (error) {
    if (error instanceof ChatProtocolError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ChatProtocolError(`Cannot decode chat message of ${payload.length} bytes: ${reason}`, { cause: error });
  }
}

/** Reads the number of a message; the original writes it in one way only, and every other is refused. */
function readKind(payload: Uint8Array): ChatKind {
  if (payload.length < ID_BYTES || ID_PREFIX.some((byte, index) => payload[index] !== byte)) {
    const found = Array.from(payload.subarray(0, ID_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    throw new ChatProtocolError(
      `Cannot decode chat message as it must begin with 02 00 00 00 08 and its id: it is "${found}"`,
    );
  }
  const id = payload[ID_PREFIX.length];
  const kind = KINDS.get(id);
  if (kind !== undefined) return kind;
  throw new ChatProtocolError(`Cannot decode chat message as its id must be 1 to 6: it is ${id}`);
}
