/** Which strategies of `mitigations` the tests play on the real lab; the forecasts of all of them are made on paper. */
export const PLAYED = [
  ["baseline-modulo", "resilient", "linux-policy-3"],
  ["silent-bfd", "graceful-restart", "linux-resilient"],
] as const;

/**
 * Of the flows of `scenario.yaml` with these strategies: whoever changes that file changes them. A resilient group remembers
 * in which order its members came, which is the sessions' to say.
 */
export const DIGESTS: Readonly<Record<string, string>> = {
  "baseline-modulo": "cc0a0cbcf387fe24358f4e4fc48307a4eb10b29a049b87fe6a5617e4044257ae",
  "linux-policy-3": "760acbe57cfe578bfef8225444efb69b344f70cee2a4e0fc4840d1dff1e0bf24",
};
