import { formatBytes } from '../../../base/bytes.ts';
import { several } from '../../../base/diagnostic.ts';
import { type Image, isTouched } from '../../../domain/iso/record.ts';
import type { Unfinished } from '../../../io/files/part.ts';
import type { Context } from '../../context.ts';
import { ago, table } from '../../output/table.ts';
import { type OpenedStore, openStore } from './store.ts';

/** `mesh iso list`: what nodes can fetch, and what is known of it. */
export async function isoList(context: Context): Promise<number> {
  const opened = openStore(context);
  const { store } = opened;
  const [images, unfinished, free] = await Promise.all([store.images(), store.unfinished(), store.free()]);
  if (context.json) context.terminal.json(asJson(opened, images, unfinished, free));
  else print(context, opened, images, unfinished, free);
  return 0;
}

function asJson(
  { quota, urlOf }: OpenedStore,
  images: readonly Image[],
  unfinished: readonly Unfinished[],
  free: number | undefined,
): object {
  const isos = images.map(image => {
    const { addedAt, sha256, source } = image.record ?? {};
    const { bytes, name } = image;
    return { name, bytes, sha256, addedAt, source, changed: isTouched(image), url: urlOf(name) };
  });
  return { isos, unfinished, quota: quota === 0 ? undefined : quota, free };
}

function print(
  { now, terminal }: Context,
  { quota }: OpenedStore,
  images: readonly Image[],
  unfinished: readonly Unfinished[],
  free: number | undefined,
): void {
  if (images.length + unfinished.length === 0) {
    terminal.print('There are no images yet: mesh iso add URL|FILE');
    return;
  }
  const rows = [...images.map(image => rowOf(image, now())), ...unfinished.map(unfinishedRow)];
  terminal.print(table(['NAME', 'SIZE', 'SHA256', 'ADDED', 'SOURCE'], rows));
  const sum = images.reduce((total, { bytes }) => total + bytes, 0);
  const limit = quota === 0 ? '' : ` of ${formatBytes(quota)} (isos.quota)`;
  const room = free === undefined ? '' : `; the disk has ${formatBytes(free)} free`;
  terminal.print(`\n${several(images.length, 'image')}, ${formatBytes(sum)}${limit}${room}`);
}

function rowOf(image: Image, now: number): string[] {
  const { bytes, name, record } = image;
  const sum = isTouched(image) ? 'changed' : (record?.sha256.slice(0, 12) ?? '-');
  const added = record ? ago(now - record.addedAt) : '-';
  return [name, formatBytes(bytes), sum, added, record?.source ?? '-'];
}

function unfinishedRow({ bytes, name, total, url }: Unfinished): string[] {
  const of = total === undefined ? '' : ` of ${formatBytes(total)}`;
  return [name, `${formatBytes(bytes)}${of}`, 'unfinished', '-', url ?? '-'];
}
