// Errors of listening and dialling say where they were asked for: the caller's line is in their stack, on every runtime.

import test from "node:test";
import { assert } from "@std/assert";
import { connect, ConnectError, ListenError, serve, TcpService } from "@laster/net";

/** No machine has it: it is for documentation (RFC 5737). */
const NOWHERE = { hostname: "192.0.2.1", port: 1 };

const CALLS: Readonly<Record<string, () => Promise<unknown>>> = {
  async start() {
    await new TcpService({ listeners: [NOWHERE] }).start();
  },
  async listen() {
    await using service = new TcpService();
    await service.start();
    await service.listen(NOWHERE);
  },
  async serve() {
    await serve(NOWHERE);
  },
  async connect() {
    await connect({ port: 1 });
  },
  async serviceConnect() {
    await using service = new TcpService();
    await service.start();
    await service.connect({ port: 1 });
  },
};

for (const [name, call] of Object.entries(CALLS)) {
  test(`the stack of what ${name}() fails with has the caller's line`, async () => {
    let error: unknown;
    try {
      await call();
    } catch (fault) {
      error = fault;
    }
    assert(error instanceof ListenError || error instanceof ConnectError, `${error}`);
    assert(error.stack?.includes("caller_test.ts"), error.stack);
    assert(error.cause instanceof Error, "what the runtime said is its cause");
  });
}
