import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import { startPxend } from './pxend.ts';
import { type BenchOptions, type Figure, medianOf, OURS, type Skip, type Target } from './report.ts';
import { ADDRESSES, programOf, type Server, type Subject, type World } from './world.ts';

const GiB = 1024 ** 3;
const SMALL = '4 KB, 64 connections';

export const HTTP_TARGETS: readonly Target[] = [
  { suite: 'http', cases: /4 KB/, peer: 'nginx', ratio: 0.8 },
  { suite: 'http', cases: /iB, one stream/, peer: 'nginx', ratio: 1.3 },
];

export async function benchHttp(world: World, options: BenchOptions): Promise<Skip[]> {
  const nginx = programOf('nginx');
  const wrk = programOf('wrk');
  const small = randomFillSync(Buffer.alloc(4096));
  const big = Buffer.alloc(options.quick ? GiB / 4 : GiB, small);
  const bigName = options.quick ? '256 MiB, one stream' : '1 GiB, one stream';
  for (const root of ['pxend/srv/pxen/http', 'nginx/root']) {
    world.write(`${root}/isos/small`, small);
    world.write(`${root}/isos/big`, big);
  }
  const servers = new Map<Subject, Server>([[OURS, await startPxend(world)]]);
  if (nginx) servers.set('nginx', await startNginx(world, nginx));
  for (const name of [SMALL, bigName])
    for (const [subject, server] of servers) {
      if (name === SMALL && !wrk) continue;
      const runs: Figure[] = [];
      for (let i = 0; i < options.runs; i++)
        runs.push(
          await (name === SMALL
            ? measureSmall(world, subject, server)
            : measureBig(world, name, subject, server, big.length)),
        );
      options.onFigure(medianOf(runs, figure => figure.value));
    }
  await Promise.all([...servers.values()].map(server => server.stop()));
  return [
    ...(nginx ? [] : [{ subject: 'nginx', reason: 'not installed' }]),
    ...(wrk ? [] : [{ subject: `HTTP ${SMALL}`, reason: 'wrk, its load, is not installed' }]),
  ];
}

async function measureSmall(world: World, subject: Subject, server: Server): Promise<Figure> {
  const before = server.cpuSeconds();
  const url = `http://${ADDRESSES[subject]}/isos/small`;
  const output = await world.load(['wrk', '-t1', '-c64', '-d4s', url]);
  const used = server.cpuSeconds() - before;
  const requests = Number(/(\d+) requests in/.exec(output)?.[1] ?? 0);
  const failed = /Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1];
  return {
    suite: 'http',
    case: SMALL,
    subject,
    value: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1] ?? 0),
    unit: 'requests/s',
    cpu: (used / requests) * 1e6,
    cpuUnit: 'µs/request',
    note: failed ? `${failed} requests failed` : '',
  };
}

async function measureBig(
  world: World,
  name: string,
  subject: Subject,
  server: Server,
  size: number,
): Promise<Figure> {
  const before = server.cpuSeconds();
  const format = '%{size_download} %{time_total}';
  const url = `http://${ADDRESSES[subject]}/isos/big`;
  const output = await world.load(['curl', '-s', '-o', '/dev/null', '-w', format, url]);
  const used = server.cpuSeconds() - before;
  const [bytes = 0, seconds = 1] = output.split(' ').map(Number);
  return {
    suite: 'http',
    case: name,
    subject,
    value: bytes / 1e6 / seconds,
    unit: 'MB/s',
    cpu: used / (bytes / 1e9),
    cpuUnit: 's/GB',
    note: bytes === size ? '' : `${bytes} of ${size} bytes came`,
  };
}

async function startNginx(world: World, program: string): Promise<Server> {
  const folder = join(world.folder, 'nginx');
  const config = world.write(
    'nginx/nginx.conf',
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit; user root;
events { worker_connections 1024; }
http {
  sendfile on; tcp_nopush on; access_log off; keepalive_requests 10000000;
  server { listen ${ADDRESSES.nginx}:80; root ${folder}/root; }
}
`,
  );
  const server = world.start([program, '-c', config, '-p', folder, '-e', 'stderr']);
  await server.ready(500);
  return server;
}
