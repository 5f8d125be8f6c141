// Headers of the PROXY protocol as haproxy and curl sent them, recorded on loopback.

/** A header, and whose connection it is for. */
export interface RecordedHeader {
  /** What sent it, and how it was set. */
  readonly by: string;
  /** Its bytes. */
  readonly hex: string;
  /** The client that the proxy served; undefined for the proxy itself. */
  readonly source: { readonly kind: "tcp"; readonly hostname: string; readonly port: number } | undefined;
}

/** All that were recorded. */
export const PROXY_HEADERS: readonly RecordedHeader[] = [
  {
    by: "haproxy 2.6, send-proxy, IPv4",
    hex: "50524f58592054435034203132372e302e302e39203132372e302e302e3120333734363120393130310d0a",
    source: { kind: "tcp", hostname: "127.0.0.9", port: 37_461 },
  },
  {
    by: "haproxy 2.6, send-proxy, IPv6",
    hex: "50524f58592054435036203a3a31203a3a3120353130343020393130320d0a",
    source: { kind: "tcp", hostname: "::1", port: 51_040 },
  },
  {
    by: "haproxy 2.6, send-proxy-v2, IPv4",
    hex: "0d0a0d0a000d0a515549540a2111000c7f0000097f000001a943238f",
    source: { kind: "tcp", hostname: "127.0.0.9", port: 43_331 },
  },
  {
    by: "haproxy 2.6, send-proxy-v2, IPv6",
    hex: "0d0a0d0a000d0a515549540a2121002400000000000000000000000000000001" +
      "00000000000000000000000000000001bbe22390",
    source: { kind: "tcp", hostname: "::1", port: 48_098 },
  },
  {
    by: "haproxy 2.6, send-proxy-v2-ssl with unique-id and crc32c",
    hex: "0d0a0d0a000d0a515549540a211100427f0000097f00000199472391030004ae58045e05002461616238366138362d32" +
      "3364612d346461612d613866302d6333396532336463633637372000050000000000",
    source: { kind: "tcp", hostname: "127.0.0.9", port: 39_239 },
  },
  {
    by: "haproxy 2.6, send-proxy-v2, its own check of the server",
    hex: "0d0a0d0a000d0a515549540a20000000",
    source: undefined,
  },
  {
    by: "curl 7.88, --haproxy-protocol",
    hex: "50524f58592054435034203132372e302e302e31203132372e302e302e3120353539343220393330310d0a",
    source: { kind: "tcp", hostname: "127.0.0.1", port: 55_942 },
  },
];
