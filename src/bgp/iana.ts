/**
 * Code points, as IANA registers them: https://www.iana.org/assignments/bgp-parameters,
 * https://www.iana.org/assignments/capability-codes, https://www.iana.org/assignments/address-family-numbers.
 * What we do not implement stays as a commented line, so that the gaps can be seen.
 */

/** RFC 4271 4.1, RFC 2918. */
export const MESSAGE = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;

export const AFI = { ipv4: 1, ipv6: 2 } as const;

export const SAFI = {
  unicast: 1,
  // multicast: 2 (RFC 4760)
  // labeled unicast: 4 (RFC 8277)
  // VPN: 128 (RFC 4364)
  // flow specification: 133 (RFC 8955)
} as const;

/** RFC 6793: stands in a two-octet field for an AS number that needs four. */
export const AS_TRANS = 23456;

export const CAPABILITY = {
  multiprotocol: 1, // RFC 2858
  routeRefresh: 2, // RFC 2918
  // outbound route filtering: 3 (RFC 5291)
  extendedNextHop: 5, // RFC 8950
  extendedMessage: 6, // RFC 8654
  role: 9, // RFC 9234
  gracefulRestart: 64, // RFC 4724
  fourOctetAs: 65, // RFC 6793
  addPath: 69, // RFC 7911
  enhancedRouteRefresh: 70, // RFC 7313
  longLivedGracefulRestart: 71, // RFC 9494; recognized, never offered
  fqdn: 73, // recognized, never offered; draft-walton-bgp-hostname-capability
  // software version: 75 (draft-abraitis-bgp-version-capability)
} as const;

/** RFC 4271 4.2. */
export const OPEN_PARAMETER = {
  // authentication: 1 (deprecated)
  capabilities: 2, // RFC 5492
  extendedLength: 255, // RFC 9072
} as const;

/** Bits of the attribute flags, RFC 4271 4.3. */
export const ATTRIBUTE_FLAG = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const;

export const ATTRIBUTE = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  multiExitDiscriminator: 4,
  localPreference: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8, // RFC 1997
  originatorId: 9, // RFC 4456
  clusterList: 10, // RFC 4456
  mpReach: 14, // RFC 4760
  mpUnreach: 15, // RFC 4760
  extendedCommunities: 16, // RFC 4360
  as4Path: 17, // RFC 6793
  as4Aggregator: 18, // RFC 6793
  tunnelEncapsulation: 23, // RFC 9012; carried
  ipv6ExtendedCommunities: 25, // RFC 5701; carried
  accumulatedIgpMetric: 26, // RFC 7311; judged, not carried
  linkState: 29, // RFC 9552; judged, not carried
  largeCommunities: 32, // RFC 8092
  onlyToCustomer: 35, // RFC 9234
  prefixSid: 40, // RFC 8669; carried
} as const;

/** Error codes of NOTIFICATION, and below the subcodes of each. */
export const ERROR = {
  messageHeader: 1,
  openMessage: 2,
  updateMessage: 3,
  holdTimerExpired: 4,
  finiteStateMachine: 5,
  cease: 6,
  routeRefresh: 7, // RFC 7313
  sendHoldTimerExpired: 8, // RFC 9687
} as const;

export const HEADER_ERROR = { notSynchronized: 1, badLength: 2, badType: 3 } as const;

export const OPEN_ERROR = {
  unspecific: 0,
  unsupportedVersion: 1,
  badPeerAs: 2,
  badIdentifier: 3,
  unsupportedParameter: 4,
  unacceptableHoldTime: 6,
  roleMismatch: 11, // RFC 9234
} as const;

export const UPDATE_ERROR = {
  malformedAttributeList: 1,
  optionalAttribute: 9,
  invalidNetworkField: 10,
  // 2 to 8 and 11 name faults of single attributes; RFC 7606 made all of these survivable, so we never send them
} as const;

/** RFC 7313. */
export const REFRESH_ERROR = { invalidLength: 1 } as const;

/** RFC 6608. */
export const FSM_ERROR = { inOpenSent: 1, inOpenConfirm: 2, inEstablished: 3 } as const;

/** RFC 4486, RFC 8538, RFC 9384. */
export const CEASE = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  otherConfigurationChange: 6,
  connectionCollision: 7,
  outOfResources: 8,
  hardReset: 9,
  bfdDown: 10,
} as const;

/** Name of each error code and its subcodes, by number; holes are unassigned or deprecated. */
export const ERROR_NAMES: readonly (readonly [string, readonly (string | undefined)[]] | undefined)[] = [
  undefined,
  ["Message Header Error", [undefined, "Connection Not Synchronized", "Bad Message Length", "Bad Message Type"]],
  [
    "OPEN Message Error",
    [
      "Unspecific",
      "Unsupported Version Number",
      "Bad Peer AS",
      "Bad BGP Identifier",
      "Unsupported Optional Parameter",
      undefined,
      "Unacceptable Hold Time",
      "Unsupported Capability",
      undefined,
      undefined,
      undefined,
      "Role Mismatch",
    ],
  ],
  [
    "UPDATE Message Error",
    [
      undefined,
      "Malformed Attribute List",
      "Unrecognized Well-known Attribute",
      "Missing Well-known Attribute",
      "Attribute Flags Error",
      "Attribute Length Error",
      "Invalid ORIGIN Attribute",
      undefined,
      "Invalid NEXT_HOP Attribute",
      "Optional Attribute Error",
      "Invalid Network Field",
      "Malformed AS_PATH",
    ],
  ],
  ["Hold Timer Expired", []],
  [
    "Finite State Machine Error",
    [
      "Unspecified Error",
      "Unexpected Message in OpenSent",
      "Unexpected Message in OpenConfirm",
      "Unexpected Message in Established",
    ],
  ],
  [
    "Cease",
    [
      undefined,
      "Maximum Number of Prefixes Reached",
      "Administrative Shutdown",
      "Peer De-configured",
      "Administrative Reset",
      "Connection Rejected",
      "Other Configuration Change",
      "Connection Collision Resolution",
      "Out of Resources",
      "Hard Reset",
      "BFD Down",
    ],
  ],
  ["ROUTE-REFRESH Message Error", [undefined, "Invalid Message Length"]],
  ["Send Hold Timer Expired", []],
];
