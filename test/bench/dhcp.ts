import { join } from 'node:path';
import type { DhcpResult } from './dhcp-load.ts';
import { startPxend } from './pxend.ts';
import { type BenchOptions, type Figure, medianOf, OURS, type Skip, type Target } from './report.ts';
import { ADDRESSES, LOAD_ADDRESS, programOf, type Server, type Subject, type World } from './world.ts';

const LOAD = join(import.meta.dirname, 'dhcp-load.ts');
const POOL = ['10.77.16.0', '10.77.95.255'] as const;

export const DHCP_TARGETS: readonly Target[] = [{ suite: 'dhcp', cases: /./, peer: 'kea', ratio: 1.3 }];

/** Every run begins with an empty lease file; all servers hear port 67, so one after the other. */
export async function benchDhcp(world: World, options: BenchOptions): Promise<Skip[]> {
  const skips: Skip[] = [];
  const subjects = new Map<Subject, () => Promise<Server>>([
    [OURS, () => startPxend(world, { fresh: true })],
  ]);
  const kea = programOf('kea-dhcp4');
  if (kea) subjects.set('kea', () => startKea(world, kea));
  else skips.push({ subject: 'kea', reason: 'not installed' });
  const dnsmasq = programOf('dnsmasq');
  if (dnsmasq) subjects.set('dnsmasq', () => startDnsmasq(world, dnsmasq));
  else skips.push({ subject: 'dnsmasq', reason: 'not installed' });
  for (const storm of options.quick ? [COLD] : [COLD, LARGE, WARM])
    for (const [subject, start] of subjects) {
      // It would take a minute and a half for each run.
      if (storm.before > 0 && subject === 'dnsmasq') continue;
      const runs: Figure[] = [];
      for (let i = 0; i < options.runs; i++) runs.push(await measure(world, storm, subject, start));
      options.onFigure(medianOf(runs, figure => figure.value));
    }
  return skips;
}

interface Storm {
  readonly name: string;
  readonly clients: number;
  /** Other clients that the server has had before: V8 has compiled what it runs often by then. */
  readonly before: number;
}

const COLD: Storm = { name: '1000 clients', clients: 1000, before: 0 };
const LARGE: Storm = { name: '10000 clients', clients: 10_000, before: 0 };
const WARM: Storm = { name: '10000 clients, after 10000 others', clients: 10_000, before: 10_000 };

async function measure(
  world: World,
  { name, clients, before: others }: Storm,
  subject: Subject,
  start: () => Promise<Server>,
): Promise<Figure> {
  const server = await start();
  const address = subject === OURS ? ADDRESSES.pxen : ADDRESSES[subject];
  const load = (count: number, first: number): Promise<string> =>
    world.load([
      ...[process.execPath, '--no-warnings', LOAD, address, LOAD_ADDRESS],
      ...[String(count), String(first)],
    ]);
  if (others > 0) await load(others, clients);
  const before = server.cpuSeconds();
  const result = JSON.parse(await load(clients, 0)) as DhcpResult;
  const used = server.cpuSeconds() - before;
  await server.stop();
  return {
    suite: 'dhcp',
    case: name,
    subject,
    value: result.complete / result.seconds,
    unit: 'leases/s',
    cpu: result.complete === 0 ? undefined : (used / result.complete) * 1e6,
    cpuUnit: 'µs/lease',
    note: noteOf(clients, result),
  };
}

function noteOf(clients: number, { complete, duplicates, naks, repeated }: DhcpResult): string {
  const parts: string[] = [];
  if (complete < clients) parts.push(`${complete} of ${clients} complete`);
  if (duplicates > 0) parts.push(`${duplicates} DUPLICATE ADDRESSES`);
  if (naks > 0) parts.push(`${naks} NAKs`);
  if (repeated > 0) parts.push(`${repeated} messages repeated`);
  return parts.join(', ');
}

async function startKea(world: World, program: string): Promise<Server> {
  const config = world.write(
    'kea/kea.json',
    JSON.stringify({
      Dhcp4: {
        'interfaces-config': { interfaces: [`eth0/${ADDRESSES.kea}`], 'dhcp-socket-type': 'udp' },
        'lease-database': {
          type: 'memfile',
          persist: true,
          name: join(world.folder, `kea/leases-${Math.random()}.csv`),
        },
        subnet4: [{ subnet: '10.77.0.0/16', pools: [{ pool: POOL.join(' - ') }] }],
        loggers: [{ name: 'kea-dhcp4', severity: 'ERROR', output_options: [{ output: 'stdout' }] }],
      },
    }),
  );
  const server = world.start([program, '-c', config], {
    KEA_LOCKFILE_DIR: join(world.folder, 'kea'),
    KEA_PIDFILE_DIR: join(world.folder, 'kea'),
  });
  await server.ready(1500);
  return server;
}

async function startDnsmasq(world: World, program: string): Promise<Server> {
  const leases = world.write(`dnsmasq/leases-${Math.random()}`, '');
  const server = world.start([
    program,
    ...['--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--pid-file=', '--user=root'],
    ...['--no-ping', `--dhcp-range=${POOL.join(',')},255.255.0.0,1h`, '--dhcp-lease-max=20000'],
    ...[`--dhcp-leasefile=${leases}`, '--quiet-dhcp', '--log-facility=/dev/null'],
  ]);
  await server.ready(500);
  return server;
}
