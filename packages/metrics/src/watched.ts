// What metrics read of services, links, policies and queues of queries, and one reading of all. Runtime neutral.

import type { ServiceStats } from "@laster/net";

/** What is watched: a `TcpService`. */
export interface WatchedService {
  /** Its figures; reading them changes nothing. */
  stats(): ServiceStats;
  /** The groups that have members. */
  groupNames(): Iterable<string>;
}

/** What is watched of a `Link` of `keepConnected()`. */
export interface WatchedLink {
  /** Where it is. */
  readonly state: string;
  /** Attempts in a row that came to nothing. */
  readonly failures: number;
}

/** What is watched of a policy: a `ResiliencePolicy`, or anything that has a breaker. */
export interface WatchedPolicy {
  /** Where its breaker is. */
  readonly state: string;
  /** Calls under way. */
  readonly running?: number | undefined;
  /** Calls that wait for their turn. */
  readonly waiting?: number | undefined;
}

/** What is watched of a queue of queries: a `QueryQueue` of `@laster/database`. */
export interface WatchedQueries {
  /** A snapshot of its figures. */
  readonly stats: {
    /** Queries that wait. */
    readonly waiting: number;
    /** Queries under way. */
    readonly running: number;
    /** Connections that can be used. */
    readonly connections: number;
    /** Queries that were answered so far. */
    readonly answered: number;
    /** Queries that were not. */
    readonly rejected: number;
    /** Queries that were run again. */
    readonly repeated: number;
    /** Connections that were lost. */
    readonly lostConnections: number;
  };
}

/** All that is watched, at one moment. */
export interface Reading {
  /** The services by name, with one snapshot of each: `stats()` walks over the sessions. */
  readonly services: readonly (readonly [name: string, service: WatchedService, stats: ServiceStats])[];
  /** The links by name. */
  readonly links: Iterable<readonly [name: string, link: WatchedLink]>;
  /** The policies by name. */
  readonly policies: Iterable<readonly [name: string, policy: WatchedPolicy]>;
  /** The queues of queries by name. */
  readonly queries: Iterable<readonly [name: string, queries: WatchedQueries]>;
  /** Queues that went above a high-water mark so far. */
  readonly congestions: number;
  /** Faults so far, by level. */
  readonly faults: ReadonlyMap<string, number>;
}
