// isRuntime(): which runtime the program runs on, where its APIs do the same in other ways. Runtime neutral.

/** Whether it is this one; all three say so in `navigator.userAgent`. */
export function isRuntime(name: "Bun" | "Deno" | "Node"): boolean {
  const { navigator } = globalThis as { navigator?: { readonly userAgent?: string } };
  return navigator?.userAgent?.startsWith(name) ?? false;
}
