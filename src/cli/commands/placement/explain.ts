import { PATHS } from '../../../api/paths.ts';
import { type PlacementView, placementViewSchema } from '../../../api/placement.ts';
import { type Context, control, unwrap } from '../../context.ts';
import { curvesText, placementFrom, placementText } from '../../output/placement.ts';
import { findPlace } from '../host/hosts.ts';
import { listNodes } from '../node.ts';
import { chooseOne, listWorkloads } from '../workload/choose.ts';

export interface ExplainOptions {
  /** A name, uuid or pattern that means one workload. */
  readonly workloads: readonly string[];
  /** As if it were started with this -n. */
  readonly node?: string | undefined;
  /** Draw what the chosen or named host is priced by. */
  readonly plot: boolean;
}

/** `mesh cost explain -w NAME`: what every host would cost with the workload, and why; exit status 1 when none can take it. */
export async function costExplain(context: Context, options: ExplainOptions): Promise<number> {
  const { json, terminal } = context;
  const view = await explained(context, options);
  if (json) terminal.json(view);
  else {
    terminal.print(placementText(view.workload, placementFrom(view)));
    if (view.curves) terminal.print(`\n${curvesText(view.curves, terminal.columns || 80)}`);
  }
  return view.host === null ? 1 : 0;
}

async function explained(
  context: Context,
  { node, plot, workloads }: ExplainOptions,
): Promise<PlacementView> {
  const [nodes, known] = await Promise.all([listNodes(context), listWorkloads(context)]);
  const place = node === undefined ? undefined : await findPlace(context, nodes, node);
  const { name } = chooseOne(known, workloads);
  const body = { subject: { workload: name }, curves: plot, ...(place && { node: place.id }) };
  return unwrap(await control(context).post(PATHS.placements, body), placementViewSchema);
}
