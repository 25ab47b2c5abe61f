import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import type { Log, UdpPeer } from '../../../../src/base/ports.ts';
import type { ServedFile, ServedFiles } from '../../../../src/base/served.ts';
import type { BootEvent } from '../../../../src/domain/node/timeline.ts';
import { TftpService } from '../../../../src/service/tftp/service.ts';
import { decodeTftp, encodeTftp } from '../../../../src/wire/tftp/packet.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { FakeNetwork } from '../../../fakes/udp.ts';

const SERVER = '10.77.0.1' as Ipv4;
const OTHER_SERVER = '10.78.0.1' as Ipv4;
const NODE = { address: '10.77.0.100' as Ipv4, port: 2070 };

let network: FakeNetwork;
let clock: ManualClock;
let events: BootEvent[];
let lines: string[];
let service: TftpService;
let openFiles: number;

/** Files in memory; `broken` fails, `shrunk` has become shorter, `rewritten` other. */
const contents: Record<string, Uint8Array> = {
  'snponly.efi': Uint8Array.from({ length: 3000 }, (_, i) => i % 251),
  notes: new Uint8Array(10),
  empty: new Uint8Array(0),
  broken: new Uint8Array(100),
  shrunk: new Uint8Array(100),
  rewritten: new Uint8Array(100),
  big: Uint8Array.from({ length: 700_000 }, (_, i) => (i * 7) % 253),
};
let reads: string[];

const files: ServedFiles = {
  async open(name) {
    const content = contents[name];
    if (!content)
      return { reason: name === 'secret' ? 'forbidden' : 'missing', text: `"${name}": not for you` };
    openFiles++;
    let closed = false;
    let changed = false;
    const file: ServedFile = {
      size: content.length,
      mtimeMs: 0,
      version: name,
      async readInto(buffer, offset) {
        reads.push(`${name}@${offset}`);
        if (name === 'rewritten') changed = true;
        if (name === 'broken') throw new Error('EIO: bad disk');
        const part = content.subarray(offset, offset + (name === 'shrunk' ? 7 : buffer.length));
        buffer.set(part);
        return part.length;
      },
      unchanged: async () => !changed,
      async close() {
        if (!closed) openFiles--;
        closed = true;
      },
    };
    return file;
  },
};

function recordingLog(): Log {
  const at = (level: string) => (_: string, message: string) => void lines.push(`${level} ${message}`);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

describe.each([false, true])('single port: %s', singlePort => {
  /** Refusals come from the port that was asked; in single-port mode everything does. */
  const asked = singlePort ? '' : ':69';

  beforeEach(async () => {
    network = new FakeNetwork();
    clock = new ManualClock();
    events = [];
    lines = [];
    reads = [];
    openFiles = 0;
    service = new TftpService({
      openUdp: network.open,
      clock,
      log: recordingLog(),
      timeline: { record: event => events.push(event) },
      files,
      addresses: [SERVER, OTHER_SERVER],
      port: 69,
      singlePort,
      limits: { mtu: 1500, transfers: 4, transfersPerClient: 3 },
    });
    await service.start();
  });

  afterEach(async () => {
    await service.stop();
    expect(openFiles).toBe(0);
    expect(network.sockets.size).toBe(0);
    expect(clock.waiting).toBe(0);
  });

  /** Sends raw bytes from the node to the server and returns all that comes back, as text. */
  async function tell(
    bytes: Uint8Array,
    to: UdpPeer = { address: SERVER, port: 69 },
    from: UdpPeer = NODE,
  ): Promise<string[]> {
    const before = network.sent.length + 1;
    network.send({ from, to, bytes });
    await settle();
    return network.sent.slice(before).map(({ bytes: answer, ...way }) => {
      if (singlePort) expect(way.from.port).toBe(69);
      return `${way.from.address}${way.from.port === 69 ? asked : ''} ${describePacket(answer)}`;
    });
  }

  describe('the options of firmware, replayed (boot-lab section 4)', () => {
    test('iPXE: blksize 1432 and tsize, block by block', async () => {
      expect(await tell(rrq('snponly.efi', { blksize: '1432', tsize: '0' }))).toEqual([
        '10.77.0.1 oack blksize=1432 tsize=3000',
      ]);
      const port = transferPort();
      expect(await tell(ack(0), port)).toEqual(['10.77.0.1 data 1 (1432)']);
      expect(await tell(ack(1), port)).toEqual(['10.77.0.1 data 2 (1432)']);
      clock.advance(20);
      expect(await tell(ack(2), port)).toEqual(['10.77.0.1 data 3 (136)']);
      expect(await tell(ack(3), port)).toEqual([]);
      expect(events).toEqual([
        {
          at: clock.now(),
          stage: 'nbp',
          text: 'TFTP "snponly.efi", 2.9 KiB in 20 ms',
          address: NODE.address,
          bytes: 3000,
          milliseconds: 20,
          protocol: 'tftp',
          file: 'snponly.efi',
          retransmissions: 0,
        },
      ]);
      expect(service.transfers).toBe(0);
    });

    test('OVMF: a size probe that ends with ERROR 8 leaves no event, then windows of four', async () => {
      const probe = { tsize: '0', blksize: '1468', windowsize: '4' };
      expect(await tell(rrq('snponly.efi', probe))).toEqual([
        '10.77.0.1 oack tsize=3000 blksize=1468 windowsize=4',
      ]);
      expect(
        await tell(encodeTftp({ kind: 'error', code: 8, text: 'User aborted' }), transferPort()),
      ).toEqual([]);
      expect([events, service.transfers]).toEqual([[], 0]);

      expect(await tell(rrq('snponly.efi', { blksize: '1468', windowsize: '4' }))).toEqual([
        '10.77.0.1 oack blksize=1468 windowsize=4',
      ]);
      const port = transferPort();
      expect(await tell(ack(0), port)).toEqual([
        '10.77.0.1 data 1 (1468)',
        '10.77.0.1 data 2 (1468)',
        '10.77.0.1 data 3 (64)',
      ]);
      await tell(ack(3), port);
      expect(events.map(event => event.stage)).toEqual(['nbp']);
    });

    test.each([-3_600_000, 3_600_000])(
      'the clock of the machine set by %i ms in mid transfer: pauses stay, the event has the new time',
      async step => {
        await tell(rrq('snponly.efi', { blksize: '1432' }));
        const port = transferPort();
        clock.advance(5);
        await tell(ack(0), port);
        clock.set(clock.now() + step);
        const before = network.sent.length;
        clock.advance(49);
        expect(network.sent.length - before).toBe(0);
        clock.advance(1);
        expect(network.sent.slice(before).map(({ bytes }) => describePacket(bytes))).toEqual([
          'data 1 (1432)',
        ]);
        for (const block of [1, 2, 3]) await tell(ack(block), port);
        expect(events.map(({ at, milliseconds }) => [at, milliseconds])).toEqual([[clock.now(), 55]]);
        expect(clock.now()).toBe(1_700_000_000_055 + step);
      },
    );

    test('packets sent again are told', async () => {
      await tell(rrq('notes', { tsize: '0' }));
      const port = transferPort();
      await tell(ack(0), port);
      clock.advance(100);
      await settle();
      await tell(ack(1), port);
      expect(lines.at(-1)).toBe('info 10.77.0.100: TFTP "notes", 10 B in 100 ms, 1 packet sent again');
      expect(events).toEqual([]);
    });

    test('answers come from the address that was asked', async () => {
      expect(await tell(rrq('notes'), { address: OTHER_SERVER, port: 69 })).toEqual([
        '10.78.0.1 data 1 (10)',
      ]);
      expect(await tell(rrq('none'), { address: OTHER_SERVER, port: 69 })).toEqual([
        `10.78.0.1${asked} error 1 "none": not for you`,
      ]);
    });
  });

  describe('requests that get no file', () => {
    test.each([
      ['a file that is not there', rrq('none'), 'error 1 "none": not for you'],
      ['a file that is forbidden', rrq('secret'), 'error 2 "secret": not for you'],
      ['an upload', rrq('notes', {}, 'wrq'), 'error 2 this server is read-only'],
      [
        'a mode of old',
        encodeTftp({ kind: 'rrq', filename: 'notes', mode: 'mail', options: new Map() }),
        'error 4 unknown mode "mail", expected octet',
      ],
    ])('%s', async (_, request, answer) => {
      expect(await tell(request)).toEqual([`10.77.0.1${asked} ${answer}`]);
      expect([events, service.transfers]).toEqual([[], 0]);
    });

    test('a boot file that is missing is a problem of that boot', async () => {
      await tell(rrq('vmlinuz-lts'));
      expect(events).toEqual([
        {
          at: clock.now(),
          stage: 'problem',
          text: 'TFTP refused "vmlinuz-lts": "vmlinuz-lts": not for you',
          address: NODE.address,
          protocol: 'tftp',
          file: 'vmlinuz-lts',
          step: 'kernel',
          fault: 'missing',
        },
      ]);
    });

    test.each([
      [new Uint8Array(0)],
      [new Uint8Array(1)],
      [ack(1)],
      [encodeTftp({ kind: 'error', code: 1, text: '' })],
    ])('what is no request gets no answer', async bytes => expect(await tell(bytes)).toEqual([]));
  });

  describe('who may have a transfer', () => {
    test('a repeated request is answered once, the same one after a second of silence begins anew', async () => {
      expect(await tell(rrq('snponly.efi', { tsize: '0' }))).toEqual(['10.77.0.1 oack tsize=3000']);
      const port = transferPort();
      expect(await tell(rrq('snponly.efi', { tsize: '0' }))).toEqual([]);
      expect(service.transfers).toBe(1);
      await tell(ack(0), port);
      network.lose = () => true;
      clock.advance(1500);
      network.lose = () => false;
      expect(await tell(rrq('snponly.efi', { tsize: '0' }))).toEqual(['10.77.0.1 oack tsize=3000']);
      expect(service.transfers).toBe(1);
      expect(events.map(event => event.text)).toEqual([
        'TFTP "snponly.efi" failed after 0 B of 2.9 KiB: the client sent another request from the same port',
      ]);
    });

    test('another request from the same port replaces the one before, without an ERROR that would hit it', async () => {
      await tell(rrq('snponly.efi', { tsize: '0' }));
      expect(await tell(rrq('notes'))).toEqual(['10.77.0.1 data 1 (10)']);
      expect(service.transfers).toBe(1);
    });

    test('beyond the limits there is no answer, and one warning', async () => {
      for (let i = 0; i < 5; i++) await tell(rrq('notes'), undefined, { ...NODE, port: 3000 + i });
      expect(service.transfers).toBe(3);
      const neighbour = '10.77.0.101' as Ipv4;
      for (let i = 0; i < 3; i++) await tell(rrq('notes'), undefined, { address: neighbour, port: 3000 + i });
      expect(service.transfers).toBe(4);
      expect(lines.filter(line => line.startsWith('warn'))).toEqual([
        'warn 10.77.0.100: a request gets no answer for now: too many transfers are running',
      ]);
    });

    test('beyond the limits, a request takes the place of the oldest one that was never answered', async () => {
      await tell(rrq('snponly.efi', { tsize: '0' }));
      const port = transferPort();
      await tell(ack(0), port);
      for (let i = 0; i < 2; i++) await tell(rrq('notes'), undefined, { ...NODE, port: 3000 + i });
      clock.advance(550);
      await settle();
      expect(await tell(rrq('notes'), undefined, { ...NODE, port: 4000 })).toEqual(['10.77.0.1 data 1 (10)']);
      expect(service.transfers).toBe(3);
      expect(await tell(ack(1), port)).toEqual(['10.77.0.1 data 2 (512)']);
      expect(events).toEqual([]);
    });

    test('a stranger cannot touch a transfer', async () => {
      await tell(rrq('snponly.efi', { tsize: '0' }));
      const port = transferPort();
      const stranger = { address: '10.77.0.66' as Ipv4, port: NODE.port };
      expect(await tell(encodeTftp({ kind: 'error', code: 0, text: '' }), port, stranger)).toEqual([]);
      expect(service.transfers).toBe(1);
      expect(await tell(ack(0), port)).toEqual(['10.77.0.1 data 1 (512)']);
    });
  });

  describe('when things go wrong', () => {
    test('a client that vanished is given up, and the boot shows why', async () => {
      await tell(rrq('snponly.efi', { tsize: '0' }));
      await tell(ack(0), transferPort());
      for (let i = 0; i < 40; i++) {
        clock.advance(1000);
        await settle();
      }
      expect(service.transfers).toBe(0);
      expect(events.map(({ stage, text }) => [stage, text])).toEqual([
        ['problem', 'TFTP "snponly.efi" failed after 0 B of 2.9 KiB: no answer from the client for 30 s'],
      ]);
    });

    test.each([
      ['broken', 'the file cannot be read: EIO: bad disk'],
      ['rewritten', 'the file cannot be read: the file was changed while it was read'],
      ['shrunk', 'the file cannot be read: the file ended at 7 of 100 bytes'],
    ])('a file that is %s ends in an ERROR', async (name, reason) => {
      expect(await tell(rrq(name))).toEqual([`10.77.0.1 error 0 ${reason}`]);
      expect(events.map(event => event.text)).toEqual([
        `TFTP "${name}" failed after 0 B of 100 B: ${reason}`,
      ]);
    });

    // Single-port mode opens no further sockets.
    if (!singlePort) {
      test('no socket to be had: the request is dropped, the next one served', async () => {
        const { open } = network;
        const failing = new TftpService({
          openUdp: async options => {
            if (options.peer) throw new Error('bind EMFILE');
            return open(options);
          },
          clock,
          log: recordingLog(),
          timeline: { record: event => events.push(event) },
          files,
          addresses: ['10.79.0.1' as Ipv4],
          port: 69,
          singlePort,
          limits: { mtu: 1500, transfers: 4, transfersPerClient: 3 },
        });
        await failing.start();
        expect(await tell(rrq('notes'), { address: '10.79.0.1' as Ipv4, port: 69 })).toEqual([]);
        expect([failing.transfers, lines.at(-1)]).toEqual([0, 'warn 10.77.0.100: "notes": bind EMFILE']);
        await failing.stop();
      });
    }

    test('stop tells the clients and closes everything', async () => {
      await tell(rrq('snponly.efi', { tsize: '0' }));
      expect(service.health()).toBeUndefined();
      await service.stop();
      expect(describePacket(network.sent.at(-1)?.bytes ?? new Uint8Array())).toBe('error 0 the server stops');
      expect(service.health()).toBe('tftp: does not listen');
    });

    test('start fails as a whole when one address cannot be had', async () => {
      const second = new TftpService({
        openUdp: network.open,
        clock,
        log: recordingLog(),
        timeline: { record: () => {} },
        files,
        addresses: ['10.79.0.1' as Ipv4, SERVER],
        port: 69,
        singlePort,
        limits: { mtu: 1500, transfers: 4, transfersPerClient: 3 },
      });
      await expect(second.start()).rejects.toThrow('UDP 10.77.0.1:69 is in use by another program');
      expect([second.endpoints, network.sockets.size]).toEqual([[], 2]);
    });
  });

  describe('reading', () => {
    test('chunks are read once for all transfers of a file, and ahead of the window', async () => {
      const got: number[] = [];
      for (const port of [3000, 3001]) {
        const from = { ...NODE, port };
        await tell(rrq('big', { blksize: '1468', windowsize: '64' }), undefined, from);
        const to = transferPort();
        const before = network.sent.length;
        for (let block = 0; block < 477; block = Math.min(block + 64, 477)) await tell(ack(block), to, from);
        got.push(sumOf(network.sent.slice(before).map(datagram => datagram.bytes)));
        await tell(ack(477), to, from);
      }
      const whole = contents['big']?.reduce((sum, byte) => sum + byte, 0);
      expect(got).toEqual([whole, whole]);
      expect(reads).toEqual(['big@0', 'big@261304', 'big@522608']);
    });

    test('a storm of requests for one file opens it once', async () => {
      for (const port of [3000, 3001, 3002])
        network.send({ from: { ...NODE, port }, to: { address: SERVER, port: 69 }, bytes: rrq('notes') });
      await settle();
      expect([service.transfers, openFiles, reads]).toEqual([3, 1, ['notes@0']]);
      for (const answer of network.sent.slice(-3)) await tell(ack(1), answer.from, answer.to);
      expect([service.transfers, openFiles]).toEqual([0, 0]);
    });

    test('an empty file is one empty block', async () => {
      expect(await tell(rrq('empty'))).toEqual(['10.77.0.1 data 1 (0)']);
    });
  });
});

function sumOf(datagrams: readonly Uint8Array[]): number {
  const payloads = datagrams
    .map(decodeTftp)
    .flatMap(packet => (packet?.kind === 'data' ? [packet.payload] : []));
  return payloads.reduce((sum, payload) => sum + payload.reduce((a, b) => a + b, 0), 0);
}

/** Lets promises and microtasks run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve));
}

function describePacket(bytes: Uint8Array): string {
  const packet = decodeTftp(bytes);
  switch (packet?.kind) {
    case 'data':
      return `data ${packet.block} (${packet.payload.length})`;
    case 'oack':
      return `oack ${[...packet.options].map(pair => pair.join('=')).join(' ')}`;
    case 'error':
      return `error ${packet.code} ${packet.text}`;
    default:
      return String(packet?.kind);
  }
}

function rrq(
  filename: string,
  options: Record<string, string> = {},
  kind: 'rrq' | 'wrq' = 'rrq',
): Uint8Array {
  return encodeTftp({ kind, filename, mode: 'octet', options: new Map(Object.entries(options)) });
}

function ack(block: number): Uint8Array {
  return encodeTftp({ kind: 'ack', block });
}

/** The transfer socket that answered last. */
function transferPort(): UdpPeer {
  return network.sent.at(-1)?.from ?? NODE;
}
