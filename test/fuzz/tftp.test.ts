import { expect, test } from 'vitest';
import type { Ipv4 } from '../../src/base/ipv4.ts';
import { silentLog } from '../../src/base/ports.ts';
import type { ServedFile } from '../../src/base/served.ts';
import { TftpService } from '../../src/service/tftp/service.ts';
import { decodeTftp } from '../../src/wire/tftp/packet.ts';
import { ManualClock } from '../fakes/clock.ts';
import { FakeNetwork } from '../fakes/udp.ts';

const SECONDS = Number(process.env['PXEN_FUZZ_SECONDS'] ?? 2);
const SEED = Number(process.env['PXEN_FUZZ_SEED'] ?? Date.now() % 2_147_483_647) || 1;

/** Park and Miller: a printed seed brings the same packets again. */
function generator(seed: number): (below: number) => number {
  let value = seed;
  return below => {
    value = (value * 48_271) % 2_147_483_647;
    return value % below;
  };
}

const WORDS = [
  '\0',
  '\0\x01',
  '\0\x02',
  'a',
  '../a',
  'octet\0',
  'blksize\0',
  '8\0',
  '65464\0',
  'tsize\x000\0',
  'windowsize\x0064\0',
  'timeout\x001\0',
  '\xff',
];

/** Bytes of noise, or pieces of requests in any order, or small packets of a running transfer. */
function packet(below: (n: number) => number): Uint8Array {
  const kind = below(4);
  if (kind === 0) return Uint8Array.from({ length: below(60) }, () => below(256));
  if (kind === 1) return Uint8Array.of(0, 3 + below(3), below(3), below(256), ...(below(2) ? [65, 0] : []));
  const words = Array.from({ length: 1 + below(8) }, () => WORDS[below(WORDS.length)]).join('');
  return Uint8Array.from(kind === 2 ? words : `\0\x01a\0octet\0${words}`, c => c.charCodeAt(0));
}

test.each([false, true])(
  `any packets at any port (seed ${SEED}, single port: %s): nothing is thrown, the limits hold, all is closed in the end`,
  async singlePort => {
    console.log(`fuzz: PXEN_FUZZ_SEED=${SEED} repeats this run`);
    const below = generator(SEED);
    const network = new FakeNetwork();
    const clock = new ManualClock();
    let open = 0;
    const file = (): ServedFile => ({
      size: 3000,
      mtimeMs: 0,
      version: 'a',
      readInto: async buffer => buffer.length,
      close: async () => void open--,
    });
    const server = '10.77.0.1' as Ipv4;
    const service = new TftpService({
      openUdp: network.open,
      clock,
      log: silentLog,
      timeline: { record: () => {} },
      files: {
        open: async name => {
          if (name !== 'a') return { reason: 'missing', text: 'no' };
          open++;
          return file();
        },
      },
      addresses: [server],
      port: 69,
      singlePort,
      limits: { mtu: 1500, transfers: 20, transfersPerClient: 5 },
    });
    await service.start();

    const end = performance.now() + (SECONDS * 1000) / 2;
    let packets = 0;
    while (performance.now() < end) {
      for (let i = 0; i < 50; i++, packets++) {
        const from = { address: `10.77.0.${2 + below(6)}` as Ipv4, port: 1000 + below(4) };
        const ports = [...network.sockets].map(socket => socket.local.port);
        const bytes = packet(below);
        decodeTftp(bytes);
        network.send({ from, to: { address: server, port: ports[below(ports.length)] ?? 69 }, bytes });
        if (below(10) === 0) clock.advance(below(400));
      }
      await new Promise(resolve => setImmediate(resolve));
      expect(service.transfers).toBeLessThanOrEqual(20);
      expect(network.sockets.size).toBeLessThanOrEqual(21 + 50);
      network.sent.length = 0;
    }
    expect(packets).toBeGreaterThan(1000);
    await service.stop();
    expect([open, network.sockets.size, clock.waiting]).toEqual([0, 0, 0]);
  },
  SECONDS * 1000 + 20_000,
);
