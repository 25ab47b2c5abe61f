import { createReadStream } from 'node:fs';
import { parseWorkloadFacts } from '../../../api/workload-facts.ts';
import { concat } from '../../../base/bytes.ts';
import { formatDiagnostic } from '../../../base/diagnostic.ts';
import { messageOf, PxenError } from '../../../base/error.ts';
import { MAX_FOREIGN } from '../../../domain/vm/foreign-json.ts';
import type { WorkloadFacts } from '../../../domain/workload/facts.ts';
import { MAX_WORKLOAD_BYTES } from '../../../domain/workload/lines.ts';
import { type ParsedWorkload, parseWorkload } from '../../../domain/workload/parse.ts';
import type { Engine } from '../../../domain/workload/workload.ts';

/** Standard input, or what stands in for it. */
export type Input = AsyncIterable<Uint8Array>;

/** The word that stands for standard input. */
export const STANDARD_INPUT = '-';
/** A character may take four of them; the reader itself counts characters. */
const MAX_FOREIGN_BYTES = 4 * MAX_FOREIGN;
const MAX_FACTS_BYTES = 8 * 1024 * 1024;

/**
 * Throws FILE_MISSING for all files that cannot be read. A file named twice is read once. What a file may ask for is
 * what its engine can do, or the one that is named here.
 */
export async function readWorkloads(
  files: readonly string[],
  input: Input,
  engine?: Engine | 'any',
): Promise<readonly ParsedWorkload[]> {
  const read = await readWorkloadFiles(files, input);
  return read.map(({ file, text }) => parseWorkload(text, file, engine));
}

export interface WorkloadFile {
  /** As messages call it. */
  readonly file: string;
  readonly text: string;
}

/** Throws FILE_MISSING for all files that cannot be read. A file named twice is read once. */
export async function readWorkloadFiles(
  files: readonly string[],
  input: Input,
): Promise<readonly WorkloadFile[]> {
  const read: WorkloadFile[] = [];
  const unreadable: string[] = [];
  for (const file of new Set(files))
    try {
      const bytes = await readSome(file, input, MAX_WORKLOAD_BYTES);
      read.push({ file: called(file), text: new TextDecoder().decode(bytes) });
    } catch (error) {
      unreadable.push(messageOf(error));
    }
  const [first, ...others] = unreadable;
  if (first === undefined) return read;
  throw new PxenError('FILE_MISSING', first, { details: others });
}

/** A file as messages call it. */
export function called(file: string): string {
  return file === STANDARD_INPUT ? 'standard input' : file;
}

/** A configuration of another program. Throws FILE_MISSING. */
export async function readForeign(file: string, input: Input): Promise<string> {
  return new TextDecoder().decode(await readSome(file, input, MAX_FOREIGN_BYTES));
}

/** The facts of a node as its file of `--facts` has them. Throws FILE_MISSING, or USAGE with every problem. */
export async function readFacts(file: string, input: Input): Promise<WorkloadFacts> {
  const bytes = await readSome(file, input, MAX_FACTS_BYTES);
  const parsed = parseWorkloadFacts(new TextDecoder().decode(bytes), file);
  if ('facts' in parsed) return parsed.facts;
  throw new PxenError('USAGE', `--facts ${file} does not have the expected form`, {
    details: parsed.problems.map(formatDiagnostic),
  });
}

/** At most one byte more than `most`, so that it can be seen that there is more. A pipe will do. */
export async function readSome(file: string, input: Input, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of file === STANDARD_INPUT ? input : createReadStream(file)) {
      parts.push(part);
      size += part.length;
      if (size > most) break;
    }
  } catch (error) {
    throw new PxenError('FILE_MISSING', `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return concat(parts).subarray(0, most + 1);
}
