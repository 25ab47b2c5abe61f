import { formatBytes } from '../../../base/bytes.ts';
import type { Verified } from '../../../io/files/isos.ts';
import type { Context } from '../../context.ts';
import { printable } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';
import { TransferLine } from '../../output/transfer.ts';
import { openStore, untilInterrupted } from './store.ts';

/** `mesh iso verify [NAME...]`: exit status 1 when an image is not what it was. */
export async function isoVerify(context: Context, names: readonly string[]): Promise<number> {
  const { store } = openStore(context);
  const line = new TransferLine(context);
  const verified: Verified[] = [];
  await untilInterrupted(async signal => {
    const all = store.verify(names, signal, (name, ...far) => line.at(name, ...far));
    for await (const one of all) {
      verified.push(one);
      line.clear();
      if (!context.json) print(context.terminal, one);
    }
  }).finally(() => line.clear());
  if (context.json) context.terminal.json({ isos: verified.map(asJson) });
  return verified.some(({ outcome }) => outcome === 'differs') ? 1 : 0;
}

function asJson({ bytes, name, outcome, record, sha256 }: Verified): object {
  return { name, outcome, bytes, sha256, expected: record.sha256 };
}

function print(terminal: Terminal, { bytes, name, outcome, record, sha256 }: Verified): void {
  const shown = printable(name);
  if (outcome !== 'differs') {
    terminal.print(`${shown}: ${outcome}, ${formatBytes(bytes)}, SHA-256 ${sha256}`);
    return;
  }
  terminal.warn(`mesh: ${shown} is not what it was: its SHA-256 is ${sha256}, expected ${record.sha256}`);
  const again = record.source === undefined ? 'SOURCE' : printable(record.source);
  terminal.warn(`  fetch it again: mesh iso add ${again} --name ${shown} --force`);
}
