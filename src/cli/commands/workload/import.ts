import { basename } from 'node:path';
import { formatDiagnostic, several } from '../../../base/diagnostic.ts';
import { PxenError } from '../../../base/error.ts';
import { finishDraft } from '../../../domain/vm/draft.ts';
import { IMPORT_FORMATS, type ImportName } from '../../../domain/vm/formats.ts';
import { formatWorkload } from '../../../domain/workload/format.ts';
import { sha1 } from '../../../io/sha1.ts';
import { sha256 } from '../../../io/sha256.ts';
import type { Context } from '../../context.ts';
import { called, type Input, readForeign } from './input.ts';
import { warnOf } from './rendering.ts';

export interface ImportOptions {
  readonly format: ImportName;
  /** What the foreign configuration does not say. */
  readonly name?: string | undefined;
  readonly uuid?: string | undefined;
  readonly bridge?: string | undefined;
}

/** For NICs whose network nobody names. */
export const DEFAULT_BRIDGE = 'br0';

/**
 * `mesh workload import FILE --format F`, without any pxend: a workload file of a foreign configuration, on standard
 * output; what was assumed or left out on standard error. Throws WORKLOAD_INVALID with every problem.
 */
export async function workloadImport(
  context: Context,
  file: string,
  { bridge = DEFAULT_BRIDGE, format, name, uuid }: ImportOptions,
  input: Input = process.stdin,
): Promise<number> {
  const { json, terminal } = context;
  const text = await readForeign(file, input);
  const around = { name, uuid, bridge, sha1, sha256, fallbackName: nameOf(file) };
  const draft = IMPORT_FORMATS[format].read(text, around);
  const { notes, problems, workload } = finishDraft(draft, called(file));
  if (!workload)
    throw new PxenError('WORKLOAD_INVALID', `${called(file)}: ${several(problems.length, 'problem')}`, {
      details: problems.map(formatDiagnostic),
    });
  const config = formatWorkload(workload);
  if (json) terminal.json({ format, config, workload, notes });
  else {
    terminal.write('stdout', config);
    warnOf(context, notes);
  }
  return 0;
}

/** `/srv/db.json`: `db`. */
function nameOf(file: string): string {
  return basename(file).replace(/\.[^.]*$/, '') || 'imported';
}
