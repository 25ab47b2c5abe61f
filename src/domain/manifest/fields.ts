import { quote } from '../../base/diagnostic.ts';
import type { Mode } from './action.ts';

/** Highest user and group id of Linux; 4294967295 means "leave it" to chown(2). */
const MAX_ID = 4_294_967_294;

/** The names that useradd and busybox adduser accept. */
const NAME = /^[a-z_][a-z0-9_-]{0,31}$/i;

/** `root:root:0755`; numbers may stand for names. Undefined when it is not of this form. */
export function parseMode(text: string): Mode | undefined {
  const [user = '', group = '', permissions = '', ...rest] = text.split(':');
  if (rest.length > 0 || !isOwner(user) || !isOwner(group) || !/^[0-7]{3,4}$/.test(permissions)) {
    return undefined;
  }
  return { user, group, permissions: Number.parseInt(permissions, 8) };
}

export const MODE_FORM = 'user:group:permissions such as root:root:0644 (permissions: 3 or 4 octal digits)';

function isOwner(text: string): boolean {
  return /^\d+$/.test(text) ? text.length <= 10 && Number(text) <= MAX_ID : NAME.test(text);
}

/** PATH_MAX and NAME_MAX of Linux, bytes; the kernel counts a closing NUL in the first. */
const PATH_LIMIT = 4095;
const NAME_LIMIT = 255;

/**
 * What a path should have been, or undefined when it is well. Control characters are refused all together: a newline
 * or a tab in a name would break the step file and every listing.
 */
export function pathFault(path: string): string | undefined {
  if (!path.startsWith('/')) return 'an absolute path (one that begins with /)';
  if (path === '/') return 'a path below /';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(path)) return 'a path without control characters';
  const components = path.slice(1).split('/');
  const odd = components.find(name => name === '' || name === '.' || name === '..');
  if (odd === '') return 'a path without // and without / at its end';
  if (odd !== undefined) return `a path without ${quote(odd)} in it`;
  if (components.some(name => byteLength(name) > NAME_LIMIT)) return `names of at most ${NAME_LIMIT} bytes`;
  return byteLength(path) > PATH_LIMIT ? `a path of at most ${PATH_LIMIT} bytes` : undefined;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
