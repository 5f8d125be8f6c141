// Conformance: dials that do not come about. Runtime neutral.

import { assertEquals, assertRejects } from "@std/assert";
import { ConnectError } from "../../../src/errors.ts";
import type { Address } from "../../../src/transport/address.ts";
import { benchCase, type Suite } from "./suite.ts";

/** Declares the cases. A dial that never answers is in system_cases.ts. */
export function dialCases(suite: Suite): void {
  for (const network of ["tcp", "unix"] as const) {
    benchCase(suite, `refuses where nobody listens (${network})`, async (bench) => {
      const { listener } = await bench.listen(await bench.address(network));
      await listener.close();
      const error = await assertRejects(() => bench.dial(listener.address), ConnectError);
      assertEquals(error.code, "refused");
    });

    benchCase(suite, `aborts by a signal that was set before (${network})`, async (bench) => {
      const listening = await bench.listen(await bench.address(network));
      const dialling = () => bench.dial(listening.listener.address, { signal: AbortSignal.abort() });
      assertEquals((await assertRejects(dialling, ConnectError)).code, "aborted");
      await bench.settle();
      assertEquals(listening.accepted.length, 0);
    });

    benchCase(suite, `is not hurt by a signal that is set after (${network})`, async (bench) => {
      const listening = await bench.listen(await bench.address(network));
      const controller = new AbortController();
      const dialled = await bench.dial(listening.listener.address, { signal: controller.signal });
      dialled.start();
      controller.abort();
      await bench.settle();
      assertEquals(dialled.closes, 0);
    });
  }

  benchCase(suite, "names the address and the runtime's error", async (bench) => {
    const { listener } = await bench.listen();
    await listener.close();
    const { port } = listener.address as { port: number };
    const error = await assertRejects(() => bench.dial(listener.address), ConnectError);
    assertEquals(error.address, `127.0.0.1:${port}`);
    assertEquals(error.cause instanceof Error, bench.capabilities.isSystem);
  });

  if (!suite.capabilities.isSystem) return;

  benchCase(suite, "refuses a host name of several addresses where nobody listens", async (bench) => {
    const { listener } = await bench.listen();
    await listener.close();
    const address: Address = { kind: "tcp", hostname: "localhost", port: (listener.address as { port: number }).port };
    assertEquals((await assertRejects(() => bench.dial(address), ConnectError)).code, "refused");
  });

  benchCase(suite, "fails for a host name that does not resolve", async (bench) => {
    const address: Address = { kind: "tcp", hostname: "no host has this name", port: 9 };
    assertEquals((await assertRejects(() => bench.dial(address), ConnectError)).code, "host-not-found");
  });

  benchCase(suite, "dials a host name", async (bench) => {
    const listening = await bench.listen();
    const { port } = listening.listener.address as { port: number };
    const dialled = await bench.dial({ kind: "tcp", hostname: "localhost", port });
    await listening.accept();
    assertEquals(dialled.connection.remoteAddress, listening.listener.address);
  });
}
