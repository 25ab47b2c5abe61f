/**
 * What a QEMU guest agent answers (qemu/qga/qapi-schema.json), as values. A guest may answer anything: what does not have
 * its form is left out, or undefined, and everything has a limit.
 */

export interface GuestInterface {
  readonly name: string;
  readonly mac: string | undefined;
  /** With prefix length: `10.77.0.100/24`. */
  readonly addresses: readonly string[];
}

/** How a command in the guest is. Output is base64. */
export type GuestExecution =
  | { readonly exited: false }
  | {
      readonly exited: true;
      readonly exitCode: number | undefined;
      readonly signal: number | undefined;
      readonly output: string;
      readonly errors: string;
      /** The agent itself kept only the beginning. */
      readonly truncated: boolean;
    };

/** Of interfaces, and of the addresses of each. */
const MOST = 64;
const LONGEST_NAME = 64;
const LONGEST_TEXT = 256;

/** The answer to guest-network-get-interfaces. */
export function interfacesOf(answer: unknown): GuestInterface[] {
  return list(answer).flatMap(entry => {
    const name = text(member(entry, 'name'), LONGEST_NAME);
    if (name === undefined) return [];
    const mac = text(member(entry, 'hardware-address'), LONGEST_NAME);
    const isMac = mac !== undefined && /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac);
    const addresses = list(member(entry, 'ip-addresses')).flatMap(addressOf);
    return [{ name, mac: isMac ? mac.toLowerCase() : undefined, addresses }];
  });
}

/** Of all interfaces, those of the loopback left out: that by which others reach the guest. */
export function addressesOf(interfaces: readonly GuestInterface[]): string[] {
  const all = interfaces.flatMap(({ addresses }) => addresses);
  return all.filter(address => !/^(127\.|::1\/)/.test(address)).slice(0, MOST);
}

function addressOf(entry: unknown): string[] {
  const address = member(entry, 'ip-address');
  const prefix = member(entry, 'prefix');
  if (typeof address !== 'string' || !/^[0-9a-f:.]{2,45}$/i.test(address)) return [];
  const isPrefix = typeof prefix === 'number' && Number.isInteger(prefix) && prefix >= 0 && prefix <= 128;
  return [isPrefix ? `${address}/${prefix}` : address];
}

/** Of the answer to guest-info. */
export function versionOf(answer: unknown): string | undefined {
  return text(member(answer, 'version'), LONGEST_NAME);
}

/** Of the answer to guest-get-host-name. */
export function hostNameOf(answer: unknown): string | undefined {
  return text(member(answer, 'host-name'), LONGEST_TEXT);
}

/** The name of the system, or where it has none, its kernel; of the answer to guest-get-osinfo. */
export function osOf(answer: unknown): string | undefined {
  const named =
    text(member(answer, 'pretty-name'), LONGEST_TEXT) ?? text(member(answer, 'name'), LONGEST_TEXT);
  const kernel = text(member(answer, 'kernel-release'), LONGEST_TEXT);
  return named ?? (kernel === undefined ? undefined : `kernel ${kernel}`.slice(0, LONGEST_TEXT));
}

/** Of the answer to guest-exec. */
export function pidOf(answer: unknown): number | undefined {
  return whole(member(answer, 'pid'));
}

/** The answer to guest-exec-status; undefined when it is none. */
export function executionOf(answer: unknown): GuestExecution | undefined {
  const exited = member(answer, 'exited');
  if (exited === false) return { exited };
  if (exited !== true) return undefined;
  const flag = (name: string): boolean => member(answer, name) === true;
  return {
    exited,
    exitCode: whole(member(answer, 'exitcode')),
    signal: whole(member(answer, 'signal')),
    output: base64(member(answer, 'out-data')) ?? '',
    errors: base64(member(answer, 'err-data')) ?? '',
    truncated: flag('out-truncated') || flag('err-truncated'),
  };
}

/** The answer to guest-file-open: by what the file is called from then on. */
export function handleOf(answer: unknown): number | undefined {
  return whole(answer);
}

/** The answer to guest-file-read; the content is base64. */
export function pieceOf(answer: unknown): { readonly content: string; readonly end: boolean } | undefined {
  const content = base64(member(answer, 'buf-b64'));
  return content === undefined ? undefined : { content, end: member(answer, 'eof') === true };
}

/** Bytes, of the answer to guest-file-write. */
export function countOf(answer: unknown): number | undefined {
  return whole(member(answer, 'count'));
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, MOST) : [];
}

function text(value: unknown, longest: number): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, longest) : undefined;
}

function whole(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

function base64(value: unknown): string | undefined {
  const isBase64 =
    typeof value === 'string' && value.length % 4 === 0 && /^[0-9A-Za-z+/]*={0,2}$/.test(value);
  return isBase64 ? value : undefined;
}
