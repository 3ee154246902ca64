// Names over TCP and UDP, IPv4 and IPv6, port 80. `serve NAME ADDRESS4 ADDRESS6` answers every message with its name; `ask FROM COUNT
// ADDRESS4 ADDRESS6` sends some messages from each port of a range, one when the last was answered, and prints a line for each flow
// with the names that it heard: "tcp ADDRESS PORT NAME", as many names as differ.
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";

const PORT = 80;
const MESSAGES = 8;

async function serve(name, addresses) {
  const open = addresses.flatMap((address) => {
    const tcp = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", () => socket.write(name));
      socket.on("end", () => socket.end());
    });
    const udp = createSocket({ type: address.includes(":") ? "udp6" : "udp4", ipv6Only: address.includes(":") });
    udp.on("message", (_, { port, address: to }) => udp.send(name, port, to));
    return [
      new Promise((resolve) => tcp.listen(PORT, address, resolve)),
      new Promise((resolve) => udp.bind(PORT, address, resolve)),
    ];
  });
  await Promise.all(open);
  console.log("listening");
}

const askTcp = (address, localPort, names) =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: address, port: PORT, localPort, noDelay: true }, () => socket.write("?"));
    let heard = 0;
    socket.on("error", reject).on("close", resolve);
    socket.on("data", (name) => {
      names.add(String(name));
      if (++heard < MESSAGES) socket.write("?");
      else socket.end();
    });
  });

const askUdp = (address, localPort, names) =>
  new Promise((resolve, reject) => {
    const socket = createSocket({ type: address.includes(":") ? "udp6" : "udp4", ipv6Only: address.includes(":") });
    let heard = 0;
    socket.on("error", reject).on("message", (name) => {
      names.add(String(name));
      if (++heard < MESSAGES) socket.send("?", PORT, address);
      else socket.close(resolve);
    });
    socket.bind(localPort, () => socket.send("?", PORT, address));
  });

async function ask(from, count, addresses) {
  for (let port = from; port < from + count; port++) {
    const flows = addresses.flatMap((address) => [
      ["tcp", askTcp, address],
      ["udp", askUdp, address],
    ]);
    await Promise.all(
      flows.map(async ([protocol, how, address]) => {
        const names = new Set();
        await how(address, port, names);
        console.log(`${protocol} ${address} ${port} ${[...names].join(" ")}`);
      }),
    );
  }
}

const [what, ...words] = process.argv.slice(2);
if (what === "serve") await serve(words[0], words.slice(1));
else await ask(Number(words[0]), Number(words[1]), words.slice(2));
