// What the original's chat client and server sent, frame by frame, as it was recorded. Runtime neutral.

import { readFileSync } from "node:fs";

/** One frame. */
export interface RecordedFrame {
  readonly by: "original client" | "original server";
  /** What it says, for people. */
  readonly is: string;
  readonly hex: string;
}

const FILE = new URL("../data/chat_transcripts.jsonl", import.meta.url);

/** All frames. */
export const RECORDED: readonly RecordedFrame[] = readFileSync(FILE, "utf8").trim().split("\n")
  .map((line) => JSON.parse(line) as RecordedFrame);

/** The frames of a chat of two, as hexadecimal digits. */
export const ORIGINAL = {
  helloOfAnn: recorded("original client", "hello, account ann"),
  helloOfMinsu: recorded("original client", "hello, account 민수"),
  welcome: recorded("original server", "hello answered: OK"),
  chatOfAnn: recorded("original client", "chat line: hello from ann"),
  chatOfMinsu: recorded("original client", "chat line: 안녕하세요"),
  lineOfAnn: recorded("original server", "chat line from ann"),
  lineOfMinsu: recorded("original server", "chat line from 민수"),
  byeAnswer: recorded("original server", "bye answered"),
  /** No client of the original sends it: the recording only says which bytes it would be. */
  bye: "06000000020000000805",
} as const;

/** The texts that were chatted. */
export const TEXT_OF_ANN = "hello from ann";
export const TEXT_OF_MINSU = "안녕하세요, 반갑습니다 🙂";

/** How many bytes hexadecimal digits are. */
export function countBytes(hex: string): number {
  return hex.length / 2;
}

function recorded(by: RecordedFrame["by"], beginning: string): string {
  const frames = RECORDED.filter((frame) => frame.by === by && frame.is.startsWith(beginning));
  if (frames.length !== 1) throw new Error(`There are ${frames.length} frames of the ${by} that say ${beginning}`);
  return frames[0].hex;
}
