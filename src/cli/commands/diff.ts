import { type NodeDetail, nodeDetailSchema } from '../../api/nodes.ts';
import { nodePath } from '../../api/paths.ts';
import { formatBytes } from '../../base/bytes.ts';
import { asPxenError, PxenError } from '../../base/error.ts';
import type { EntryChange, ListedEntry } from '../../domain/overlay/listing.ts';
import type { OverlayDiff } from '../../service/overlay/overlay.ts';
import { openedOverlays } from '../appliance.ts';
import { type Context, control, localRoot, unwrap } from '../context.ts';
import { table } from '../output/table.ts';
import { printError } from '../output/terminal.ts';
import { findNode, listNodes } from './node.ts';

/** `mesh overlay diff NODE`: what would change on the node at its next boot. Exit status as of diff(1): 0 the same, 1 not, 2 trouble. */
export async function overlayDiff(context: Context, name: string): Promise<number> {
  try {
    const root = localRoot(context);
    const node = await nodeOf(context, name);
    const diff = await openedOverlays(root).diff(node.id, contentOf(node));
    print(context, node, diff);
    return diff.changes.length === 0 ? 0 : 1;
  } catch (thrown) {
    const error = asPxenError(thrown);
    const { code, details, message } = error;
    if (context.json) context.terminal.json({ error: { code, message, details } });
    else printError(context.terminal, 'mesh', error);
    return 2;
  }
}

async function nodeOf(context: Context, name: string): Promise<NodeDetail> {
  const { id } = findNode(await listNodes(context), name);
  return unwrap(await control(context).get(nodePath(id)), nodeDetailSchema);
}

function contentOf({ id, overlay, reportedAt }: NodeDetail): string {
  if (overlay) return overlay.content;
  const reason = reportedAt === undefined ? 'has not reported yet' : 'does not say which overlay it runs';
  throw new PxenError('NOT_FOUND', `${id} ${reason}; what would be new to it is not known`);
}

function print(context: Context, node: NodeDetail, diff: OverlayDiff): void {
  const { json, terminal } = context;
  const title = node.name === undefined ? node.id : `${node.name} (${node.id})`;
  if (json) terminal.json({ node: node.id, name: node.name, ...diff });
  else if (diff.changes.length === 0) terminal.print(`${title} runs what is served now`);
  else {
    terminal.print(table(['', 'PATH', 'CHANGE', 'FROM'], diff.changes.map(row)));
    terminal.print(`\n${title} gets this at its next boot: mesh node ctl -n ${node.id} reboot`);
  }
}

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;

function row({ path, change, before, after }: EntryChange): string[] {
  const what = before && after ? differences(before, after) : whole(after ?? before);
  return [SIGNS[change], path, what, (after ?? before)?.origin ?? ''];
}

function whole(entry: ListedEntry | undefined): string {
  if (!entry) return '';
  if (entry.type === 'link') return bodyOf(entry);
  return `${bodyOf(entry)}, ${entry.mode} ${entry.user}:${entry.group}`;
}

function differences(before: ListedEntry, after: ListedEntry): string {
  const owners = [before, after].map(entry => `${entry.user}:${entry.group}`);
  const sameBody = before.type === after.type && before.hash === after.hash && before.target === after.target;
  return [
    sameBody ? '' : `${bodyOf(before)} -> ${bodyOf(after)}`,
    before.mode === after.mode ? '' : `mode ${before.mode} -> ${after.mode}`,
    owners[0] === owners[1] ? '' : `owner ${owners[0]} -> ${owners[1]}`,
  ]
    .filter(text => text !== '')
    .join(', ');
}

/** Two contents of one size are told apart by their hashes. */
function bodyOf({ type, size, hash = '', target }: ListedEntry): string {
  if (type === 'link') return `link to ${target}`;
  return type === 'directory' ? 'directory' : `${formatBytes(size)} #${hash.slice(0, 8)}`;
}
