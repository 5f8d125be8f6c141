// Conformance: listeners and addresses. Runtime neutral.

import { existsSync } from "node:fs";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectError, ListenError } from "../../../src/errors.ts";
import type { Address, TcpAddress } from "../../../src/transport/address.ts";
import { ANY_PORT, type Bench, type Network } from "./bench.ts";
import { patternBytes } from "./probe.ts";
import { benchCase, type Suite } from "./suite.ts";

/** Declares the cases. */
export function listenCases(suite: Suite): void {
  for (const network of ["tcp", "unix"] as const) listenCasesOf(suite, network);

  benchCase(suite, "knows the addresses of both ends", async (bench) => {
    const listening = await bench.listen();
    const { address } = listening.listener;
    assert(address.kind === "tcp" && address.hostname === "127.0.0.1" && address.port > 0);
    const { connection: dialled } = await bench.dial(address);
    const { connection: accepted } = await listening.accept();
    assertEquals([dialled.remoteAddress, accepted.localAddress], [address, address]);
    assertEquals(accepted.remoteAddress, dialled.localAddress);
    const { hostname, port } = dialled.localAddress as TcpAddress;
    assertEquals(hostname, "127.0.0.1");
    assert(port > 0 && port !== address.port);
  });

  benchCase(suite, "knows the addresses after the connection is gone", async (bench) => {
    const listening = await bench.listen();
    const dialled = (await bench.dial(listening.listener.address)).start();
    const accepted = (await listening.accept()).start();
    const before = [dialled.connection, accepted.connection].map(({ localAddress, remoteAddress }) => [
      localAddress,
      remoteAddress,
    ]);
    dialled.abort();
    accepted.abort();
    await Promise.all([dialled.closed(), accepted.closed()]);
    const after = [dialled.connection, accepted.connection].map(({ localAddress, remoteAddress }) => [
      localAddress,
      remoteAddress,
    ]);
    assertEquals(after, before);
  });

  benchCase(suite, "has a path at the listening end of a Unix socket only", async (bench) => {
    const listening = await bench.listen(await bench.address("unix"));
    const { address } = listening.listener;
    const { connection: dialled } = await bench.dial(address);
    const { connection: accepted } = await listening.accept();
    assertEquals([accepted.localAddress, dialled.remoteAddress], [address, address]);
    const nowhere: Address = { kind: "unix", path: "" };
    assertEquals([accepted.remoteAddress, dialled.localAddress], [nowhere, nowhere]);
  });

  benchCase(suite, "listens on IPv6", async (bench) => {
    const listening = await bench.listen({ kind: "tcp", hostname: "::1", port: 0 });
    const dialled = (await bench.dial(listening.listener.address)).start();
    const accepted = (await listening.accept()).start();
    assertEquals((accepted.connection.remoteAddress as TcpAddress).hostname, "::1");
    assertEquals(accepted.connection.remoteAddress, dialled.connection.localAddress);
    await dialled.send(patternBytes(10));
    await accepted.received(10);
  });

  benchCase(suite, "listens on :: for IPv6 and IPv4, and names IPv4 addresses in their own form", async (bench) => {
    const listening = await bench.listen({ kind: "tcp", hostname: "::", port: 0 });
    const { hostname, port } = listening.listener.address as TcpAddress;
    assertEquals(hostname, "::");
    for (const [index, host] of ["127.0.0.1", "::1"].entries()) {
      const { connection: dialled } = await bench.dial({ kind: "tcp", hostname: host, port });
      const { connection: accepted } = await listening.accept(index + 1);
      assertEquals(accepted.remoteAddress, dialled.localAddress);
      assertEquals([accepted.localAddress, dialled.remoteAddress], [
        { kind: "tcp", hostname: host, port },
        { kind: "tcp", hostname: host, port },
      ]);
      assertEquals((accepted.remoteAddress as TcpAddress).hostname, host);
    }
  });

  benchCase(suite, "listens on 0.0.0.0 for every IPv4 address", async (bench) => {
    const listening = await bench.listen({ kind: "tcp", hostname: "0.0.0.0", port: 0 });
    const { hostname, port } = listening.listener.address as TcpAddress;
    assertEquals(hostname, "0.0.0.0");
    await bench.dial({ kind: "tcp", hostname: "127.0.0.1", port });
    const { connection } = await listening.accept();
    assertEquals((connection.remoteAddress as TcpAddress).hostname, "127.0.0.1");
  });

  benchCase(suite, "takes a backlog", async (bench) => {
    const listening = await bench.listen(ANY_PORT, { backlog: 16 });
    await Promise.all(Array.from({ length: 8 }, () => bench.dial(listening.listener.address)));
    await listening.accept(8);
  });

  if (!suite.capabilities.isSystem) return;

  benchCase(suite, "listens on a host name, and reports its address", async (bench) => {
    const listening = await bench.listen({ kind: "tcp", hostname: "localhost", port: 0 });
    const { hostname } = listening.listener.address as TcpAddress;
    assert(hostname === "127.0.0.1" || hostname === "::1", hostname);
    await bench.dial(listening.listener.address);
    await listening.accept();
  });

  benchCase(suite, "refuses an address that this machine has not got", async (bench) => {
    // 192.0.2.0/24 is set aside for documentation: no machine has it.
    const listening = bench.listen({ kind: "tcp", hostname: "192.0.2.1", port: 0 });
    assertEquals((await assertRejects(() => listening, ListenError)).code, "address-not-available");
  });

  benchCase(suite, "refuses a Unix path in a folder that does not exist", async (bench) => {
    const address = await bench.address("unix") as { path: string };
    const listening = bench.listen({ kind: "unix", path: `${address.path}.missing/socket` });
    const { code } = await assertRejects(() => listening, ListenError);
    // libuv makes EACCES of ENOENT here, as Windows would say.
    assert(code === "folder-not-found" || code === "permission-denied", code);
  });

  benchCase(suite, "refuses a host name that does not resolve", async (bench) => {
    const listening = bench.listen({ kind: "tcp", hostname: "no host has this name", port: 0 });
    assertEquals((await assertRejects(() => listening, ListenError)).code, "host-not-found");
  });

  benchCase(suite, "removes the path of a Unix socket on close", async (bench) => {
    const listening = await bench.listen(await bench.address("unix"));
    const { path } = listening.listener.address as { path: string };
    assertEquals(existsSync(path), true);
    await listening.listener.close();
    assertEquals(existsSync(path), false);
  });
}

function listenCasesOf(suite: Suite, network: Network): void {
  benchCase(suite, `refuses an address in use (${network})`, async (bench) => {
    const { listener } = await bench.listen(await bench.address(network));
    const error = await assertRejects(() => bench.listen(listener.address), ListenError);
    assertEquals(error.code, "address-in-use");
    await assertAccepts(bench, listener.address);
  });

  benchCase(suite, `refuses dials after close, while its connections live on (${network})`, async (bench) => {
    const listening = await bench.listen(await bench.address(network));
    const dialled = (await bench.dial(listening.listener.address)).start();
    const accepted = (await listening.accept()).start();
    await listening.listener.close();
    await listening.listener.close();
    const dialling = bench.dial(listening.listener.address);
    assertEquals((await assertRejects(() => dialling, ConnectError)).code, "refused");
    await dialled.send(patternBytes(10));
    await accepted.received(10);
    await accepted.send(patternBytes(10));
    await dialled.received(10);
  });

  benchCase(suite, `listens again where it listened before (${network})`, async (bench) => {
    const first = await bench.listen(await bench.address(network));
    const dialled = (await bench.dial(first.listener.address)).start();
    // The end that closes first keeps the port in TIME_WAIT: here it is the accepted one.
    const accepted = (await first.accept()).start();
    accepted.close();
    await dialled.ended();
    dialled.close();
    await Promise.all([accepted.closed(), dialled.closed()]);
    await first.listener.close();
    const second = await bench.listen(first.listener.address);
    assertEquals(second.listener.address, first.listener.address);
    await bench.dial(second.listener.address);
    await second.accept();
    await first.listener.close();
    await bench.dial(second.listener.address);
    await second.accept(2);
  });
}

async function assertAccepts(bench: Bench, address: Address): Promise<void> {
  const dialled = await bench.dial(address);
  assertEquals(dialled.connection.remoteAddress, address);
}
