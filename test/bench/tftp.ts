import { randomFillSync } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { startPxend } from './pxend.ts';
import { type BenchOptions, type Figure, medianOf, OURS, type Skip, type Target } from './report.ts';
import { ADDRESSES, programOf, run, type Server, type Subject, type World } from './world.ts';

/** Debian forbids tftpd-hpa beside atftpd; scripts/deps unpacks it here. */
const UNPACKED = join(homedir(), '.cache/pxen/bench/tftpd-hpa/usr/sbin/in.tftpd');
const LOAD_SOURCE = join(import.meta.dirname, 'tftp-load.c');
const BLKSIZE = 1468;
const LIMIT_MS = 60_000;
const MiB = 1024 * 1024;

export const TFTP_TARGETS: readonly Target[] = [
  { suite: 'tftp', cases: /w16$/, peer: 'atftpd', ratio: 1.1 },
  { suite: 'tftp', cases: /^(16|100|500) x [^,]*, w1$/, peer: 'dnsmasq', ratio: 0.6 },
  { suite: 'tftp', cases: /1 % loss, w1$/, peer: 'tftpd-hpa', ratio: 10 },
];

interface Case {
  readonly name: string;
  readonly clients: number;
  readonly bytes: number;
  readonly windowsize: number;
  readonly delayMs?: number;
  readonly loss?: number;
  /** Part of the short form too, or of that alone; absent: of the whole one alone. */
  readonly quick?: 'too' | 'only';
}

const CASES: readonly Case[] = [
  { name: '1 x 32 MB, w1', clients: 1, bytes: 32 * MiB, windowsize: 1 },
  { name: '1 x 32 MB, w16', clients: 1, bytes: 32 * MiB, windowsize: 16 },
  { name: '16 x 8 MB, w1', clients: 16, bytes: 8 * MiB, windowsize: 1 },
  { name: '16 x 8 MB, w16', clients: 16, bytes: 8 * MiB, windowsize: 16, quick: 'too' },
  { name: '100 x 1 MB, w1', clients: 100, bytes: MiB, windowsize: 1, quick: 'too' },
  { name: '100 x 1 MB, w16', clients: 100, bytes: MiB, windowsize: 16 },
  { name: '500 x 256 KB, w1', clients: 500, bytes: MiB / 4, windowsize: 1 },
  { name: '500 x 256 KB, w16', clients: 500, bytes: MiB / 4, windowsize: 16 },
  { name: '16 x 1 MB, 1 ms RTT, w1', clients: 16, bytes: MiB, windowsize: 1, delayMs: 1 },
  { name: '16 x 1 MB, 1 ms RTT, w16', clients: 16, bytes: MiB, windowsize: 16, delayMs: 1 },
  // At full length the peers need a minute for the loss.
  {
    name: '16 x 128 KB, 1 % loss, w1',
    clients: 16,
    bytes: MiB / 8,
    windowsize: 1,
    loss: 0.01,
    quick: 'only',
  },
  { name: '16 x 1 MB, 1 % loss, w1', clients: 16, bytes: MiB, windowsize: 1, loss: 0.01 },
  { name: '16 x 1 MB, 1 % loss, w16', clients: 16, bytes: MiB, windowsize: 16, loss: 0.01 },
];

/** Every case against every server, one after the other within a case, so that all meet the same mood of the machine. */
export async function benchTftp(world: World, options: BenchOptions): Promise<Skip[]> {
  const compiler = programOf('cc', 'gcc');
  if (compiler === undefined) return [{ subject: 'TFTP', reason: 'no C compiler for the load' }];
  const load = join(world.folder, 'tftp-load');
  run(compiler, '-O2', '-o', load, LOAD_SOURCE);
  const cases = CASES.filter(({ quick }) => (options.quick ? quick !== undefined : quick !== 'only'));
  for (const { bytes } of cases) writeFiles(world, bytes);
  const { servers, skips } = await startServers(world);
  for (const one of cases)
    for (const [subject, server] of servers) {
      const runs: Figure[] = [];
      for (let i = 0; i < options.runs; i++) runs.push(await measure(world, load, one, subject, server));
      options.onFigure(medianOf(runs, figure => figure.value));
    }
  await Promise.all([...servers.values()].map(server => server.stop()));
  return skips;
}

function writeFiles(world: World, bytes: number): void {
  const content = randomFillSync(Buffer.alloc(bytes));
  world.write(`tftp/file-${bytes}`, content);
  world.write(`pxend/srv/pxen/tftp/file-${bytes}`, content);
}

async function startServers(world: World): Promise<{ servers: Map<Subject, Server>; skips: Skip[] }> {
  const root = join(world.folder, 'tftp');
  const servers = new Map<Subject, Server>();
  const skips: Skip[] = [];
  const peer = async (subject: Subject, program: string | undefined, ...flags: string[]): Promise<void> => {
    if (program === undefined) return void skips.push({ subject, reason: 'not installed' });
    const server = world.start([program, ...flags]);
    await server.ready(300);
    servers.set(subject, server);
  };
  servers.set(OURS, await startPxend(world));
  await peer(
    'tftpd-hpa',
    programOf(UNPACKED),
    ...['--foreground', '--address', `${ADDRESSES['tftpd-hpa']}:69`, '--user', 'root', '--secure', root],
  );
  await peer(
    'atftpd',
    programOf('atftpd'),
    ...['--daemon', '--no-fork', '--bind-address', ADDRESSES.atftpd, '--user', 'root', '--group', 'root'],
    ...['--maxthread', '2000', '--verbose=0', '--logfile', '/dev/null', root],
  );
  await peer(
    'dnsmasq',
    programOf('dnsmasq'),
    ...['--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--bind-interfaces', '--pid-file='],
    ...[`--listen-address=${ADDRESSES.dnsmasq}`, '--enable-tftp', `--tftp-root=${root}`, '--tftp-max=2000'],
    ...['--user=root', '--quiet-tftp', '--log-facility=/dev/null'],
  );
  return { servers, skips };
}

/** What tftp-load prints. */
interface TftpResult {
  readonly seconds: number;
  readonly complete: number;
  readonly corrupt: number;
  readonly bytes: number;
  /** Requests sent again since no answer had come within 250 ms. */
  readonly repeatedRequests: number;
  /** Milliseconds that one download took, the 99th of 100. */
  readonly p99: number;
}

async function measure(
  world: World,
  load: string,
  one: Case,
  subject: Subject,
  server: Server,
): Promise<Figure> {
  const file = join(world.folder, `tftp/file-${one.bytes}`);
  const { clients, windowsize, delayMs = 0, loss = 0 } = one;
  const task = [ADDRESSES[subject], file, clients, windowsize, BLKSIZE, delayMs * 1000, loss, LIMIT_MS];
  const before = server.cpuSeconds();
  const output = await world.load([load, ...task.map(String)]);
  const used = server.cpuSeconds() - before;
  const result = JSON.parse(output) as TftpResult;
  return {
    suite: 'tftp',
    case: one.name,
    subject,
    value: result.bytes / 1e6 / result.seconds,
    unit: 'MB/s',
    cpu: result.bytes === 0 ? undefined : used / (result.bytes / 1e9),
    cpuUnit: 's/GB',
    note: noteOf(one, result),
  };
}

function noteOf(one: Case, result: TftpResult): string {
  const parts: string[] = [];
  if (result.complete < one.clients) parts.push(`${result.complete} of ${one.clients} complete`);
  if (result.corrupt > 0) parts.push(`${result.corrupt} CORRUPT BLOCKS`);
  if (one.clients >= 500)
    parts.push(`p99 ${Math.round(result.p99)} ms, ${result.repeatedRequests} requests repeated`);
  return parts.join(', ');
}
