import { type Diagnostic, formatDiagnostic } from '../../../../src/base/diagnostic.ts';
import type { Curve } from '../../../../src/domain/placement/curve.ts';
import { readCurve } from '../../../../src/domain/placement/parse-curve.ts';
import { readSnapshot, type SnapshotRead } from '../../../../src/domain/placement/parse-snapshot.ts';
import { formatWarning, type PlacementRules, readRules } from '../../../../src/domain/placement/rules.ts';
import { problemsOf, read, rootOf } from '../hocon/documents.ts';

/** The seed's examples of cost functions and profiles (ticrypt-libvirt-realms.txt), braces mended. */
export const SEED_RULES = `
ticrypt.vm.cost-functions {
simple {
name: "Simple"
description: "A basic cost function"

# Add 1 cost per VM scheduled to the VM
vms: { curve: "linear", slope: 1, base: 0 }

# VCPUs cost 0.5 each until 8, then 3 each until 16
vcpus: { curve: "hard-soft", soft: 8, hard: 16, softAmt: 4, hardAmt: 32 }

# Add 10 cost at 16 GiB of memory, 100 at 32 GiB
memory: { curve: "hard-soft", soft: 16 GiB, hard: 32 GiB, scale: 10}
}
nvidia-gpu {
name: "GPU Node"
description: "Used for GPU nodes with the standard configuration"

# Same as simple
vms: { curve: "linear", slope: 1, base: 0 }
vcpus: { curve: "hard-soft", soft: 8, hard: 16, softAmt: 4, hardAmt: 32 }
memory: { curve: "hard-soft", soft: 16 GiB, hard: 32 GiB, scale: 10}

# NVidia GPUs cost 1 each, up to a max of 2 used
devices.nvidia-gpu: { curve: linear, slope: 1, base: 0, max: 2}

# Extremely high offset so that VMs do not get scheduled here unless there is no
# other choice
offset: 100000
}
pool1 {
include "cost-functions/pool-common.conf"
name: "Pool 1"
}
pool2 {
include "cost-functions/pool-common.conf"
name: "Pool 2"
# Add a flat 1000 so that hosts in pool 2 will not be used unless the VM could not be
# scheduled to hosts in pool 1
offset: 1000
}}
ticrypt.vm.hardware-profiles {
pool1: {
name: "Pool 1"
description: "Standard host in pool 1"
cores: 8
memory: 32 GiB
cost-function: "pool1"
}

pool2: {
name: "Pool 2"
description: "Standard host in pool 2"
cores: 8
memory: 32 GiB
cost-function: "pool2"
}

nvidia-gpu-node: {
name: "NVidia GPU Node"
description: "Special nodes with NVidia GPUs attached"
cores: 8
memory: 32 GiB
cost-function: nvidia-gpu
devices = [
{type: "nvidia-gpu", addr: "0000:01:02.0"}
# PCI addresses can omit the domain if it is all 0
{type: "nvidia-gpu", addr: "02:03.0"},
]
}
}
`;

export const SEED_FILES = {
  'cost-functions/pool-common.conf': `
vms: { curve: "linear", slope: 1, base: 0 }
vcpus: { curve: "hard-soft", soft: 8, hard: 16, softAmt: 4, hardAmt: 32 }
memory: { curve: "hard-soft", soft: 16 GiB, hard: 32 GiB, scale: 10}
`,
};

/** The rules of a good file. */
export function rulesOf(text: string, files: Readonly<Record<string, string>> = {}): PlacementRules {
  const { rules, problems } = readRules([{ root: rootOf(text, files) }]);
  if (problems.length > 0) throw new Error(problems.map(formatDiagnostic).join('\n'));
  return rules;
}

/** One line for each problem of a file, and for each warning. */
export function judged(text: string, realm?: string): { problems: string[]; warnings: string[] } {
  const { root, problems: syntax } = read(text);
  if (syntax.length > 0) return { problems: problemsOf(text), warnings: [] };
  const { problems, warnings } = readRules([{ root, realm }]);
  return { problems: problems.map(formatDiagnostic), warnings: warnings.map(formatWarning) };
}

/** The curve of a good text. */
export function curveOf(text: string): Curve {
  const problems: Diagnostic[] = [];
  const curve = readCurve(rootOf(text), problems);
  if (!curve || problems.length > 0) throw new Error(problems.map(formatDiagnostic).join('\n'));
  return curve;
}

/** One line for each problem of a curve. */
export function curveProblems(text: string): string[] {
  const problems: Diagnostic[] = [];
  readCurve(rootOf(text), problems);
  return problems.map(formatDiagnostic);
}

/** A good snapshot. */
export function snapshotIn(value: unknown): SnapshotRead {
  const read = readSnapshot(rootOf(JSON.stringify(value)));
  if (read.problems.length > 0) throw new Error(read.problems.map(formatDiagnostic).join('\n'));
  return read;
}

/** What the cost functions of the document ask for VMs, vCPUs, GiB of memory and devices, in all. */
export const SEED_COSTS: readonly (readonly [
  id: string,
  vms: number,
  vcpus: number,
  gibibytes: number,
  devices: Readonly<Record<string, number>>,
  total: number,
])[] = [
  ['simple', 0, 0, 0, {}, 0],
  ['simple', 1, 1, 1, {}, 1 + 0.5 + 0.625],
  ['simple', 2, 8, 16, {}, 2 + 4 + 10],
  ['simple', 1, 9, 16, {}, 1 + 7.5 + 10],
  ['simple', 4, 16, 32, {}, 4 + 32 + 100],
  ['simple', 4, 17, 32, {}, Infinity],
  ['simple', 4, 16, 32.001, {}, Infinity],
  ['simple', 1, 1, 1, { 'nvidia-gpu': 1 }, Infinity],
  ['simple', 1, 1, 1, { 'nvidia-gpu': 0 }, 2.125],
  ['nvidia-gpu', 1, 1, 1, {}, 100002.125],
  ['nvidia-gpu', 1, 1, 1, { 'nvidia-gpu': 2 }, 100004.125],
  ['nvidia-gpu', 1, 1, 1, { 'nvidia-gpu': 3 }, Infinity],
  ['nvidia-gpu', 1, 1, 1, { 'amd-gpu': 1 }, Infinity],
  ['pool1', 1, 1, 1, {}, 2.125],
  ['pool2', 1, 1, 1, {}, 1002.125],
];

const GiB = 2 ** 30;

/** Curves of the document and their edges: inputs, and what they cost. */
export const CURVE_COSTS: readonly (readonly [
  curve: string,
  inputs: readonly number[],
  costs: readonly number[],
])[] = [
  ['{ curve: constant, value: 1.0 }', [0, 1, 1e9], [1, 1, 1]],
  ['{ curve: invalid }', [-1, 0, 1], [Infinity, Infinity, Infinity]],
  ['{ curve: linear, slope: 1.0, base: 0.0 }', [0, 1, 7], [0, 1, 7]],
  ['{ curve: linear, slope: 10.0, base: 5.0 }', [0, 1, 2], [5, 15, 25]],
  ['{ curve: "hard-soft", soft: 1.0, hard: 2.0 }', [0, 1, 2, 2.0001, 3], [0, 1, 10, Infinity, Infinity]],
  ['{ curve: soft-hard, soft: 1, hard: 2 }', [0.5, 1.5], [0.5, 5.5]],
  ['{ curve: unavailable }', [-1, 0, 0.1, 1], [0, 0, Infinity, Infinity]],
  [
    '{ curve: piecewise, cutoff: 6.0, low: { curve: constant, value: 5}, high: { curve: invalid } }',
    [0, 5, 6, 6.1, 7],
    [5, 5, 5, Infinity, Infinity],
  ],
  [
    '{ curve: hard-soft, soft: 8, hard: 16, softAmt: 4, hardAmt: 32 }',
    [8, 9, 16, 17],
    [4, 7.5, 32, Infinity],
  ],
  ['{ curve: linear, slope: 1, base: 0, max: 2 }', [1, 2, 2.1], [1, 2, Infinity]],
  ['{ curve: linear, slope: 1, base: 0, max: 2, scale: 3 }', [2, 3], [6, Infinity]],
  ['{ curve: constant, value: 5, max: 4 GiB }', [4 * GiB, 4 * GiB + 1], [5, Infinity]],
  ['{ curve: hard-soft, soft: 2, hard: 2 }', [1, 2, 2.1], [0.5, 1, Infinity]],
  ['{ curve: invalid, scale: 0 }', [0], [Infinity]],
  ['{ curve: hard-soft, soft: 1, hard: 2, scale: 0 }', [1, 2, 3], [0, 0, Infinity]],
  ['{ curve: linear, slope: 1 GiB, base: 1 KiB }', [2], [2 * GiB + 1024]],
  ['{ curve: linear, slope: -1e308, base: 0 }', [0, 1, 10], [0, Infinity, Infinity]],
];
