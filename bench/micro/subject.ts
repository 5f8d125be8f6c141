// What a micro benchmark is: contenders that do the same, and give the same. Runs on Deno, Bun and Node.

/** One way to do it. */
export interface Contender {
  /** The package, or `ours`. */
  readonly name: string;
  /** Does it once; what it gives must be what the others give. */
  run(): number;
}

/** One thing to do. */
export interface Subject {
  readonly title: string;
  readonly contenders: readonly Contender[];
}

/** Imports a package that is installed in this folder: by a computed name, so that no type checker looks for it. */
export async function importPackage<Exports>(name: string): Promise<Exports> {
  return await import(name) as Exports;
}
