import { diagnosticsError } from '../../../base/diagnostic.ts';
import { jsonCost, jsonNumber } from '../../../domain/placement/format.ts';
import { readSnapshot, type SnapshotRead } from '../../../domain/placement/parse-snapshot.ts';
import { type Placement, place } from '../../../domain/placement/place.ts';
import { type Plan, plan } from '../../../domain/placement/plan.ts';
import { formatWarning } from '../../../domain/placement/rules.ts';
import { readHoconFile } from '../../../io/hocon/file.ts';
import type { Context } from '../../context.ts';
import { placementText, planText } from '../../output/placement.ts';

/** `mesh place --snapshot FILE`: one request placed, or several planned together. Exit status 1: something fits nowhere. */
export async function placeOffline(context: Context, file: string): Promise<number> {
  const { snapshot, requests, batch } = snapshotIn(context, file);
  const [request] = requests;
  if (batch || !request) return showPlan(context, plan(snapshot, requests));
  return showPlacement(context, request.name, place(snapshot, request));
}

function snapshotIn({ root, terminal }: Context, file: string): SnapshotRead {
  const document = readHoconFile(file, root);
  if (document.problems.length > 0) throw diagnosticsError('PLACEMENT_INVALID', file, document.problems);
  const read = readSnapshot(document.root);
  if (read.problems.length > 0) throw diagnosticsError('PLACEMENT_INVALID', file, read.problems);
  for (const warning of read.warnings) terminal.warn(`mesh: warning: ${formatWarning(warning)}`);
  return read;
}

function showPlacement({ terminal, json }: Context, name: string, placement: Placement): number {
  const { host, reasons, costs } = placement;
  if (json)
    terminal.json({ host, reasons, costs: costs.map(cost => ({ host: cost.host, ...jsonCost(cost) })) });
  else terminal.print(placementText(name, placement));
  return host === null ? 1 : 0;
}

function showPlan({ terminal, json }: Context, planned: Plan): number {
  const { placements, score, oneByOne } = planned;
  const scoreOf = ({ placed, cost }: Plan['score']): object => ({ placed, cost: jsonNumber(cost) });
  if (json) terminal.json({ placements, ...scoreOf(score), oneByOne: scoreOf(oneByOne) });
  else terminal.print(planText(planned));
  return placements.every(({ host }) => host !== null) ? 0 : 1;
}
