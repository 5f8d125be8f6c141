// What a process without the right to use the network hears: a typed error, and nothing that ends it.

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { defaultTransport } from "../../src/transport/mod.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { Authority, skipWithoutOpenssl } from "../tls/certificates.ts";
import { Child } from "./conformance/child.ts";

// With no right at all named, Deno's `node:child_process` gives a Deno that it starts every right.
const NO_RIGHTS: Readonly<Record<string, readonly string[]>> = {
  deno: ["run", "--no-check", "--no-prompt", "--allow-env"],
  node: ["--permission", "--allow-fs-read=*"],
};

const runtimeArguments = NO_RIGHTS[defaultTransport().name];
const skip = runtimeArguments === undefined && "Bun has no permissions";

test("Transport, and serveHttp(), refuse to dial and to listen without the right to", { skip }, async () => {
  const child = new Child("rights_child.ts", { arguments: [], openFiles: 256, runtimeArguments });
  try {
    await child.line("end");
    assertEquals(child.count("dial ConnectError permission-denied"), 3, `${child.lines}`);
    assertEquals(child.count("listen ListenError permission-denied"), 3, `${child.lines}`);
    assertEquals(child.count("serve ListenError permission-denied"), 2, `${child.lines}`);
  } finally {
    await child.kill();
  }
});

test("Transport refuses to dial and to listen over TLS without the right to", {
  skip: skip || skipWithoutOpenssl,
}, async () => {
  using folder = new TemporaryFolder();
  const identity = JSON.stringify(new Authority(folder).sign());
  const child = new Child("rights_child.ts", { arguments: [identity], openFiles: 256, runtimeArguments });
  try {
    await child.line("end");
    assertEquals(child.count("dial ConnectError permission-denied"), 2, `${child.lines}`);
    assertEquals(child.count("listen ListenError permission-denied"), 2, `${child.lines}`);
  } finally {
    await child.kill();
  }
});

test("Transport tells how many files may be open, or that it is not known", async () => {
  const maxOpenFiles = defaultTransport().traits?.maxOpenFiles;
  const child = new Child("limit_child.ts", { arguments: [], openFiles: 200 });
  try {
    const isLinux = process.platform === "linux";
    assertEquals(maxOpenFiles !== undefined, isLinux);
    assertEquals(await child.line("files"), isLinux ? "200" : "undefined");
  } finally {
    await child.kill();
  }
});

test("Transport leaves the limit of files unknown if it would need a right", {
  skip: !("Deno" in globalThis) && "only Deno asks",
}, async () => {
  const options = { arguments: [], openFiles: 200, runtimeArguments: NO_RIGHTS.deno };
  const child = new Child("limit_child.ts", options);
  try {
    assertEquals(await child.line("files"), "undefined");
  } finally {
    await child.kill();
  }
});
