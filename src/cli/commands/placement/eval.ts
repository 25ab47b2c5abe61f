import { diagnosticsError, quote } from '../../../base/diagnostic.ts';
import { PxenError } from '../../../base/error.ts';
import { hint } from '../../../domain/hocon/values.ts';
import { type Cost, type CostFunction, costOf, type DeviceCounts } from '../../../domain/placement/cost.ts';
import { formatCost, jsonCost } from '../../../domain/placement/format.ts';
import { formatWarning, readRules } from '../../../domain/placement/rules.ts';
import { readHoconFile } from '../../../io/hocon/file.ts';
import type { Context } from '../../context.ts';
import { table } from '../../output/table.ts';

export interface EvalOptions {
  readonly file: string;
  readonly function: string;
  readonly vms: number;
  readonly vcpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly device?: DeviceCounts | undefined;
}

/** `mesh cost eval`: the cost of one use of a host, by part. */
export async function costEval(context: Context, options: EvalOptions): Promise<number> {
  const { vms, vcpus, memory, device: devices = new Map() } = options;
  const cost = costOf(functionOf(context, options), { vms, vcpus, memory, devices });
  if (context.json) context.terminal.json(jsonCost(cost));
  else context.terminal.print(table(['PART', 'COST'], rows(cost)));
  return 0;
}

function functionOf({ root, terminal }: Context, { file, function: id }: EvalOptions): CostFunction {
  const document = readHoconFile(file, root);
  if (document.problems.length > 0) throw diagnosticsError('PLACEMENT_INVALID', file, document.problems);
  const { rules, problems, warnings } = readRules([document]);
  if (problems.length > 0) throw diagnosticsError('PLACEMENT_INVALID', file, problems);
  for (const warning of warnings) terminal.warn(`mesh: warning: ${formatWarning(warning)}`);
  const found = rules.costFunctions.get(id);
  if (found) return found;
  const known = [...rules.costFunctions.keys()];
  throw new PxenError(
    'USAGE',
    `--function: got ${quote(id)}, expected a cost function of ${file}: ${known.join(', ') || 'it has none'}${hint(id, known)}`,
  );
}

function rows({ total, parts }: Cost): readonly (readonly string[])[] {
  const { vms, vcpus, memory, devices, offset } = parts;
  const all = [
    ['vms', vms],
    ['vcpus', vcpus],
    ['memory', memory],
    ...Object.entries(devices),
    ['offset', offset],
    ['total', total],
  ] as const;
  return all.map(([part, cost]) => [part, formatCost(cost)]);
}
