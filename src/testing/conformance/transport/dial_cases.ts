// Conformance: dials that do not come about. Runtime neutral.

import { ConnectError } from "../../../errors.ts";
import { equals, rejects } from "../check.ts";
import { benchCase, type TransportSuite } from "./suite.ts";
import type { Address } from "../../../transport/address.ts";

/** Declares the cases. */
export function dialCases(suite: TransportSuite): void {
  for (const network of suite.settings.networks) {
    benchCase(suite, `refuses where nobody listens (${network})`, async (bench) => {
      const { listener } = await bench.listen(await bench.address(network));
      await listener.close();
      const error = await rejects(() => bench.dial(listener.address), ConnectError);
      equals(error.code, "refused", "the error's code");
    }, network);

    benchCase(suite, `aborts by a signal that was set before (${network})`, async (bench) => {
      const listening = await bench.listen(await bench.address(network));
      const dialling = () => bench.dial(listening.listener.address, { signal: AbortSignal.abort() });
      equals((await rejects(dialling, ConnectError)).code, "aborted", "the error's code");
      await bench.settle();
      equals(listening.accepted.length, 0, "the connections accepted");
    }, network);

    benchCase(suite, `is not hurt by a signal that is set after (${network})`, async (bench) => {
      const listening = await bench.listen(await bench.address(network));
      const controller = new AbortController();
      const dialled = await bench.dial(listening.listener.address, { signal: controller.signal });
      dialled.start();
      controller.abort();
      await bench.settle();
      equals(dialled.closes, 0, "the closes");
    }, network);
  }

  benchCase(suite, "names the address and the runtime's error", async (bench) => {
    const { listener } = await bench.listen();
    await listener.close();
    const { port } = listener.address as { port: number };
    const error = await rejects(() => bench.dial(listener.address), ConnectError);
    equals(error.address, `127.0.0.1:${port}`, "the error's address");
    equals(error.cause instanceof Error, bench.settings.isSystem, "whether the cause is the runtime's error");
  });

  if (!suite.settings.isSystem) return;

  benchCase(suite, "refuses a host name of several addresses where nobody listens", async (bench) => {
    const { listener } = await bench.listen();
    await listener.close();
    const address: Address = { kind: "tcp", hostname: "localhost", port: (listener.address as { port: number }).port };
    equals((await rejects(() => bench.dial(address), ConnectError)).code, "refused", "the error's code");
  });

  benchCase(suite, "fails for a host name that does not resolve", async (bench) => {
    const address: Address = { kind: "tcp", hostname: "no host has this name", port: 9 };
    equals((await rejects(() => bench.dial(address), ConnectError)).code, "host-not-found", "the error's code");
  });

  benchCase(suite, "dials a host name", async (bench) => {
    const listening = await bench.listen();
    const { port } = listening.listener.address as { port: number };
    const dialled = await bench.dial({ kind: "tcp", hostname: "localhost", port });
    await listening.accept();
    equals(dialled.connection.remoteAddress, listening.listener.address, "the remote address of the dialled end");
  });
}
