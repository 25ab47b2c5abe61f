import { Dice } from '../../src/domain/placement/dice.ts';
import { Draft, type Score } from '../../src/domain/placement/draft.ts';
import { place } from '../../src/domain/placement/place.ts';
import { plan } from '../../src/domain/placement/plan.ts';
import type { PlacementRequest, Snapshot } from '../../src/domain/placement/snapshot.ts';
import { optimum } from '../unit/domain/placement/optimum.ts';
import { rulesOf } from '../unit/domain/placement/rules-of.ts';
import { type BenchOptions, type Figure, medianOf, OURS, type Skip, type Target } from './report.ts';

/** Issue 6: 10,000 VMs one by one on 1,000 hosts within a second. */
export const PLACEMENT_TARGETS: readonly Target[] = [
  { suite: 'placement', cases: /^1000 hosts/, peer: 'one second', ratio: 1 },
  { suite: 'placement', cases: /plan/, peer: 'one by one', ratio: 1 },
];

const VMS = 10_000;
const GiB = 2 ** 30;

const RULES = rulesOf(`pxen.vm {
  cost-functions {
    standard {
      vms { curve = linear, slope = 1, base = 0 }
      vcpus { curve = hard-soft, soft = 32, hard = 64, softAmt = 16, hardAmt = 128 }
      memory { curve = hard-soft, soft = 128 GiB, hard = 256 GiB, scale = 10 }
    }
    gpu = \${pxen.vm.cost-functions.standard} {
      devices.gpu { curve = linear, slope = 1, base = 0, max = 4 }
      offset = 1000
    }
  }
  hardware-profiles {
    standard { cores = 32, memory = 256 GiB, cost-function = standard }
    gpu {
      cores = 32, memory = 256 GiB, cost-function = gpu
      devices = [
        { type = gpu, addr = "01:00.0" }, { type = gpu, addr = "02:00.0" }
        { type = gpu, addr = "03:00.0" }, { type = gpu, addr = "04:00.0" }
      ]
    }
  }
}`);

/** Decisions of the planner alone: no network, no peers to install. */
export async function benchPlacement(options: BenchOptions): Promise<Skip[]> {
  for (const hosts of options.quick ? [10, 1000] : [10, 100, 1000, 10_000]) speed(hosts, options);
  againstOptimum(options);
  againstHeuristics(options);
  return [];
}

/** Every tenth host has GPUs. */
function cluster(count: number): Snapshot {
  const hosts = Array.from({ length: count }, (_, i) => ({
    name: `host-${String(i).padStart(5, '0')}`,
    profile: i % 10 === 9 ? 'gpu' : 'standard',
    state: 'enabled' as const,
    usage: { vms: 0, vcpus: 0, memory: 0, devices: new Map() },
    coschedule: [],
    groups: new Map(),
  }));
  return { rules: RULES, hosts };
}

/** VMs of 20 shapes, as users of a cloud ask for them, or all of different size. */
function vms(count: number, kind: 'of 20 shapes' | 'all different', dice: Dice): PlacementRequest[] {
  return Array.from({ length: count }, (_, i) => {
    const size = 2 ** dice.roll(4);
    const memory =
      kind === 'of 20 shapes' ? size * 2 ** dice.roll(5) * (GiB / 2) : (1 + dice.roll(2 ** 16)) * 2 ** 20;
    const gpus = dice.roll(50) === 0 ? [['gpu', 1] as const] : [];
    return { name: `vm-${i}`, vcpus: size, memory, devices: new Map(gpus), coschedule: -1 };
  });
}

function speed(hosts: number, options: BenchOptions): void {
  for (const kind of ['of 20 shapes', 'all different'] as const) {
    const snapshot = cluster(hosts);
    const requests = vms(VMS, kind, new Dice(hosts));
    const runs = Array.from({ length: options.runs }, () => timed(snapshot, requests));
    const { rate, placed, cpu } = medianOf(runs, run => run.rate);
    const figure = {
      suite: 'placement',
      case: `${hosts} hosts, VMs ${kind}`,
      unit: 'VMs/s',
      cpuUnit: 'µs/VM',
    } as const;
    options.onFigure({ ...figure, subject: OURS, value: rate, cpu, note: `${placed} of ${VMS} placed` });
    options.onFigure({ ...figure, subject: 'one second', value: VMS, cpu: undefined, note: '' });
    const plain = plainRate(snapshot, requests);
    options.onFigure({ ...figure, subject: 'place() alone', value: plain, cpu: 1e6 / plain, note: '' });
  }
}

/** One by one, each by the total cost of its host, as single starts do. */
function timed(
  snapshot: Snapshot,
  requests: readonly PlacementRequest[],
): { rate: number; placed: number; cpu: number } {
  const cpuBefore = process.cpuUsage();
  const before = performance.now();
  const draft = new Draft(snapshot, requests);
  draft.placeAll(requests.keys(), 'total');
  const milliseconds = performance.now() - before;
  const { user, system } = process.cpuUsage(cpuBefore);
  const { placed } = draft.score;
  return { rate: (requests.length * 1000) / milliseconds, placed, cpu: (user + system) / requests.length };
}

/** What it would be without the fleet: every host judged anew, with its reasons, for every VM. */
function plainRate(snapshot: Snapshot, requests: readonly PlacementRequest[]): number {
  const sample = requests.slice(0, 20);
  const before = performance.now();
  for (const request of sample) place(snapshot, request);
  return (sample.length * 1000) / (performance.now() - before);
}

/** Small clusters, nearly full: how often the best of all ways is found, and how much dearer it is otherwise. */
function againstOptimum(options: BenchOptions): void {
  const clusters = options.quick ? 10 : 50;
  const results = Array.from({ length: clusters }, (_, i) => {
    const dice = new Dice(i);
    const snapshot = cluster(3);
    const requests = vms(7, 'all different', dice).map(request => ({
      ...request,
      vcpus: 8 + dice.roll(24),
      coschedule: dice.roll(6) === 0 ? dice.roll(3) : -1,
    }));
    return { best: optimum(snapshot, requests), planned: plan(snapshot, requests) };
  });
  const found = (scoreOf: (result: (typeof results)[number]) => Score): Pick<Figure, 'value' | 'note'> => {
    const same = results.filter(result => scoreOf(result).placed === result.best.placed);
    const dearer = same.map(result => scoreOf(result).cost / result.best.cost - 1);
    const exact = dearer.filter(part => part < 1e-9).length;
    const mean = (100 * dearer.reduce((sum, part) => sum + part, 0)) / Math.max(1, dearer.length);
    return {
      value: (100 * exact) / results.length,
      note: `${results.length - same.length} times fewer VMs, else ${mean.toFixed(2)} % dearer`,
    };
  };
  const figure = {
    suite: 'placement',
    case: 'plan, 3 hosts, 7 VMs',
    unit: '% optimal',
    cpu: undefined,
    cpuUnit: '',
  } as const;
  options.onFigure({ ...figure, subject: OURS, ...found(({ planned }) => planned.score) });
  options.onFigure({ ...figure, subject: 'one by one', ...found(({ planned }) => planned.oneByOne) });
  options.onFigure({ ...figure, subject: 'exhaustive', value: 100, note: '' });
}

/** Big clusters: one with too little room for all, and one with enough, where the cost counts. */
function againstHeuristics(options: BenchOptions): void {
  const hosts = options.quick ? 30 : 200;
  for (const { name, perHost } of [
    { name: 'short of room', perHost: 14 },
    { name: 'half full', perHost: 6 },
  ]) {
    const snapshot = cluster(hosts);
    const requests = vms(hosts * perHost, 'all different', new Dice(perHost));
    const before = performance.now();
    const { score, oneByOne } = plan(snapshot, requests);
    const seconds = ((performance.now() - before) / 1000).toFixed(1);
    const scores: readonly (readonly [string, Score, string])[] = [
      [OURS, score, `, ${seconds} s`],
      ['one by one', oneByOne, ''],
      ['first fit', firstFit(snapshot, requests), ''],
      ['best fit decreasing', bestFitDecreasing(snapshot, requests), ''],
    ];
    for (const [subject, { placed, cost }, more] of scores)
      options.onFigure({
        suite: 'placement',
        case: `plan, ${hosts} hosts, ${requests.length} VMs, ${name}`,
        subject,
        value: name === 'half full' ? (1000 * placed) / cost : placed,
        unit: name === 'half full' ? 'VMs for 1000' : 'VMs placed',
        cpu: undefined,
        cpuUnit: '',
        note: `${placed} VMs, cost ${Math.round(cost)}${more}`,
      });
  }
}

/** Each onto the first host that takes it. */
function firstFit(snapshot: Snapshot, requests: readonly PlacementRequest[]): Score {
  return fitted(snapshot, requests, [...requests.keys()], () => 0);
}

/** The biggest first, each onto the fullest host that takes it. */
function bestFitDecreasing(snapshot: Snapshot, requests: readonly PlacementRequest[]): Score {
  const size = ({ vcpus, memory }: PlacementRequest): number => Math.max(vcpus / 64, memory / (256 * GiB));
  const order = [...requests.keys()].sort((a, b) => sizeOf(b) - sizeOf(a));
  function sizeOf(vm: number): number {
    const request = requests[vm];
    return request ? size(request) : 0;
  }
  const full = new Map<number, number>();
  return fitted(snapshot, requests, order, (host, request) => {
    if (request) full.set(host, (full.get(host) ?? 0) + size(request));
    return -(full.get(host) ?? 0);
  });
}

/** Each in turn onto the host with the smallest rank among those that take it; `rank` is told what was put there. */
function fitted(
  snapshot: Snapshot,
  requests: readonly PlacementRequest[],
  order: readonly number[],
  rank: (host: number, put?: PlacementRequest) => number,
): Score {
  const draft = new Draft(snapshot, requests);
  for (const vm of order) {
    const request = requests[vm];
    if (!request) continue;
    let best = -1;
    for (const host of draft.fleet.berths.keys())
      if (draft.fleet.price(host, request, 'total') < Infinity && (best < 0 || rank(host) < rank(best)))
        best = host;
    if (best < 0) continue;
    draft.put(vm, best);
    rank(best, request);
  }
  return draft.score;
}
