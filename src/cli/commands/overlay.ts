import { writeFile } from 'node:fs/promises';
import { formatBytes } from '../../base/bytes.ts';
import { messageOf, PxenError } from '../../base/error.ts';
import { openedOverlays } from '../appliance.ts';
import { type Context, localRoot } from '../context.ts';
import { table } from '../output/table.ts';

/** `mesh overlay build MACHINE -o FILE`: builds everything that changed, then writes the one overlay. Mode 0600: it holds secrets. */
export async function overlayBuild(context: Context, name: string, output: string): Promise<number> {
  const overlays = openedOverlays(localRoot(context));
  const report = await overlays.build();
  const overlay = await overlays.find(name);
  const refused = report.folders.find(
    folder => folder.folder === overlay.folder && folder.outcome === 'refused',
  );
  if (refused)
    context.terminal.warn(
      `mesh: ${name} has problems, this is its last good overlay; see: mesh system configure --check`,
    );
  const bytes = Buffer.concat(overlay.members);
  if (output === '-') {
    await new Promise<void>(resolve => process.stdout.write(bytes, () => resolve()));
    return 0;
  }
  await writeFile(output, bytes, { mode: 0o600 }).catch(error => {
    throw new PxenError('FILE_MISSING', `${output} cannot be written: ${messageOf(error)}`, { cause: error });
  });
  const { folder = 'default', owner, planHash, size } = overlay;
  if (context.json) context.terminal.json({ folder, owner, planHash, size, output });
  else
    context.terminal.print(
      `${output}: overlay ${folder}, ${formatBytes(size)}, content ${planHash.slice(0, 16)}`,
    );
  return 0;
}

/** `mesh overlay show MACHINE`: what is served now, each entry with its manifest line. */
export async function overlayShow(context: Context, name: string): Promise<number> {
  const overlay = await openedOverlays(localRoot(context)).show(name);
  const { terminal } = context;
  if (context.json) {
    terminal.json(overlay);
    return 0;
  }
  const rows = overlay.entries.map(entry => [
    entry.mode,
    `${entry.user}:${entry.group}`,
    entry.type === 'file' ? formatBytes(entry.size) : '-',
    entry.type === 'link'
      ? `${entry.path} -> ${entry.target}`
      : entry.type === 'directory'
        ? `${entry.path}/`
        : entry.path,
    entry.origin,
  ]);
  terminal.print(table(['MODE', 'OWNER', 'SIZE', 'PATH', 'FROM'], rows));
  terminal.print(
    `\n${overlay.folder ?? 'default'} (${overlay.owner}), ${formatBytes(overlay.size)}, content ${overlay.planHash.slice(0, 16)}`,
  );
  return 0;
}
