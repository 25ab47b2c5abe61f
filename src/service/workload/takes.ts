import { requestOf } from '../../domain/placement/request.ts';
import { parseWorkload } from '../../domain/workload/parse.ts';
import type { StartedFile, WorkloadRecord } from '../../domain/workload/record.ts';
import type { Takes } from '../../domain/workload/status.ts';

/** Files of records are values: each is read once. */
const KNOWN = new WeakMap<StartedFile, { readonly takes: Takes | undefined }>();

/** What a workload takes by the file that it was started with; undefined for one that today's rules refuse. */
export function takesIn({ config }: WorkloadRecord): Takes | undefined {
  const known = KNOWN.get(config);
  if (known) return known.takes;
  const { workload } = parseWorkload(config.text, config.file);
  const takes = workload && requestOf(workload);
  KNOWN.set(config, { takes });
  return takes;
}
