import { formatDiagnostic, several } from '../../base/diagnostic.ts';
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
  /**
   * As the user wrote it, quoted; where that is not the point what it is, such as `an unknown key`; empty when nothing
   * stands behind the key; absent when there is no such key.
   */
  readonly got?: string | undefined;
  readonly expected: string;
  /** The whole sentence: `file:line: key: got X, expected Y`. */
  readonly message: string;
}

/** A problem before it is known which file it is in, and before it is a sentence. */
export type Fault = Omit<WorkloadProblem, 'file' | 'message'>;

export function problemIn(file: string, { line, key, code, got, expected }: Fault): WorkloadProblem {
  const where = { file, ...(line === undefined ? {} : { line }), key };
  const what = { ...(got === undefined ? {} : { got }), expected };
  return { ...where, code, ...what, message: formatDiagnostic({ ...where, ...what }) };
}

/** The order in which problems are told: by line, then those that belong to no line. */
export function byLine(a: Pick<Fault, 'line'>, b: Pick<Fault, 'line'>): number {
  return (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER);
}

/** All problems of one file as a single error. */
export function workloadError(file: string, problems: readonly WorkloadProblem[]): PxenError {
  return new PxenError('WORKLOAD_INVALID', `${file}: ${several(problems.length, 'problem')}`, {
    details: problems.map(problem => problem.message),
  });
}
