/** `npm run bench`: pxen and its peers side by side. Prints figures; never fails because of time. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchDhcp, DHCP_TARGETS } from './dhcp.ts';
import { benchHttp, HTTP_TARGETS } from './http.ts';
import { benchOverlays, OVERLAY_TARGETS } from './overlay.ts';
import { benchPlacement, PLACEMENT_TARGETS } from './placement.ts';
import { type BenchOptions, type Figure, type Row, rowsOf, type Skip, short, tableOf } from './report.ts';
import { benchTftp, TFTP_TARGETS } from './tftp.ts';
import { benchWorkloads } from './workload.ts';
import { World } from './world.ts';

const USAGE = `usage: npm run bench -- [--quick] [--json] [--only tftp,dhcp,http,overlay,workload,placement] [--runs N]

Measures pxen and its peers side by side, in network namespaces of its own. Needs root, ip and the peers that
scripts/deps --bench installs; one that is missing is left out. The whole takes about 10 minutes.

  --quick   a few cases, one run each; under 90 s
  --only    some of the parts
  --runs    so many runs of each case, the median counts (default 3)
  --json    the rows as JSON`;

const SUITES: Readonly<Record<string, (world: World, options: BenchOptions) => Promise<Skip[]>>> = {
  tftp: benchTftp,
  dhcp: benchDhcp,
  http: benchHttp,
  overlay: benchOverlays,
  workload: benchWorkloads,
};
/** What needs no network: it runs for anyone, and installed peers do not matter. */
const WITHOUT_WORLD: Readonly<Record<string, (options: BenchOptions) => Promise<Skip[]>>> = {
  placement: benchPlacement,
};
const NAMES = [...Object.keys(SUITES), ...Object.keys(WITHOUT_WORLD)];
const TARGETS = [...TFTP_TARGETS, ...DHCP_TARGETS, ...HTTP_TARGETS, ...OVERLAY_TARGETS, ...PLACEMENT_TARGETS];

const { values: told } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: NAMES.join(',') },
    runs: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (told.help) console.log(USAGE);
else await main();

async function main(): Promise<void> {
  const figures: Figure[] = [];
  const skips: Skip[] = [];
  const options: BenchOptions = {
    quick: told.quick,
    runs: Number(told.runs ?? (told.quick ? 1 : 3)),
    onFigure: figure => {
      figures.push(figure);
      console.error(`${figure.case}: ${figure.subject} ${short(figure.value)} ${figure.unit} ${figure.note}`);
    },
  };
  for (const name of told.only.split(',')) {
    const [suite, alone] = [SUITES[name], WITHOUT_WORLD[name]];
    if (alone) skips.push(...(await alone(options)));
    else if (suite) skips.push(...(await inWorld(world => suite(world, options))));
    else throw new Error(`--only: got ${name}, expected some of ${NAMES.join(', ')}`);
  }
  print(rowsOf(figures, TARGETS), skips);
}

/** A world for each part: none of them finds what another has left. */
async function inWorld(work: (world: World) => Promise<Skip[]>): Promise<Skip[]> {
  const world = new World();
  const onSignal = (): void => void world.close().finally(() => process.exit(130));
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    world.open();
    return await work(world);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    await world.close();
  }
}

function print(rows: readonly Row[], skips: readonly Skip[]): void {
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}`;
  if (told.json) {
    console.log(JSON.stringify({ machine, rows, skips }, undefined, 2));
    return;
  }
  console.log(`\n${machine}\n\n${tableOf(rows)}`);
  for (const { subject, reason } of skips)
    console.log(`left out: ${subject}: ${reason} (scripts/deps --bench)`);
}
