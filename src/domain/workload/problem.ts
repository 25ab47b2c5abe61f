import { several } from '../../base/diagnostic.ts';
import { PxenError } from '../../base/error.ts';

/** What kind of rule a workload file breaks; stable, for programs that read `mesh workload validate --json`. */
export const PROBLEM_CODES = [
  /** A line that is no `key=value`. */
  'SYNTAX',
  'DUPLICATE_KEY',
  'UNKNOWN_KEY',
  'MISSING_KEY',
  'BAD_VALUE',
  /** A key that does not go together with another one. */
  'CONFLICT',
  /** It names a volume or NIC that the file does not define. */
  'BAD_REFERENCE',
  /** The engine cannot do this. */
  'NOT_SUPPORTED',
  /** Another workload has it. */
  'NOT_UNIQUE',
  /** More than the node has. */
  'TOO_MUCH',
  /** The node has no such file, bridge or CPU model. */
  'NOT_ON_NODE',
  /** A file is there that this workload did not place. */
  'ALREADY_THERE',
  'PORT_BUSY',
  /** KVM is needed and does not work. */
  'NO_KVM',
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];

/** One problem of a workload file. */
export interface WorkloadProblem {
  readonly file: string;
  /** 1-based; absent when the problem belongs to no line, such as a missing key. */
  readonly line?: number | undefined;
  readonly key: string;
  readonly code: ProblemCode;
  /** As the user wrote it, quoted; absent when nothing stands there. */
  readonly got?: string | undefined;
  readonly expected: string;
  /** The whole sentence: `file:line: key: got X, expected Y`. */
  readonly message: string;
}

/** All problems of one file as a single error. */
export function workloadError(file: string, problems: readonly WorkloadProblem[]): PxenError {
  return new PxenError('WORKLOAD_INVALID', `${file}: ${several(problems.length, 'problem')}`, {
    details: problems.map(problem => problem.message),
  });
}
