// The conformance suite over TLS, for each transport of this runtime: what holds for plain connections holds for those.

import test from "node:test";
import type { Transport } from "../../src/transport/transport.ts";
import { nodeTransport } from "../../src/transport/node.ts";
import { socketTransportsHere } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { Authority, skipWithoutOpenssl } from "../tls/certificates.ts";
import { tlsConformanceSuite } from "./conformance.ts";

if (skipWithoutOpenssl !== false) test("TLS conforms", { skip: skipWithoutOpenssl }, () => {});
else {
  using folder = new TemporaryFolder();
  const authority = new Authority(folder);
  const identity = { ...authority.sign(), maxHandshakes: 1_000 };

  /** Has all connections of a transport speak TLS. */
  const overTls = (inner: Transport): Transport => ({
    name: inner.name,
    traits: inner.traits ?? {},
    ...(inner.capabilities === undefined ? {} : { capabilities: inner.capabilities }),
    listen: (address, handler, options) => inner.listen(address, handler, { ...options, tls: identity }),
    connect: (address, options) => inner.connect(address, { ...options, tls: { ca: authority.cert } }),
  });

  for (const { name, make } of socketTransportsHere()) {
    tlsConformanceSuite(name, { makeTransport: () => overTls(make()), makePeer: () => overTls(nodeTransport()) });
  }
}
