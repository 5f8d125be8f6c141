// What is measured in a row. Runtime neutral.

/** Honest clients' latencies in one phase, in milliseconds. */
export interface PhaseFigures {
  readonly sent: number;
  readonly received: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What the honest clients saw. */
export interface HonestFigures {
  readonly before: PhaseFigures;
  readonly during: PhaseFigures;
  readonly after: PhaseFigures;
  /** Connections that the server ended. */
  readonly cut: number;
  /** Echoes with a wrong byte, or out of order. */
  readonly mismatches: number;
  /** Messages that were not answered ten seconds after all was over. */
  readonly missing: number;
  /** Clients that got no answer to what they sent during the attack. */
  readonly shutOut: number;
  /** Clients that came after the attack, and how many of them were served. */
  readonly newcomers: number;
  readonly newcomersIn: number;
  /** How late the clients' own process was when a message was due: their clock is as good as that. */
  readonly lateP99Ms: number;
  /** In the broadcast row: messages at full speed that each of them got. */
  readonly fast: readonly number[];
}

/** What the attacker did. */
export interface AttackFigures {
  readonly secs: number;
  readonly dialled: number;
  readonly connected: number;
  readonly refused: number;
  /** Connections that the server ended, or that were killed. */
  readonly ended: number;
  readonly bytesSent: number;
  readonly bytesRead: number;
  /** In the broadcast row: messages sent, and receivers that got all of them in order. */
  readonly sent: number;
  readonly complete: number;
}

/** How a server ended after it was told to. */
export interface EndFigures {
  readonly ms: number;
  /** Undefined if it had to be killed, or ended by a signal. */
  readonly code: number | undefined;
}

/** All of one row on one runtime. */
export interface RowFigures {
  /** How the server ended before it was told to; undefined if it did not. */
  readonly died: string | undefined;
  readonly end: EndFigures | undefined;
  /** How long it took after a second SIGTERM, in the row that sends two. */
  readonly secondEnd?: EndFigures;
  readonly peakBytes: number;
  readonly finalBytes: number;
  /** Without those of the honest clients. */
  readonly descriptorsBefore: number;
  /** When all clients have gone. */
  readonly descriptorsAfter: number;
  /** Of one CPU, during the attack: 1 is all of it. */
  readonly cpuShare: number;
  readonly logLines: number;
  readonly honest: HonestFigures | undefined;
  readonly attacks: readonly AttackFigures[];
  /** In the broadcast row: how many of the receivers that read got everything, and how many there were. */
  readonly complete?: { readonly count: number; readonly of: number } | undefined;
  /** In rows whose attackers the server must not keep: the least share of their connections that it has to have ended. */
  readonly leastEnded?: number | undefined;
  /** In rows with a reason: the one that there has to be, and how often there was each. */
  readonly reasons?: { readonly wanted: string; readonly seen: Readonly<Record<string, number>> } | undefined;
}

/** Reads the line of JSON that honest.c prints. */
export function parseHonest(text: string): HonestFigures {
  const line = JSON.parse(text) as HonestLine;
  const phase = ({ sent, received, p50_us, p99_us, max_us }: PhaseLine): PhaseFigures => (
    { sent, received, p50Ms: p50_us / 1_000, p99Ms: p99_us / 1_000, maxMs: max_us / 1_000 }
  );
  const { before, during, after } = line.phases;
  return {
    before: phase(before),
    during: phase(during),
    after: phase(after),
    cut: line.cut,
    mismatches: line.mismatches,
    missing: line.missing,
    shutOut: line.shut_out,
    newcomers: line.newcomers,
    newcomersIn: line.newcomers_in,
    lateP99Ms: line.late_p99_us / 1_000,
    fast: line.fast,
  };
}

/** Reads the line of JSON that attacker.c prints. */
export function parseAttack(text: string): AttackFigures {
  const { bytes_sent, bytes_read, ...line } = JSON.parse(text) as AttackLine;
  return { ...line, bytesSent: bytes_sent, bytesRead: bytes_read };
}

interface PhaseLine {
  readonly sent: number;
  readonly received: number;
  readonly p50_us: number;
  readonly p99_us: number;
  readonly max_us: number;
}

interface HonestLine {
  readonly cut: number;
  readonly mismatches: number;
  readonly missing: number;
  readonly shut_out: number;
  readonly newcomers: number;
  readonly newcomers_in: number;
  readonly late_p99_us: number;
  readonly fast: readonly number[];
  readonly phases: Readonly<Record<"before" | "during" | "after", PhaseLine>>;
}

interface AttackLine extends Omit<AttackFigures, "bytesSent" | "bytesRead"> {
  readonly bytes_sent: number;
  readonly bytes_read: number;
}
