// A chat client in a process of its own, typed to and read over pipes; and a raw peer of the server. Runtime neutral.

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { raw, type Session, silentLogger, TcpService } from "@laster/net";
import { Waiting } from "../../src/testing/conformance/waiting.ts";
import { assertNothingLeft, within } from "../support.ts";

const PATH = fileURLToPath(new URL("../../examples/chat_client.ts", import.meta.url));

/** The chat client as a process of this runtime; killed when it is disposed of, should it still be there. */
export class ChatProcess implements AsyncDisposable {
  /** What it has printed, and what it has complained about. */
  output = "";
  errors = "";
  readonly #child: ChildProcess;
  readonly #waiting = new Waiting();
  #code: number | null | undefined = undefined;

  constructor(options: readonly string[]) {
    const runtimeWords = "Deno" in globalThis ? ["run", "--allow-net", "--no-prompt", "--no-check"] : [];
    const env = { ...process.env, NO_COLOR: "1" };
    this.#child = spawn(process.execPath, [...runtimeWords, PATH, ...options], { env });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
      this.#waiting.look();
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => this.errors += text);
    this.#child.on("close", (code) => {
      this.#code = code;
      this.#waiting.look();
    });
  }

  /** Starts a client and waits until the server has let it in. */
  static async join(port: string, name: string): Promise<ChatProcess> {
    const client = new ChatProcess(["--port", port, "--name", name]);
    await client.heard(`you are ${name} on `);
    return client;
  }

  /** What it has printed, without the line about itself. */
  get lines(): readonly string[] {
    return this.output.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("you are "));
  }

  /** Types a line. */
  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Ends its input, as Ctrl-D does. */
  endInput(): void {
    this.#child.stdin?.end();
  }

  /** Asks it to stop, as Ctrl-C does. */
  interrupt(): void {
    // Not by `kill()` of the child: with that, Deno says that a signal ended it, whatever its exit code was.
    if (this.#child.pid !== undefined) process.kill(this.#child.pid, "SIGINT");
  }

  /** Waits for a text in its output. */
  async heard(text: string): Promise<void> {
    const isThere = () => this.output.includes(text);
    await this.#waiting.until(`"${text}"`, () => isThere() || this.#code !== undefined);
    if (!isThere()) throw new Error(`It ended with ${this.#code} before "${text}": ${this.output}${this.errors}`);
  }

  /** Waits for its end and gives the exit code; null if a signal ended it. */
  async exit(): Promise<number | null> {
    await this.#waiting.until("the chat client to end", () => this.#code !== undefined);
    return this.#code ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#code === undefined) this.#child.kill("SIGKILL");
    await this.exit();
  }
}

/** A peer that sends any bytes, and reads them as hexadecimal digits. */
export class RawPeer implements AsyncDisposable {
  readonly #service: TcpService;
  readonly #session: Session;
  #heard = "";
  readonly #waiting = new Waiting();

  private constructor(service: TcpService, session: Session) {
    this.#service = service;
    this.#session = session;
    this.#read();
  }

  /** Dials a server. */
  static async dial(port: string): Promise<RawPeer> {
    const service = new TcpService({ codec: raw(), logger: silentLogger() });
    await service.start();
    return new RawPeer(service, await service.connect({ hostname: "127.0.0.1", port: Number(port) }));
  }

  /** Sends bytes, and gives the first that come, as many as were asked for. */
  async ask(request: string, answerBytes: number): Promise<string> {
    this.#session.send(fromHex(request));
    const digits = answerBytes * 2;
    await this.#waiting.until(`${answerBytes} bytes: ${this.#heard}`, () => this.#heard.length >= digits);
    const answer = this.#heard.slice(0, digits);
    this.#heard = this.#heard.slice(digits);
    return answer;
  }

  /** Sends bytes that the server is to close for; gives what came before, and how it ended. */
  async provoke(request: string): Promise<readonly [heard: string, reason: string]> {
    this.#session.send(fromHex(request));
    const { reason } = await within(this.#session.closed, "the server to close");
    return [this.#heard, reason];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(this.#service.stop(), "a peer to stop");
    assertNothingLeft(this.#service);
  }

  async #read(): Promise<void> {
    for await (const chunk of this.#session) {
      this.#heard += toHex(chunk);
      this.#waiting.look();
    }
  }
}

/** Bytes of hexadecimal digits; spaces are for the eye. */
export function fromHex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/[0-9a-f]{2}/g) ?? [], (pair) => parseInt(pair, 16));
}

/** Hexadecimal digits of bytes. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
