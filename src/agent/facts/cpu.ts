import type { Cpu } from '../../domain/node/facts.ts';

/** Flags of /proc/cpuinfo that decide what can run on a node. */
const FLAGS_OF_INTEREST: ReadonlySet<string> = new Set([
  'aes',
  'avx',
  'avx2',
  'avx512f',
  'ept',
  'fma',
  'hypervisor',
  'lm',
  'npt',
  'pdpe1gb',
  'rdrand',
  'sev',
  'sse4_2',
  'svm',
  'tdx_guest',
  'vmx',
  'x2apic',
]);

/** From /proc/cpuinfo: one block per logical processor. Where a virtual machine shows no topology, each one counts as a core. */
export function parseCpuinfo(text: string): Cpu {
  const processors = text
    .split(/\n\s*\n/)
    .map(fieldsOf)
    .filter(fields => fields.has('processor'));
  const first = processors[0];
  const sockets = new Set(processors.map(p => p.get('physical id') ?? '0'));
  const cores = new Set(
    processors.map(p => `${p.get('physical id') ?? '0'}/${p.get('core id') ?? p.get('processor')}`),
  );
  const flags = (first?.get('flags') ?? '').split(/\s+/);
  return {
    model: first?.get('model name') ?? 'unknown',
    sockets: processors.length === 0 ? 0 : sockets.size,
    cores: cores.size,
    threads: processors.length,
    flags: flags.filter(flag => FLAGS_OF_INTEREST.has(flag)).sort(),
  };
}

function fieldsOf(block: string): Map<string, string> {
  const lines = block.split('\n').map(line => /^([^:]+?)\s*:\s*(.*)$/.exec(line));
  return new Map(lines.flatMap(match => (match ? [[match[1] ?? '', (match[2] ?? '').trim()]] : [])));
}
