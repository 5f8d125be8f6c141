// Certificates for tests, made by OpenSSL in a temporary folder: an authority, and what it has signed. Runtime neutral.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import type { TlsIdentity } from "../../src/transport/tls_options.ts";
import type { TemporaryFolder } from "../temporary_folder.ts";

/** Why the tests that need it are skipped; false if it is here. */
export const skipWithoutOpenssl: string | false = hasOpenssl() ? false : "openssl is not on this machine";

/** What a certificate says. */
export interface CertificateWishes {
  /** Whom it is for. */
  readonly name?: string;
  /** Its alternative names. */
  readonly altNames?: string;
  /** Whether it has expired. */
  readonly isExpired?: boolean;
  /** The kind of its key, as OpenSSL calls it. */
  readonly key?: string;
}

/** An authority. */
export class Authority {
  /** Its certificate, PEM text. */
  readonly cert: string;
  readonly #folder: TemporaryFolder;
  #count = 0;

  /** Makes one whose files are in a folder. */
  constructor(folder: TemporaryFolder, name = "Test Authority") {
    this.#folder = folder;
    this.#file = folder.file(`ca-${name.replaceAll(" ", "-")}`);
    openssl(
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${this.#file}.key`,
      "-out",
      `${this.#file}.crt`,
    );
    this.cert = readFileSync(`${this.#file}.crt`, "utf8");
  }

  readonly #file: string;

  /** Signs a certificate. */
  sign(
    { name = "localhost", altNames = "DNS:localhost,IP:127.0.0.1", isExpired = false, key = "ec" }: CertificateWishes =
      {},
  ): TlsIdentity {
    const file = `${this.#file}-${this.#count++}`;
    openssl(
      "req",
      "-new",
      "-newkey",
      key,
      ...(key === "ec" ? ["-pkeyopt", "ec_paramgen_curve:prime256v1"] : []),
      "-nodes",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${file}.key`,
      "-out",
      `${file}.csr`,
    );
    writeFileSync(`${file}.ext`, `subjectAltName=${altNames}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    openssl(
      "x509",
      "-req",
      "-in",
      `${file}.csr`,
      "-CA",
      `${this.#file}.crt`,
      "-CAkey",
      `${this.#file}.key`,
      "-CAcreateserial",
      "-days",
      isExpired ? "-1" : "2",
      "-extfile",
      `${file}.ext`,
      "-out",
      `${file}.crt`,
    );
    return { cert: readFileSync(`${file}.crt`, "utf8"), key: readFileSync(`${file}.key`, "utf8") };
  }
}

function openssl(...words: string[]): void {
  execFileSync("openssl", words, { stdio: ["ignore", "ignore", "pipe"] });
}

function hasOpenssl(): boolean {
  try {
    openssl("version");
    return true;
  } catch {
    return false;
  }
}
