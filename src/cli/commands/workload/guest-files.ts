import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { MOST_GUEST_BYTES } from '../../../api/guest.ts';
import { concat, formatBytes } from '../../../base/bytes.ts';
import { messageOf, PxenError } from '../../../base/error.ts';
import type { Context } from '../../context.ts';
import { GuestOutput } from '../../output/guest.ts';
import { printable } from '../../output/table.ts';
import { TransferLine } from '../../output/transfer.ts';
import { askGuest, theWorkload } from './guest-ask.ts';
import { called, type Input, STANDARD_INPUT } from './input.ts';

/** The word that stands for standard output. */
const STANDARD_OUTPUT = '-';

export interface GuestReadOptions {
  /** Path in the guest. */
  readonly remote: string;
  /** File, or `-` for standard output. */
  readonly local: string;
  /** Escape sequences and all, also on a terminal. */
  readonly raw: boolean;
}

/** `mesh workload guest read`: however long the file is. Nothing is written here before the guest has answered. */
export async function workloadGuestRead(
  context: Context,
  word: string,
  { local, raw, remote }: GuestReadOptions,
): Promise<number> {
  const { json, terminal } = context;
  const workload = await theWorkload(context, [word]);
  const toFile = local !== STANDARD_OUTPUT;
  if (json && !toFile)
    throw new PxenError('USAGE', 'with --json a file that is read needs a place: ... read REMOTE LOCAL');
  const pieces = piecesIn(context, workload, remote);
  const size = toFile
    ? await keep(pieces, local, new TransferLine(context))
    : await show(pieces, new GuestOutput(terminal, { stream: 'stdout', raw }));
  if (json) terminal.json({ workload, path: remote, file: local, size });
  else if (toFile) terminal.print(printable(`${local}: ${remote} of ${workload}, ${formatBytes(size)}`));
  return 0;
}

async function* piecesIn(context: Context, workload: string, path: string): AsyncGenerator<Uint8Array> {
  for (let offset = 0; ; ) {
    const { content, truncated } = await askGuest(context, workload, { ask: 'read', path, offset });
    const piece = Buffer.from(content ?? '', 'base64');
    yield piece;
    offset += piece.length;
    if (truncated !== true || piece.length === 0) return;
  }
}

async function show(pieces: AsyncIterable<Uint8Array>, output: GuestOutput): Promise<number> {
  let size = 0;
  for await (const piece of pieces) {
    output.take(piece);
    size += piece.length;
  }
  output.end();
  return size;
}

async function keep(pieces: AsyncIterable<Uint8Array>, local: string, line: TransferLine): Promise<number> {
  let file: FileHandle | undefined;
  let size = 0;
  try {
    for await (const piece of pieces) {
      file ??= await unless(local, open(local, 'w'));
      await unless(local, file.writeFile(piece));
      size += piece.length;
      line.at(local, size, undefined);
    }
    return size;
  } finally {
    line.clear();
    await file?.close();
  }
}

function unless<T>(local: string, work: Promise<T>): Promise<T> {
  return work.catch((cause: unknown) => {
    throw new PxenError('FILE_MISSING', `${local} cannot be written: ${messageOf(cause)}`, { cause });
  });
}

export interface GuestWriteOptions {
  /** File, or `-` for standard input. */
  readonly local: string;
  /** Path in the guest. */
  readonly remote: string;
  readonly append: boolean;
}

/** `mesh workload guest write`: however long the file is. */
export async function workloadGuestWrite(
  context: Context,
  word: string,
  { append, local, remote }: GuestWriteOptions,
  standardInput: Input = process.stdin,
): Promise<number> {
  const { json, terminal } = context;
  const workload = await theWorkload(context, [word]);
  const line = new TransferLine(context);
  const pieces = cut(bytesOf(local, standardInput), MOST_GUEST_BYTES);
  let written = 0;
  try {
    for await (const piece of pieces) {
      const content = Buffer.from(piece).toString('base64');
      await askGuest(context, workload, {
        ask: 'write',
        path: remote,
        content,
        append: append || written > 0,
      });
      written += piece.length;
      line.at(remote, written, undefined);
    }
  } finally {
    line.clear();
  }
  if (json) terminal.json({ workload, path: remote, written });
  else terminal.print(printable(`${remote}: ${called(local)}, ${formatBytes(written)} on ${workload}`));
  return 0;
}

async function* bytesOf(local: string, standardInput: Input): AsyncGenerator<Uint8Array> {
  try {
    yield* local === STANDARD_INPUT ? standardInput : createReadStream(local);
  } catch (cause) {
    throw new PxenError('FILE_MISSING', `${local} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** Pieces of this size, the last one shorter; an empty one where there is nothing at all. */
async function* cut(parts: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let count = 0;
  let isEmpty = true;
  for await (const part of parts) {
    waiting.push(part);
    count += part.length;
    if (count < size) continue;
    const whole = concat(waiting);
    for (let at = 0; count >= size; at += size, count -= size) yield whole.subarray(at, at + size);
    isEmpty = false;
    waiting = [whole.subarray(whole.length - count)];
  }
  if (count > 0 || isEmpty) yield concat(waiting);
}
