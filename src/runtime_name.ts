// isRuntime(): tells the runtimes apart, for code that must differ between them. Runtime neutral.

/** Whether the program runs on this runtime; all three name themselves in `navigator.userAgent`. */
export function isRuntime(name: "Bun" | "Deno" | "Node"): boolean {
  const { navigator } = globalThis as { navigator?: { readonly userAgent?: string } };
  return navigator?.userAgent?.startsWith(name) ?? false;
}
