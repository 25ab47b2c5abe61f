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
