/** A configuration, a peer's messages and the state machine's answers in words, for the tests of it. */
import { bgpError } from "#src/bgp/error.ts";
import type { Message } from "#src/bgp/message.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import type { OpenMessage } from "#src/bgp/open.ts";
import type { Agreement } from "#src/speaker/agreement.ts";
import { step } from "#src/speaker/fsm.ts";
import {
  type ConnectionState,
  type Effect,
  type FsmConfig,
  type FsmEvent,
  type FsmState,
  stateName,
} from "#src/speaker/fsm-state.ts";

export const config: FsmConfig = {
  localAsn: 65000,
  remoteAsn: 65001,
  routerId: 0x0a000001,
  holdTimeSeconds: 90,
  connectRetrySeconds: 120,
  passive: false,
  families: [IPV4_UNICAST, IPV6_UNICAST],
  ipv6NextHop: "global",
  extendedNextHop: false,
  addPath: false,
  gracefulRestart: true,
};

export const open: OpenMessage = {
  kind: "open",
  asn: 65001,
  holdTimeSeconds: 30,
  routerId: 0x0a000002,
  capabilities: [{ name: "four-octet-as", asn: 65001 }],
};
export const keepalive: Message = { kind: "keepalive" };
export const update: Message = { kind: "update", withdrawn: [], announcements: [] };
export const refresh: Message = { kind: "route-refresh", family: IPV4_UNICAST, subtype: 0 };
export const notification: Message = { kind: "notification", error: bgpError(6, 4) };
export const higher: OpenMessage = { ...open, routerId: 0x0a000009 };
export const lower: OpenMessage = { ...open, routerId: 0x0a000000 };
export const messages: Message[] = [open, update, notification, keepalive, refresh];

export const agreement: Agreement = {
  holdTimeSeconds: 30,
  keepaliveSeconds: 10,
  asnSize: 4,
  families: [IPV4_UNICAST],
  pathIds: [],
  extendedNextHop: [],
  extendedMessage: false,
  enhancedRefresh: false,
  peer: open,
};

export const running = (connections: { outgoing?: ConnectionState; incoming?: ConnectionState }): FsmState => ({
  mode: "running",
  failures: 0,
  incomingFailures: 0,
  ...connections,
});

export const sentSay = (effects: readonly Effect[]): string[] =>
  effects.map((effect) => {
    switch (effect.kind) {
      case "send": {
        const { message } = effect;
        const what = message.kind === "notification" ? `${message.error.code}/${message.error.subcode}` : message.kind;
        return `${effect.direction} ${what}`;
      }
      case "close":
        return `close ${effect.direction}`;
      case "set-timer":
        return `${effect.timer} ${effect.seconds}`;
      case "cancel-timer":
        return `no ${effect.timer}`;
      case "ended":
        return `ended: ${effect.reason}`;
      default:
        return effect.kind;
    }
  });

/** What a step does, without the timers that it stops. */
export function act(state: FsmState, event: FsmEvent, using = config): [name: string, does: string[], next: FsmState] {
  const { state: next, effects } = step(state, event, using);
  return [stateName(next), sentSay(effects).filter((text) => !text.startsWith("no ")), next];
}
export const directions = ["outgoing", "incoming"] as const;
