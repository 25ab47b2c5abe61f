import { expect } from 'vitest';
import { type ParsedWorkload, parseWorkload } from '../../../../src/domain/workload/parse.ts';
import type { Workload } from '../../../../src/domain/workload/workload.ts';

/** The four keys that every workload must have, on lines 1 to 4. */
export const LEAST = `name=vm
uuid=u1
platform.memory.size=1G
platform.cpu.threads=1
`;

/** LEAST with a disk (lines 5 and 6) and a NIC (line 7). */
export const SMALL = `${LEAST}platform.volume.0.type=qcow2
platform.volume.0.path=/tmp/disk.qcow2
network.0.type=nat
`;

/** The example of the source document. */
export const SEED = `name=qemutest1
uuid=qweflmqwe23
platform.memory.size=4G
platform.cpu.threads=2
platform.cpu.mode=host
platform.volume.0.source=http://host0/isos/alpine-virt-3.21.3-x86_64.iso
platform.volume.0.type=iso
platform.volume.0.path=/tmp/alpine.iso
network.0.type=bridge
network.0.bridge=br0
runtime.console.type=vnc
runtime.console.id=5
`;

/** The messages of the problems of a file called `f`. */
export function messages(text: string): string[] {
  return parseWorkload(text, 'f').problems.map(({ message }) => message);
}

/** The codes, each with its key and line. */
export function codes(text: string): string[] {
  return parseWorkload(text, 'f').problems.map(({ code, key, line = '-' }) => `${line} ${key} ${code}`);
}

/** A file that must be well, parsed. */
export function well(text: string): ParsedWorkload & { readonly workload: Workload } {
  const parsed = parseWorkload(text, 'f');
  expect(parsed.problems).toEqual([]);
  if (parsed.workload === undefined) throw new Error('a file without problems has no workload');
  return { ...parsed, workload: parsed.workload };
}
