import { formatBytes } from '../../base/bytes.ts';
import { PxenError } from '../../base/error.ts';
import { type Image, isTouched } from './record.ts';

/** What is known, before it is fetched, of the image that shall come. */
export interface Coming {
  /** As it is noted: a URL or a path. */
  readonly source: string;
  readonly sha256?: string | undefined;
  readonly bytes?: number | undefined;
  readonly validator?: string | undefined;
}

/** Is the image that is there the one that shall come? Undefined: only the content can tell. */
export function isSame(image: Image, coming: Coming): boolean | undefined {
  const record = isTouched(image) ? undefined : image.record;
  if (record && coming.sha256 !== undefined) return coming.sha256.toLowerCase() === record.sha256;
  if (coming.bytes !== undefined && coming.bytes !== image.bytes) return false;
  const known = coming.validator !== undefined && record?.source === coming.source;
  return known && record.validator === coming.validator ? true : undefined;
}

/** CONFLICT: another image has the name. */
export function taken({ bytes, name, record }: Image): PxenError {
  const from = record?.source === undefined ? '' : ` from ${record.source}`;
  return new PxenError(
    'CONFLICT',
    `${name} is there already, with another content (${formatBytes(bytes)}${from})`,
    {
      details: ['--force replaces it, --name gives the new one another name'],
    },
  );
}

/** How many bytes an image may have so that all together keep to the quota, and why. A quota of 0 is none. */
export function roomIn(
  quota: number,
  images: readonly { readonly name: string; readonly bytes: number }[],
  name: string,
): { readonly maxBytes?: number; readonly maxReason?: string } {
  if (quota === 0) return {};
  const others = images.filter(image => image.name !== name).reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    maxBytes: Math.max(0, quota - others),
    maxReason: `isos.quota is ${formatBytes(quota)}, and ${formatBytes(others)} of it are taken`,
  };
}
