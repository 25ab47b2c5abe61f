import { open } from 'node:fs/promises';
import { capturePath } from '../../api/paths.ts';
import { formatBytes } from '../../base/bytes.ts';
import { messageOf, PxenError } from '../../base/error.ts';
import { type Context, control, errorOf } from '../context.ts';
import { findNode, listNodes } from './node.ts';

/** `mesh node pcap NODE -o FILE`: the last boot as pxend saw it. Mode 0600: boot scripts name tokens. */
export async function nodePcap(context: Context, name: string, output: string): Promise<number> {
  const node = findNode(await listNodes(context), name);
  const answer = await control(context).getBytes(capturePath(node.id));
  if (!(answer instanceof Uint8Array)) throw errorOf(answer);
  if (output === '-') {
    await new Promise<void>(resolve => process.stdout.write(answer, () => resolve()));
    return 0;
  }
  await write(output, answer);
  if (context.json) context.terminal.json({ node: node.id, output, size: answer.length });
  else
    context.terminal.print(`${output}: last boot of ${node.name ?? node.id}, ${formatBytes(answer.length)}`);
  return 0;
}

async function write(output: string, bytes: Uint8Array): Promise<void> {
  try {
    const file = await open(output, 'w', 0o600);
    await file.chmod(0o600);
    await file.writeFile(bytes);
    await file.close();
  } catch (error) {
    const message = `${output} cannot be written: ${messageOf(error)}`;
    throw new PxenError('FILE_MISSING', message, { cause: error });
  }
}
