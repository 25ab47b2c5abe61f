import { resolve } from 'node:path';
import { formatBytes } from '../../../base/bytes.ts';
import { quote } from '../../../base/diagnostic.ts';
import { PxenError } from '../../../base/error.ts';
import { imageName } from '../../../domain/iso/name.ts';
import { WEB_PAGE } from '../../../domain/volume/content.ts';
import type { Added } from '../../../io/files/isos.ts';
import type { Context } from '../../context.ts';
import { TransferLine } from '../../output/transfer.ts';
import { openStore, untilInterrupted } from './store.ts';

export interface AddOptions {
  readonly name?: string | undefined;
  readonly sha256?: string | undefined;
  readonly force: boolean;
}

/** `mesh iso add URL|FILE`: the image is there whole and checked, or not at all. */
export async function isoAdd(context: Context, given: string, options: AddOptions): Promise<number> {
  const { store, urlOf } = openStore(context);
  const source = sourceOf(given);
  const name = imageName(given, options.name);
  const sha256 = checksumOf(options.sha256);
  const line = new TransferLine(context);
  const startedAt = context.now();
  const added = await untilInterrupted(signal =>
    store.add({
      ...{ source, name, sha256, signal, force: options.force },
      onProgress: (received, total) => line.at(name, received, total),
    }),
  ).finally(() => line.clear());
  if (context.json) context.terminal.json({ name, url: urlOf(name), ...asJson(added) });
  else print(context, name, added, urlOf(name), context.now() - startedAt);
  return 0;
}

function print({ terminal }: Context, name: string, added: Added, url: string, milliseconds: number): void {
  const { bytes, kind, outcome, sha256 } = added;
  const seconds = Math.round(milliseconds / 1000);
  const time = outcome === 'already there' || seconds < 1 ? '' : ` in ${seconds} s`;
  terminal.print(`${name}: ${outcome}, ${formatBytes(bytes)}${time}, SHA-256 ${sha256}`);
  terminal.print(`nodes fetch it from ${url}`);
  if (kind === WEB_PAGE)
    terminal.warn(`mesh: ${name} looks like ${kind}; does the URL lead to the image itself?`);
}

function asJson({ bytes, kind, outcome, sha256 }: Added): object {
  return { outcome, bytes, sha256, kind };
}

/** What begins with a scheme is a URL. */
function sourceOf(given: string): URL | string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(given)) return resolve(given);
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url && ['http:', 'https:'].includes(url.protocol)) return url;
  throw new PxenError(
    'USAGE',
    `source: got ${quote(given)}, expected a URL with http:// or https://, or a file`,
  );
}

function checksumOf(given: string | undefined): string | undefined {
  if (given === undefined || /^[0-9a-f]{64}$/i.test(given)) return given;
  throw new PxenError(
    'USAGE',
    `--sha256: got ${quote(given)}, expected 64 hex digits, as sha256sum prints them`,
  );
}
