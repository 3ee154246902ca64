/** What a change of a neighbor's options does to its session: nothing that the peer need not hear of ends it. */
import { describe, expect, test } from "vitest";
import { formatNotification } from "#src/bgp/notification.ts";
import type { NeighborOptions } from "#src/speaker/neighbor.ts";
import { A, asnOf, B, dialFrom, established, keepalive, openOf } from "./loopback.ts";

describe("a change of options", () => {
  const options = (more: Partial<NeighborOptions> = {}): NeighborOptions => ({
    address: B,
    remoteAsn: asnOf[B],
    passive: true,
    ...more,
  });

  test("that the peer need not hear of leaves the session up", async () => {
    const { a } = await established();
    a.speaker.changeNeighbor(options({ description: "n1", connectRetrySeconds: 7, restartTimeSeconds: 1, port: 1179 }));
    expect(a.neighbor(B)).toMatchObject({ state: "Established", description: "n1", connectionsDropped: 0 });
    expect(a.told.routes).toEqual([]);
  });

  test("that it has to hear of ends the session, and says that it is for this", async () => {
    const { a, peer } = await established();
    a.speaker.changeNeighbor(options({ holdTimeSeconds: 30 }));
    expect(await peer.hearsNotification()).toBe("Cease/Other Configuration Change");
    expect(a.told.routes).toEqual(["lost"]);
    const again = dialFrom(B, A, a.port);
    expect(await again.hears("open")).toMatchObject({ holdTimeSeconds: 30 });
  });

  test("shuts the neighbor down with words, keeps it down, and lets it up again", async () => {
    const { a, peer } = await established();
    a.speaker.changeNeighbor(options({ shutdown: "rack 7 moves" }));
    await peer.hangsUp();
    const heard = await peer.hears("notification");
    expect(heard.kind === "notification" && formatNotification(heard.error)).toBe("Cease/Administrative Shutdown (rack 7 moves)");
    expect(a.neighbor(B)).toMatchObject({ state: "Idle", damped: false, shutdown: "rack 7 moves" });
    expect(await dialFrom(B, A, a.port).hearsNotification()).toBe("Cease/Connection Rejected");
    a.speaker.changeNeighbor(options({ description: "still down", shutdown: "rack 7 moves" }));
    expect(a.neighbor(B).state).toBe("Idle");
    a.speaker.changeNeighbor(options());
    const back = dialFrom(B, A, a.port);
    back.say(openOf(B), keepalive);
    await a.told.until("up again", () => a.told.hasEvent("session-up", B, 2));
    expect(a.neighbor(B)).not.toHaveProperty("shutdown");
  });
});
