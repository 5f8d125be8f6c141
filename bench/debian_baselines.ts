// Builds the baselines on libraries of other languages, offline and from Debian's packages. It installs nothing: where a
// package is missing, it says so and leaves the baseline out. Deno only.

import { join } from "node:path";
import { run } from "../tools/run.ts";

/** Where Debian's librust-*-dev packages put their sources. */
const CRATES = "/usr/share/cargo/registry";
const TOKIO_SOURCE = "bench/baselines/tokio_echo";
/** The lock names versions of this machine's packages, and would refuse those of an upgrade. */
const TOKIO_LOCK = `${TOKIO_SOURCE}/Cargo.lock`;

const JARS = "/usr/share/java";
/** What the server needs of Netty; Debian's netty-all.jar is empty. */
const NETTY_JARS: readonly string[] = [
  "netty-buffer.jar",
  "netty-codec.jar",
  "netty-common.jar",
  "netty-resolver.jar",
  "netty-transport.jar",
  "jctools-core.jar",
];
/** As Netty's documentation advises for production: else one buffer in 128 is tracked. */
const NETTY_FLAG = "-Dio.netty.leakDetection.level=disabled";

/** The words that start a server. */
export type CommandWords = readonly string[];

/** Builds the server on tokio-util into `folder`; undefined where that cannot be done. */
export async function buildTokioEcho(root: string, folder: string): Promise<CommandWords | undefined> {
  if (!(await listNames(CRATES)).some((name) => name.startsWith("tokio-util-"))) {
    return skip("tokio", "librust-tokio-util-dev is not installed");
  }
  await Deno.remove(join(root, TOKIO_LOCK)).catch(() => {}); // There is none at the first time.
  const target = join(folder, "tokio_echo");
  const place = ["--manifest-path", `${TOKIO_SOURCE}/Cargo.toml`, "--target-dir", target];
  const crates = [
    ...["--config", 'source.crates-io.replace-with="debian"'],
    ...["--config", `source.debian.directory="${CRATES}"`],
  ];
  const { code, output } = await run("cargo", ["build", "--release", "--offline", ...place, ...crates]);
  if (code === 0) return [join(target, "release", "tokio_echo")];
  return skip("tokio", code === undefined ? "cargo is not installed" : `cargo failed: ${firstError(output)}`);
}

/** Builds the server on Netty into `folder`; undefined where that cannot be done. */
export async function buildNettyEcho(folder: string): Promise<CommandWords | undefined> {
  const names = await listNames(JARS);
  if (!NETTY_JARS.every((name) => names.includes(name))) return skip("netty", "libnetty-java is not installed");
  const classes = join(folder, "netty_echo");
  const jars = NETTY_JARS.map((name) => join(JARS, name)).join(":");
  const { code, output } = await run("javac", ["-cp", jars, "-d", classes, "bench/baselines/NettyEcho.java"]);
  if (code === 0) return ["java", NETTY_FLAG, "-cp", `${jars}:${classes}`, "NettyEcho"];
  return skip("netty", code === undefined ? "javac is not installed" : `javac failed: ${firstError(output)}`);
}

async function listNames(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch {
    return []; // Not Debian, or no such package.
  }
}

function firstError(output: string): string {
  const lines = output.split("\n");
  return (lines.find((line) => line.includes("error")) ?? lines[0]).trim();
}

function skip(name: string, reason: string): undefined {
  console.log(`skipped ${name}: ${reason}`);
}
