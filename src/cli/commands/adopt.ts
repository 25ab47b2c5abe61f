import { join } from 'node:path';
import { type NodeDetail, nodeDetailSchema } from '../../api/nodes.ts';
import { nodePath } from '../../api/paths.ts';
import { formatBytes } from '../../base/bytes.ts';
import { diagnosticsError, quote } from '../../base/diagnostic.ts';
import { asPxenError, PxenError } from '../../base/error.ts';
import { type MachineId, parseMachineId } from '../../domain/machine/genid.ts';
import { type Adoption, adoptionFiles, adoptionProblems } from '../../domain/manifest/adopt.ts';
import { createFolder } from '../../io/files/folder.ts';
import type { FolderReport } from '../../service/overlay/report.ts';
import { openedOverlays } from '../appliance.ts';
import { type Context, control, localRoot, unwrap } from '../context.ts';

export interface AdoptOptions {
  readonly name: string;
  /** Separated by commas. */
  readonly groups: string;
  /** The machine need not have been seen. */
  readonly force: boolean;
}

/** `mesh node adopt ID --name NAME`: a machine on the default overlay gets a folder, and with it an overlay of its own. */
export async function nodeAdopt(context: Context, given: string, options: AdoptOptions): Promise<number> {
  const root = localRoot(context);
  const adoption = adoptionOf(given, options);
  const overlays = openedOverlays(root);
  const problems = adoptionProblems(adoption, await overlays.neighbours());
  if (problems.length > 0)
    throw diagnosticsError(
      'CONFLICT',
      `${adoption.id} cannot be adopted as ${quote(adoption.name)}`,
      problems,
    );
  const node = await seen(context, adoption.id, options.force);
  const folder = `/host0/machines/${adoption.name}`;
  const files = adoptionFiles(adoption);
  await createFolder(join(root, folder), files);
  const { folders } = await overlays.build();
  const report = folders.find(one => one.folder === adoption.name);
  if (context.json)
    context.terminal.json({ id: adoption.id, folder, files: Object.keys(files), overlay: report });
  else context.terminal.print(`${folder}: made, with ${Object.keys(files).join(', ')}`);
  return finish(context, adoption, report, node);
}

function adoptionOf(given: string, { groups, name }: AdoptOptions): Adoption {
  const id = parseMachineId(given.toLowerCase());
  if (!id)
    throw new PxenError(
      'USAGE',
      `${quote(given)} is no machine id, expected 8 hex digits; see: mesh node info`,
    );
  const list = groups.split(',').map(group => group.trim());
  return { id, name, groups: list.filter(group => group !== '') };
}

/** The machine as pxend knows it; undefined when pxend does not run, or when it need not know. */
async function seen(context: Context, id: MachineId, force: boolean): Promise<NodeDetail | undefined> {
  try {
    return unwrap(await control(context).get(nodePath(id)), nodeDetailSchema);
  } catch (thrown) {
    const error = asPxenError(thrown);
    if (error.code === 'SERVER_DOWN')
      context.terminal.warn(
        `mesh: pxend is not running, so it is not known whether ${id} was ever seen here`,
      );
    else if (error.code !== 'NOT_FOUND') throw error;
    else if (!force) throw neverSeen(id, error);
    return undefined;
  }
}

function neverSeen(id: MachineId, cause: PxenError): PxenError {
  return new PxenError('NOT_FOUND', `no machine ${id} has been seen here`, {
    cause,
    details: [
      'mesh node info lists those that have; --force makes a folder for a machine that is still to come',
    ],
  });
}

function finish(
  { json, terminal }: Context,
  { id, name }: Adoption,
  report: FolderReport | undefined,
  node: NodeDetail | undefined,
): number {
  if (!report || report.outcome === 'refused') {
    if (json) return 1;
    throw diagnosticsError(
      'MANIFEST_INVALID',
      `no overlay of ${name} could be built`,
      report?.problems ?? [],
    );
  }
  if (json) return 0;
  terminal.print(`its overlay is built, ${formatBytes(report.size)}, and served from now on`);
  terminal.print(
    node?.state === 'up' ? `reboot it: mesh node ctl -n ${id} reboot` : 'it gets it at its next boot',
  );
  return 0;
}
