import { keyOf } from '../workload/keys.ts';
import { type WellFormed, written } from '../workload/on-node.ts';
import { problemIn, type WorkloadProblem } from '../workload/problem.ts';
import { formatMemory } from '../workload/values.ts';
import { driveFault, type Realm } from './realm.ts';

/** Disks of a workload that are made on demand and that its realm does not take for their size (checklist TC-9). */
export function driveProblems(parsed: WellFormed, realm: Pick<Realm, 'id' | 'drives'>): WorkloadProblem[] {
  return parsed.workload.volumes.flatMap(({ id, size }) => {
    const expected = size === undefined ? undefined : driveFault(realm, size);
    if (size === undefined || expected === undefined) return [];
    const place = written(parsed, keyOf('platform.volume.<id>.size', id), formatMemory(size));
    return [
      problemIn(parsed.file, {
        ...place,
        code: 'BAD_VALUE',
        expected: `${expected}, as the realm ${realm.id} has it for new drives`,
      }),
    ];
  });
}
