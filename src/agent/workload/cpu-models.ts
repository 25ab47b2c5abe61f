import { messageOf } from '../../base/error.ts';
import { type Exec, failureOf } from '../../io/exec.ts';
import type { FactPorts } from './facts.ts';

/** QEMU loads its modules and asks the kernel; half a second on a slow machine. */
const HELP_TIMEOUT = 30_000;

/** Asks QEMU once which CPU models it has, and again only when that failed. Undefined: it did not say. */
export function cpuModelsOf(
  exec: Exec,
  signal: AbortSignal,
  say: (line: string) => void,
): FactPorts['cpuModels'] {
  let asked: Promise<readonly string[] | undefined> | undefined;
  return async () => {
    asked ??= askCpuModels(exec, signal).catch(thrown => {
      if (!signal.aborted) say(`which CPU models QEMU has is not known: ${messageOf(thrown)}`);
      return undefined;
    });
    const models = await asked;
    if (models === undefined) asked = undefined;
    return models;
  };
}

async function askCpuModels(exec: Exec, signal: AbortSignal): Promise<readonly string[]> {
  const run = await exec('qemu-system-x86_64', ['-cpu', 'help'], { timeout: HELP_TIMEOUT, signal });
  const failure = failureOf(run);
  if (failure !== undefined) throw new Error(`qemu-system-x86_64 -cpu help ${failure}`);
  const models = parseCpuModels(run.stdout);
  if (models.length === 0) throw new Error('qemu-system-x86_64 -cpu help lists none');
  return models;
}

/**
 * The names in `-cpu help`, versioned ones and aliases too: `x86 Penryn-v1   Intel Core 2 Duo ...` of QEMU 7, and the
 * same without `x86` since QEMU 9. The list of CPUID flags after it looks alike.
 */
export function parseCpuModels(help: string): string[] {
  const lines = help.split('\n');
  const end = lines.findIndex(line => /^Recognized CPUID flags/i.test(line));
  const names = lines
    .slice(0, end === -1 ? undefined : end)
    .map(line => /^(?:x86 +|\s+)(\S+)/.exec(line)?.[1]);
  return [...new Set(names.filter(name => name !== undefined))];
}
