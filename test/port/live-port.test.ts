import { expect, test } from "vitest";
import { LivePort } from "#src/port/live-port.ts";
import { createLoopbackPair } from "#src/port/loopback.ts";
import { batchOf, collect, memoryWire, numberedFrame, portSuite } from "../common/port.ts";

portSuite("a port whose interface may go and come back", () => {
  const [inner, far] = createLoopbackPair({ name: "near" }, { name: "far" });
  const near = new LivePort("near", () => inner);
  near.renew();
  return memoryWire(near, far);
});

test("while there is no interface nothing comes and what is sent is refused; the counters go on behind the next one", () => {
  let wires = 0;
  const fars: ReturnType<typeof createLoopbackPair>[1][] = [];
  const port = new LivePort("port", () => {
    if (wires++ === 1) throw new Error("no such device");
    const [near, far] = createLoopbackPair({ name: "port" }, { name: "far" });
    fars.push(far);
    return near;
  });
  const send = (): number => port.transmit(batchOf([numberedFrame(1), numberedFrame(2)], 0), 0);
  expect([port.receive(), send()]).toEqual([0, 2]);
  port.renew();
  expect(send()).toBe(0);
  fars[0].transmit(batchOf([numberedFrame(3)], 0), 0);
  expect(port.receive()).toBe(1);
  expect(() => port.renew()).toThrow("no such device");
  expect([port.receive(), port.batch.count, send()]).toEqual([0, 0, 2]);
  port.renew();
  expect(send()).toBe(0);
  expect(collect(fars[1], 2, () => {})).toHaveLength(2);
  port.drop();
  expect(port.counters()).toMatchObject({ transmittedFrames: 4, transmitErrors: 4, receivedFrames: 1 });
});
