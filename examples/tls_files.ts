// How an example that speaks TLS reads its certificate, its key, and whose clients it takes.

import { readFileSync } from "node:fs";
import { TcpService } from "@laster/net";
import type { TlsListenOptions } from "@laster/net/transport";
import { exitWith } from "./command_line.ts";

/** The files' names; an empty one is not given. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Certificates of authorities: every client must have a certificate of one of them. */
  readonly "client-ca": string;
}

/** Reads the files; undefined if none is named. Prints what is wrong and exits 2 if one is missing, or is not what it has to be. */
export function readTlsFiles(files: TlsFiles): TlsListenOptions | undefined {
  const { cert, key, "client-ca": ca } = files;
  if (cert === "" && key === "" && ca === "") return undefined;
  if (cert === "" || key === "") {
    exitWith(2, "expected --cert FILE and --key FILE for TLS, with --client-ca FILE or without");
  }
  const identity = { cert: read("cert", cert), key: read("key", key) };
  const tls: TlsListenOptions = ca === ""
    ? identity
    : { ...identity, clientCertificates: "required", ca: read("client-ca", ca) };
  try {
    new TcpService({ listeners: [{ port: 0, tls }] }); // It checks them, and does nothing else before it is started.
  } catch (error) {
    exitWith(2, error instanceof Error ? error.message : String(error));
  }
  return tls;
}

function read(name: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    exitWith(2, `Cannot read the file of --${name}: ${error instanceof Error ? error.message : error}`);
  }
}
