// CaseList: takes the cases of one group as they are declared. Runtime neutral.

import type { ConformanceCase } from "./conformance_case.ts";

/** The cases of one group, and what they are declared for. */
export class CaseList<Settings> {
  readonly settings: Settings;
  readonly group: string;
  /** What was declared. */
  readonly cases: ConformanceCase[] = [];

  constructor(settings: Settings, group: string) {
    this.settings = settings;
    this.group = group;
  }

  /** Adds a case, which fails if its body throws or rejects; `skip` says why it cannot run. */
  add(name: string, body: () => void | Promise<void>, skip?: string): void {
    const run = async () => await body();
    this.cases.push({ group: this.group, name, run, ...(skip === undefined ? {} : { skip }) });
  }
}

/** Has each group declare its cases, and gives all of them. */
export function collectCases<Settings>(
  settings: Settings,
  groups: Readonly<Record<string, (list: CaseList<Settings>) => void>>,
): readonly ConformanceCase[] {
  return Object.entries(groups).flatMap(([group, declare]) => {
    const list = new CaseList(settings, group);
    declare(list);
    return list.cases;
  });
}
