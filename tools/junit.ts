// Counts the test cases in the JUnit report of a test runner: the one form in which all three say the same.

/** What a run came to. */
export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

const TEST_CASE = /<testcase\s[^>]*?name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/** Counts the cases of `report` that hold no other case: Deno lists a `describe` beside its tests. */
export function countCases(report: string): Totals {
  const cases = [...report.matchAll(TEST_CASE)].map(([, name = "", body = ""]) => ({ name, body }));
  const groups = new Set(cases.flatMap(({ name }) => parents(name)));
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, body } of cases) {
    if (groups.has(name)) continue;
    totals[outcome(name, body)]++;
  }
  return totals;
}

/** The totals as the last line says them. */
export function formatTotals({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

function outcome(name: string, body: string): keyof Totals {
  if (/<(failure|error)\b/.test(body)) return "failed";
  if (body.includes("<skipped")) return "skipped";
  // Node reports a file that ended without running a test as one passed test of the file's name.
  return name.endsWith("_test.ts") ? "failed" : "passed";
}

function parents(name: string): string[] {
  const parts = name.split(" &gt; ");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join(" &gt; "));
}
