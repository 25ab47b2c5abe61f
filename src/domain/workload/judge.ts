import { nearest, quote } from '../../base/diagnostic.ts';
import { ENGINE_LIMITS } from '../vm/capabilities.ts';
import type { AccelPolicy, WorkloadFacts } from './facts.ts';
import { HARDWARE_RULES } from './hardware.ts';
import { type KeyPattern, keyOf } from './keys.ts';
import { type OnNode, type OnNodeRule, type WellFormed, written } from './on-node.ts';
import type { ParsedWorkload } from './parse.ts';
import { byLine, type Fault, problemIn, type WorkloadProblem } from './problem.ts';
import { cpuModel, formatMemory } from './values.ts';
import { SERIAL_BASE_PORT, VNC_BASE_PORT, type Volume } from './workload.ts';

export type { WellFormed } from './on-node.ts';

/** What stands against running the workload on the node that the facts are of. A rule whose fact is absent is not applied. */
export function judgeOnNode(parsed: WellFormed, facts: WorkloadFacts, accel: AccelPolicy): WorkloadProblem[] {
  const node: OnNode = { ...parsed, facts, accel };
  const faults = RULES.flatMap(rule => rule(node));
  return faults.sort(byLine).map(fault => problemIn(parsed.file, fault));
}

const RULES: readonly OnNodeRule[] = [
  uuidIsFree,
  memoryFits,
  threadsFit,
  modelIsKnown,
  kvmWorks,
  ({ workload, ...node }) => workload.volumes.flatMap(volume => volumeFaults({ workload, ...node }, volume)),
  bridgesExist,
  portIsFree,
  ...HARDWARE_RULES,
];

/** MH-5. */
function uuidIsFree({ facts, ...parsed }: OnNode): Fault[] {
  const { uuid } = parsed.workload;
  if (!facts.otherUuids?.includes(uuid)) return [];
  return [
    { ...written(parsed, 'uuid', uuid), code: 'NOT_UNIQUE', expected: 'one that no other workload has' },
  ];
}

/** MH-7: what is exactly as much as there is fits. Huge pages are no part of MemAvailable. */
function memoryFits({ facts: { memAvailableKiB }, ...parsed }: OnNode): Fault[] {
  const { bytes, hugepages } = parsed.workload.memory;
  const wanted = bytes / 1024;
  if (memAvailableKiB === undefined || wanted <= memAvailableKiB || hugepages !== undefined) return [];
  const place = written(parsed, 'platform.memory.size', formatMemory(bytes));
  const expected = `at most ${memAvailableKiB} KiB (MemAvailable of the node)`;
  return [{ ...place, code: 'TOO_MUCH', got: `${place.got} (${wanted} KiB)`, expected }];
}

/** MH-8. */
function threadsFit({ facts: { nproc }, ...parsed }: OnNode): Fault[] {
  const { threads } = parsed.workload.cpu;
  if (nproc === undefined || threads <= nproc) return [];
  const place = written(parsed, 'platform.cpu.threads', `${threads}`);
  return [{ ...place, code: 'TOO_MUCH', expected: `at most ${nproc} (processors of the node)` }];
}

/** MH-9. */
function modelIsKnown({ facts: { cpuModels }, ...parsed }: OnNode): Fault[] {
  const { mode } = parsed.workload.cpu;
  if (cpuModels === undefined || mode === 'host' || cpuModels.includes(mode)) return [];
  const near = nearest(
    mode,
    cpuModels.filter(model => 'value' in cpuModel(model)),
  );
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  const expected = `host, or a model that qemu-system-x86_64 -cpu help lists on the node${hint}`;
  return [{ ...written(parsed, 'platform.cpu.mode', mode), code: 'NOT_ON_NODE', expected }];
}

/** What a guest without KVM can have; both are in every QEMU. */
const MODELS_WITHOUT_KVM = 'a CPU model such as max or qemu64';

/** MH-10: `host` is KVM or nothing; another model does without where the appliance allows it. */
function kvmWorks({ facts: { kvm }, accel, ...parsed }: OnNode): Fault[] {
  const { mode } = parsed.workload.cpu;
  const place = { ...written(parsed, 'platform.cpu.mode', mode), code: 'NO_KVM' } as const;
  const { needsKvm } = ENGINE_LIMITS[parsed.workload.engine];
  if (needsKvm !== undefined && accel === 'tcg')
    return [engineWithoutKvm(parsed, needsKvm, 'workload.accel of pxen.yaml is tcg')];
  if (needsKvm !== undefined && kvm?.usable === false)
    return [engineWithoutKvm(parsed, needsKvm, kvm.reason ?? 'nobody knows why')];
  if (accel === 'tcg')
    return mode === 'host'
      ? [{ ...place, expected: `${MODELS_WITHOUT_KVM}, because workload.accel is tcg` }]
      : [];
  if (kvm === undefined || kvm.usable) return [];
  if (accel === 'auto' && mode !== 'host') return [];
  const here = `here it does not${kvm.reason === undefined ? '' : ` (${kvm.reason})`}`;
  return [{ ...place, expected: `a node where KVM works${otherwise(mode, accel)}; ${here}` }];
}

function engineWithoutKvm(parsed: WellFormed, needsKvm: string, why: string): Fault {
  const { engine } = parsed.workload;
  const expected = `an engine that runs without KVM, or a node where it works; here it does not (${why}), and ${needsKvm}`;
  return { ...written(parsed, 'platform.engine', engine), code: 'NO_KVM', expected };
}

/** What would do instead. */
function otherwise(mode: string, accel: AccelPolicy): string {
  if (accel === 'auto') return `, or ${MODELS_WITHOUT_KVM}`;
  return mode === 'host' ? '' : ', or workload.accel: auto in pxen.yaml';
}

/** MH-13 and MH-18 with X-2. */
function volumeFaults({ facts, ...parsed }: OnNode, volume: Volume): Fault[] {
  const { ephemeral, id, path, size, source } = volume;
  const { existingPaths, ownedPaths = [] } = facts;
  if (existingPaths === undefined) return [];
  const place = written(parsed, keyOf('platform.volume.<id>.path', id), path);
  if (!existingPaths.includes(path)) {
    if (size !== undefined) return [];
    const remedy =
      source === undefined
        ? `platform.volume.${id}.source can tell where to fetch it`
        : `mesh workload download -w ${parsed.workload.name}`;
    return [{ ...place, code: 'NOT_ON_NODE', expected: `a file that is on the node (${remedy})` }];
  }
  if (ephemeral || ownedPaths.includes(path)) return [];
  const expected = `no file there, or one that this workload placed itself, because platform.volume.${id}.ephemeral=0`;
  return [{ ...place, code: 'ALREADY_THERE', expected }];
}

/** MH-21. */
function bridgesExist({ facts: { interfaces }, ...parsed }: OnNode): Fault[] {
  if (interfaces === undefined) return [];
  return parsed.workload.nics.flatMap(({ id, bridge }) => {
    if (bridge === undefined || interfaces.includes(bridge)) return [];
    const place = written(parsed, keyOf('network.<id>.bridge', id), bridge);
    return [
      { ...place, code: 'NOT_ON_NODE' as const, expected: 'a bridge that is in /sys/class/net of the node' },
    ];
  });
}

/** MH-27 and MH-29. */
function portIsFree({ facts: { busyPorts }, ...parsed }: OnNode): Fault[] {
  const { console } = parsed.workload;
  if (console.type === 'serial-socket' || console.id === undefined) return [];
  const port = (console.type === 'vnc' ? VNC_BASE_PORT : SERIAL_BASE_PORT) + console.id;
  if (!busyPorts?.includes(port)) return [];
  const expected = `an id whose port is free; ${port} is taken on the node`;
  return [{ ...written(parsed, 'runtime.console.id', `${console.id}`), code: 'PORT_BUSY', expected }];
}

/** What the workload files of one appliance must not have in common (MH-5; `-w` finds a workload by its name). */
const UNIQUE = ['name', 'uuid'] as const satisfies readonly KeyPattern[];
/** Others that a message names. */
const MOST_NAMED = 3;

/** Each file that has what another one has, too, in the order of the files. */
export function judgeTogether(all: readonly ParsedWorkload[]): WorkloadProblem[] {
  const groups = UNIQUE.map(key => ({ key, byText: Map.groupBy(all, ({ texts }) => texts.get(key) ?? '') }));
  return all.flatMap(parsed =>
    groups.flatMap(({ key, byText }) => {
      const text = parsed.texts.get(key) ?? '';
      const holders = byText.get(text) ?? [];
      return text === '' || holders.length < 2
        ? []
        : [problemIn(parsed.file, sharedFault(parsed, key, holders))];
    }),
  );
}

/** Called with all files that have the same there, this one included. */
function sharedFault(parsed: ParsedWorkload, key: string, holders: readonly ParsedWorkload[]): Fault {
  const named = holders
    .slice(0, MOST_NAMED + 1)
    .filter(holder => holder !== parsed)
    .slice(0, MOST_NAMED);
  const files = named.map(({ file }) => file).join(', ');
  const more = holders.length - 1 - named.length;
  const who = more > 0 ? `${files} and ${more} more` : files;
  const expected = `one that no other workload has; it is also in ${who}`;
  const got = quote(parsed.texts.get(key) ?? '');
  return { line: parsed.lines.get(key), key, code: 'NOT_UNIQUE', got, expected };
}
