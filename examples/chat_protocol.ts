// The chat protocol of laster40Net: which messages there are and how they become bytes. No sockets.

import protobuf from "protobufjs";
import { type Codec, simpleBinary } from "@laster/net";

/** The original refuses frames of 4,096 bytes, and the length and one byte less are left for the payload. */
const MAX_PAYLOAD_BYTES = 4_091;
/** The longest account, in bytes of UTF-8, inclusive: so that a name does not fill a terminal. */
export const MAX_ACCOUNT_BYTES = 64;
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

/** The number in front of each message, and its name in the schema. */
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
 *  0               4
 * +---------------+------------------+
 * | id, LE        | protobuf message |
 * +---------------+------------------+
 * ```
 */
export function encodeMessage(message: ChatMessage): Uint8Array {
  const { id, name } = MESSAGES[message.kind];
  const type = root.lookupType(name);
  const writer = protobuf.Writer.create().fixed32(id);
  return type.encode(type.fromObject(message), writer).finish();
}

/**
 * Reads the payload of a message.
 *
 * @throws {ChatProtocolError} if it is none.
 */
export function decodeMessage(payload: Uint8Array): ChatMessage {
  try {
    const reader = protobuf.Reader.create(payload);
    const id = reader.fixed32();
    const kind = KINDS.get(id);
    if (kind === undefined) {
      throw new ChatProtocolError(`Cannot decode chat message as its id must be 1 to 6: it is ${id}`);
    }
    const type = root.lookupType(MESSAGES[kind].name);
    const fields = type.toObject(type.decode(reader), { enums: String });
    return { ...fields, kind } as ChatMessage; // The schema says the same as the type.
  } catch (error) {
    if (error instanceof ChatProtocolError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ChatProtocolError(`Cannot decode chat message of ${payload.length} bytes: ${reason}`, { cause: error });
  }
}

/** The bytes of a text as UTF-8, which is what limits count. */
export function textBytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Control characters, line separators, and what turns the direction of writing. */
const HARMFUL = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Makes a text from outside harmless for a terminal: it stays on its line and moves no cursor. */
export function printable(text: string): string {
  return text.replace(HARMFUL, "\ufffd");
}
