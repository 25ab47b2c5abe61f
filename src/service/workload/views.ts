import type { WorkloadView } from '../../api/workloads.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import type { Host } from '../../domain/workload/host.ts';
import { show } from '../../domain/workload/view.ts';
import type { Entry } from './entries.ts';

/** A workload as the API shows it. */
export function viewOf(
  { name, uuid, file, situation }: Entry,
  host: (id: MachineId) => Host | undefined,
): WorkloadView {
  const { node, problem, sight, state } = show(situation);
  const { record } = situation;
  const view = {
    name,
    uuid,
    file: file?.file,
    problems: file?.problems ?? [],
    node,
    nodeName: node && host(node)?.name,
    desired: record?.desired,
    state,
    status: sight?.status,
    reportedAt: sight?.at,
    changed: file && record?.desired === 'running' ? file.text !== record.config.text : undefined,
    problem,
  };
  // A copy: nobody outside may hold on to parts of a record, and the types of JSON are mutable.
  return structuredClone(view) as WorkloadView;
}
