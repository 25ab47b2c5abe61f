import { quote } from '../../base/diagnostic.ts';
import { PxenError } from '../../base/error.ts';
import { shown } from '../download/shown.ts';

/** What can stand in a URL and in a shell as it is, and is no hidden file. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$/;

/** The name that an image gets: the one that was asked for, else the last part of its URL or path. Throws USAGE. */
export function imageName(source: string, wanted: string | undefined): string {
  const name = wanted ?? lastPart(source);
  if (NAME.test(name)) return name;
  const expected =
    'letters, digits and . _ + - with a letter or digit first, at most 200, such as debian-12.iso';
  const what =
    wanted === undefined
      ? `the name in ${quote(URL.canParse(source) ? shown(new URL(source)) : source)}`
      : '--name';
  throw new PxenError('USAGE', `${what}: got ${quote(name)}, expected ${expected}`, {
    details: wanted === undefined ? ['give it one: --name NAME'] : [],
  });
}

function lastPart(source: string): string {
  const path = URL.canParse(source) ? new URL(source).pathname : source;
  const last = path.slice(path.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
