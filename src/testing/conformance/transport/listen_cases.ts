// Conformance: listeners and addresses. Runtime neutral.

import { ConnectError, ListenError } from "../../../errors.ts";
import { type Address, formatAddress, type TcpAddress } from "../../../transport/address.ts";
import { equals, holds, rejects } from "../check.ts";
import { ANY_PORT, type Bench } from "./bench.ts";
import { patternBytes } from "./pattern.ts";
import { benchCase, type TransportSuite } from "./suite.ts";
import type { Network } from "./settings.ts";

/** Declares the cases. */
export function listenCases(suite: TransportSuite): void {
  for (const network of suite.settings.networks) listenCasesOf(suite, network);

  benchCase(suite, "knows the addresses of both ends", async (bench) => {
    const listening = await bench.listen();
    const { address } = listening.listener;
    holds(
      address.kind === "tcp" && address.hostname === "127.0.0.1" && address.port > 0,
      `it listens on ${formatAddress(address)}`,
    );
    const { connection: dialled } = await bench.dial(address);
    const { connection: accepted } = await listening.accept();
    equals([dialled.remoteAddress, accepted.localAddress], [address, address], "the listener's address at both ends");
    equals(accepted.remoteAddress, dialled.localAddress, "the remote address of the accepted end");
    const { hostname, port } = dialled.localAddress as TcpAddress;
    equals(hostname, "127.0.0.1", "the host name");
    holds(port > 0 && port !== address.port, `the dialled port is ${port}`);
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
    equals(after, before, "the addresses after the end");
  });

  benchCase(suite, "has a path at the listening end of a Unix socket only", async (bench) => {
    const listening = await bench.listen(await bench.address("unix"));
    const { address } = listening.listener;
    const { connection: dialled } = await bench.dial(address);
    const { connection: accepted } = await listening.accept();
    equals([accepted.localAddress, dialled.remoteAddress], [address, address], "the listener's address at both ends");
    const nowhere: Address = { kind: "unix", path: "" };
    equals([accepted.remoteAddress, dialled.localAddress], [nowhere, nowhere], "the dialled address at both ends");
  }, "unix");

  benchCase(suite, "listens on IPv6", async (bench) => {
    const listening = await bench.listen({ kind: "tcp", hostname: "::1", port: 0 });
    const dialled = (await bench.dial(listening.listener.address)).start();
    const accepted = (await listening.accept()).start();
    equals((accepted.connection.remoteAddress as TcpAddress).hostname, "::1", "the remote host of the accepted end");
    equals(
      accepted.connection.remoteAddress,
      dialled.connection.localAddress,
      "the remote address of the accepted end",
    );
    await dialled.send(patternBytes(10));
    await accepted.received(10);
  });

  benchCase(suite, "listens on :: for IPv6 and IPv4, and names IPv4 addresses in their own form", async (bench) => {
    const listening = await bench.listen({ kind: "tcp", hostname: "::", port: 0 });
    const { hostname, port } = listening.listener.address as TcpAddress;
    equals(hostname, "::", "the host name");
    for (const [index, host] of ["127.0.0.1", "::1"].entries()) {
      const { connection: dialled } = await bench.dial({ kind: "tcp", hostname: host, port });
      const { connection: accepted } = await listening.accept(index + 1);
      equals(accepted.remoteAddress, dialled.localAddress, "the remote address of the accepted end");
      equals([accepted.localAddress, dialled.remoteAddress], [
        { kind: "tcp", hostname: host, port },
        { kind: "tcp", hostname: host, port },
      ], "the listener's address at both ends");
      equals((accepted.remoteAddress as TcpAddress).hostname, host, "the remote host of the accepted end");
    }
  });

  benchCase(suite, "listens on 0.0.0.0 for every IPv4 address", async (bench) => {
    const listening = await bench.listen({ kind: "tcp", hostname: "0.0.0.0", port: 0 });
    const { hostname, port } = listening.listener.address as TcpAddress;
    equals(hostname, "0.0.0.0", "the host name");
    await bench.dial({ kind: "tcp", hostname: "127.0.0.1", port });
    const { connection } = await listening.accept();
    equals((connection.remoteAddress as TcpAddress).hostname, "127.0.0.1", "the remote host of the accepted end");
  });

  benchCase(suite, "takes a backlog", async (bench) => {
    const listening = await bench.listen(ANY_PORT, { backlog: 16 });
    await Promise.all(Array.from({ length: 8 }, () => bench.dial(listening.listener.address)));
    await listening.accept(8);
  });

  if (!suite.settings.isSystem) return;

  benchCase(suite, "listens on a host name, and reports its address", async (bench) => {
    const listening = await bench.listen({ kind: "tcp", hostname: "localhost", port: 0 });
    const { hostname } = listening.listener.address as TcpAddress;
    holds(hostname === "127.0.0.1" || hostname === "::1", `the host is ${hostname}`);
    await bench.dial(listening.listener.address);
    await listening.accept();
  });

  benchCase(suite, "refuses an address that this machine has not got", async (bench) => {
    // 192.0.2.0/24 is set aside for documentation: no machine has it.
    const listening = bench.listen({ kind: "tcp", hostname: "192.0.2.1", port: 0 });
    equals((await rejects(() => listening, ListenError)).code, "address-not-available", "the error's code");
  });

  benchCase(suite, "refuses a Unix path in a folder that does not exist", async (bench) => {
    const address = await bench.address("unix") as { path: string };
    const listening = bench.listen({ kind: "unix", path: `${address.path}.missing/socket` });
    const { code } = await rejects(() => listening, ListenError);
    // libuv turns ENOENT into EACCES here, as on Windows.
    holds(code === "folder-not-found" || code === "permission-denied", `the error's code is ${code}`);
  }, "unix");

  benchCase(suite, "refuses a host name that does not resolve", async (bench) => {
    const listening = bench.listen({ kind: "tcp", hostname: "no host has this name", port: 0 });
    equals((await rejects(() => listening, ListenError)).code, "host-not-found", "the error's code");
  });
}

function listenCasesOf(suite: TransportSuite, network: Network): void {
  benchCase(suite, `refuses an address in use (${network})`, async (bench) => {
    const { listener } = await bench.listen(await bench.address(network));
    const error = await rejects(() => bench.listen(listener.address), ListenError);
    equals(error.code, "address-in-use", "the error's code");
    await checkAccepts(bench, listener.address);
  }, network);

  benchCase(suite, `refuses dials after close, while its connections live on (${network})`, async (bench) => {
    const listening = await bench.listen(await bench.address(network));
    const dialled = (await bench.dial(listening.listener.address)).start();
    const accepted = (await listening.accept()).start();
    await listening.listener.close();
    await listening.listener.close();
    const dialling = bench.dial(listening.listener.address);
    equals((await rejects(() => dialling, ConnectError)).code, "refused", "the error's code");
    await dialled.send(patternBytes(10));
    await accepted.received(10);
    await accepted.send(patternBytes(10));
    await dialled.received(10);
  }, network);

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
    equals(second.listener.address, first.listener.address, "the address of the second listener");
    await bench.dial(second.listener.address);
    await second.accept();
    await first.listener.close();
    await bench.dial(second.listener.address);
    await second.accept(2);
  }, network);
}

async function checkAccepts(bench: Bench, address: Address): Promise<void> {
  const dialled = await bench.dial(address);
  equals(dialled.connection.remoteAddress, address, "the remote address of the dialled end");
}
