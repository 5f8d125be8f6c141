// What a look at the address filter costs with 105,000 rules, and an admission of all the guard's parts: microseconds, the median
// of nine rounds. Run it on each runtime: `node bench/address_filter.ts`.

import { AddressFilter, ConnectionLimits, guard } from "@laster/net/guard";

const ROUNDS = 9;
const LOOKS = 100_000;

const rules: string[] = [];
for (let count = 0; count < 100_000; count++) {
  rules.push(`${20 + (count >> 16)}.${(count >> 8) & 255}.${count & 255}.7`);
}
for (let count = 0; count < 4_000; count++) rules.push(`100.${count >> 8}.${count & 255}.0/24`);
for (let count = 0; count < 1_000; count++) rules.push(`2001:db8:${count.toString(16)}::/48`);

function measure(look: (index: number) => unknown): string {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    for (let index = 0; index < LOOKS; index++) look(index);
    times.push(((performance.now() - startMs) / LOOKS) * 1_000);
  }
  return times.sort((left, right) => left - right)[Math.floor(ROUNDS / 2)].toFixed(2);
}

const addresses = Array.from({ length: 1_000 }, (_, index) => `203.${index & 255}.${index >> 2 & 255}.${index % 250}`);
const requests = addresses.map((hostname) => ({ remoteAddress: { kind: "tcp", hostname, port: 1 } as const }));
const filter = new AddressFilter({ deny: rules });
const limits = new ConnectionLimits({ maxPerPrefix: 2 ** 31 - 1, perAddressPerSecond: 2 ** 20, perSecond: 2 ** 30 });
const whole = guard({ addresses: { deny: rules }, connections: false });
console.log(`filter     ${measure((index) => filter.isAllowed(addresses[index % 1_000]))} us a look`);
console.log(`limits     ${
  measure((index) => {
    const request = requests[index % 1_000];
    if (limits.admit(request) === undefined) limits.release(request);
  })
} us a connection`);
console.log(`all parts  ${
  measure((index) => {
    for (const part of whole.admission) {
      part.admit({ ...requests[index % 1_000], listener: requests[0].remoteAddress, sessions: 0 });
    }
  })
} us a connection`);
