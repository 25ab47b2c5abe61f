import { quote } from '../../base/diagnostic.ts';
import type { AccelPolicy, WorkloadFacts } from './facts.ts';
import type { Fault } from './problem.ts';
import type { Workload } from './workload.ts';

/** A file whose own rules are kept, as parseWorkload gives it. */
export interface WellFormed {
  readonly file: string;
  readonly workload: Workload;
  readonly lines: ReadonlyMap<string, number>;
  /** Values as written; without them messages show them in their canonical form. */
  readonly texts?: ReadonlyMap<string, string> | undefined;
}

export interface OnNode extends WellFormed {
  readonly facts: WorkloadFacts;
  readonly accel: AccelPolicy;
}

/** What stands against a workload on a node. */
export type OnNodeRule = (node: OnNode) => readonly Fault[];

/** What a key is set to; `canonical` stands in where the file does not have it. */
export function written(
  { lines, texts }: WellFormed,
  key: string,
  canonical: string,
): Pick<Fault, 'line' | 'key' | 'got'> {
  return { line: lines.get(key), key, got: quote(texts?.get(key) ?? canonical) };
}
