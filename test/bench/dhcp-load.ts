/** A relay agent with many clients behind it: DISCOVER to ACK for each, prints a `DhcpResult` as JSON. `dhcp-load.ts SERVER RELAY CLIENTS [FIRST]` */
import { createSocket } from 'node:dgram';

export interface DhcpResult {
  readonly seconds: number;
  readonly complete: number;
  /** Addresses given twice; must be none. */
  readonly duplicates: number;
  readonly naks: number;
  /** Messages sent again after half a second. */
  readonly repeated: number;
}

const IN_FLIGHT = 64;
const TIMEOUT = 500;
const LIMIT = 60_000;
const TYPE = { discover: 1, offer: 2, request: 3, ack: 5, nak: 6 } as const;

const [server = '', relay = '', count = '0', first = '0'] = process.argv.slice(2);
const clients = Number(count);
const giaddr = relay.split('.').map(Number);
const socket = createSocket({
  type: 'udp4',
  recvBufferSize: 4 * 1024 * 1024,
  lookup: (name, _, callback) => callback(null, name, 4),
});

interface Conversation {
  sentAt: number;
  packet: Buffer;
}
const open = new Map<number, Conversation>();
const given = new Set<number>();
let next = Number(first);
const end = next + clients;
let complete = 0;
let duplicates = 0;
let naks = 0;
let repeated = 0;

/** What an iPXE behind a relay sends, without what no server of this comparison looks at. */
function packet(client: number, options: readonly number[]): Buffer {
  const bytes = Buffer.alloc(300);
  bytes.set([1, 1, 6, 1]);
  bytes.writeUInt32BE(client, 4);
  bytes.set(giaddr, 24);
  bytes.set([0x52, 0x54, 0], 28);
  bytes.writeUIntBE(client, 31, 3);
  bytes.writeUInt32BE(0x63825363, 236);
  bytes.set([...options, 55, 4, 1, 3, 6, 51, 255], 240);
  return bytes;
}

function send(client: number, bytes: Buffer): void {
  open.set(client, { sentAt: performance.now(), packet: bytes });
  socket.send(bytes, 67, server);
}

function begin(): void {
  if (next < end) send(next, packet(next++, [53, 1, TYPE.discover]));
}

/** Value of an option, or undefined. */
function option(bytes: Buffer, wanted: number): Buffer | undefined {
  for (
    let at = 240;
    at + 1 < bytes.length && bytes[at] !== 255;
    at += bytes[at] === 0 ? 1 : 2 + (bytes[at + 1] ?? 0)
  )
    if (bytes[at] === wanted) return bytes.subarray(at + 2, at + 2 + (bytes[at + 1] ?? 0));
  return undefined;
}

socket.on('message', bytes => {
  const client = bytes.readUInt32BE(4);
  const type = option(bytes, 53)?.[0];
  if (!open.has(client)) return;
  if (type === TYPE.offer) {
    const identifier = option(bytes, 54) ?? Buffer.alloc(4);
    send(
      client,
      packet(client, [53, 1, TYPE.request, 50, 4, ...bytes.subarray(16, 20), 54, 4, ...identifier]),
    );
  } else if (type === TYPE.nak) {
    naks++;
    send(client, packet(client, [53, 1, TYPE.discover]));
  } else if (type === TYPE.ack) {
    const address = bytes.readUInt32BE(16);
    if (given.has(address)) duplicates++;
    given.add(address);
    open.delete(client);
    complete++;
    begin();
  }
});

await new Promise<void>(resolve => socket.bind(67, relay, resolve));
const began = performance.now();
for (let i = 0; i < IN_FLIGHT; i++) begin();
while (complete < clients && performance.now() - began < LIMIT) {
  await new Promise(resolve => setTimeout(resolve, 5));
  const now = performance.now();
  for (const [client, { sentAt, packet: bytes }] of open)
    if (now - sentAt > TIMEOUT) {
      repeated++;
      send(client, bytes);
    }
}
const result: DhcpResult = {
  seconds: (performance.now() - began) / 1000,
  complete,
  duplicates,
  naks,
  repeated,
};
console.log(JSON.stringify(result));
process.exit(0);
