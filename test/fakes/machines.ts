import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImportOptions } from '../../src/domain/vm/draft.ts';
import { EXPORT_DEFAULTS, type ExportSettings } from '../../src/domain/vm/format.ts';
import type { Machine } from '../../src/domain/vm/machine.ts';
import { decideMachine } from '../../src/domain/vm/machine.ts';
import { WORKLOADS_FOLDER } from '../../src/domain/vm/statefiles.ts';
import type { AccelPolicy, WorkloadFacts } from '../../src/domain/workload/facts.ts';
import { parseWorkload } from '../../src/domain/workload/parse.ts';
import type { Workload } from '../../src/domain/workload/workload.ts';
import { sha1 } from '../../src/io/sha1.ts';
import { sha256 } from '../../src/io/sha256.ts';

export const QEMU_GOLDENS = join(import.meta.dirname, '../golden/qemu');

/** `name.conf`, and where a node's word is needed `name.json` with `accel` and `facts`. */
export const goldenNames = readdirSync(QEMU_GOLDENS)
  .filter(file => file.endsWith('.conf'))
  .map(file => file.replace(/\.conf$/, ''));

interface Around {
  readonly accel?: AccelPolicy;
  readonly facts?: WorkloadFacts;
  readonly folder?: string;
  readonly at?: (path: string) => string;
}

/** The workload of a text that has no problems. */
export function workloadOf(text: string): Workload {
  const { problems, workload } = parseWorkload(text, 'test.conf');
  if (!workload) throw new Error(problems.map(({ message }) => message).join('\n'));
  return workload;
}

/** With KVM, at its place on a node, unless told otherwise. */
export function machineOf(workload: Workload, around: Around = {}): Machine {
  const { accel = 'kvm', at = (path: string): string => path, facts = {} } = around;
  const folder = around.folder ?? `${WORKLOADS_FOLDER}/${workload.uuid}`;
  return decideMachine(workload, facts, { accel, folder, at, sha256, sha1 });
}

export function goldenWorkload(name: string): Workload {
  return workloadOf(readFileSync(join(QEMU_GOLDENS, `${name}.conf`), 'utf8'));
}

export function goldenMachine(name: string): Machine {
  const around = join(QEMU_GOLDENS, `${name}.json`);
  return machineOf(goldenWorkload(name), existsSync(around) ? JSON.parse(readFileSync(around, 'utf8')) : {});
}

/** For an import; what nobody names is called so. */
export function importOptions(fallbackName: string, more: Partial<ImportOptions> = {}): ImportOptions {
  return { fallbackName, bridge: 'br0', sha1, sha256, ...more };
}

/** For an export; as the documents have it. */
export const exportSettings: ExportSettings = { ...EXPORT_DEFAULTS, sha1 };
