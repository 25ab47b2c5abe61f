import { nodePath } from '../../api/paths.ts';
import { type Context, control, errorOf } from '../context.ts';
import { findNode, listNodes } from './node.ts';

/** `mesh node forget NODE`: for machines that were taken away, and strangers that asked once. */
export async function nodeForget(context: Context, name: string): Promise<number> {
  const { id } = findNode(await listNodes(context), name);
  const answer = await control(context).delete(nodePath(id));
  if (answer.status >= 300) throw errorOf(answer);
  if (context.json) context.terminal.json({ forgotten: id });
  else context.terminal.print(`${id}: forgotten`);
  return 0;
}
