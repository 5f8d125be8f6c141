// What the room, its bots and its console say to each other: one JSON object a message.

/** What a player says. */
export type FromPlayer =
  | { readonly type: "login"; readonly name: string }
  | { readonly type: "say"; readonly text: string }
  | { readonly type: "move"; readonly x: number; readonly y: number }
  | { readonly type: "top" };

/** What the room says. */
export type FromRoom =
  | { readonly type: "welcome"; readonly name: string; readonly score: number }
  | { readonly type: "said"; readonly name: string; readonly text: string }
  | { readonly type: "at"; readonly name: string; readonly x: number; readonly y: number }
  | { readonly type: "top"; readonly players: readonly (readonly [name: string, score: number])[] }
  | { readonly type: "kick"; readonly why: string };

/** Writes a message. */
export function write(message: FromPlayer | FromRoom): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(message));
}

/** Reads what a player says; undefined if it is something else. */
export function readFromPlayer(payload: Uint8Array): FromPlayer | undefined {
  const message = parse(payload) as Partial<Record<string, unknown>> | undefined;
  const { type, name, text, x, y } = message ?? {};
  if (type === "login" && typeof name === "string" && /^\w{1,16}$/.test(name)) return { type, name };
  if (type === "say" && typeof text === "string" && text.length <= 200) return { type, text };
  if (type === "move" && Number.isFinite(x) && Number.isFinite(y)) return { type, x: Number(x), y: Number(y) };
  return type === "top" ? { type } : undefined;
}

/** Reads what the room says. */
export function readFromRoom(payload: Uint8Array): FromRoom | undefined {
  return parse(payload) as FromRoom | undefined;
}

function parse(payload: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
