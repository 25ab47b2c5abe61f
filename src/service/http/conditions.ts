import type { IncomingHttpHeaders } from 'node:http';

/** What could be sent, and how a client may recognise it. */
export interface Representation {
  /** Bytes. */
  readonly size: number;
  /** With its quotes; absent for what is made for one caller. */
  readonly etag: string | undefined;
  /** Milliseconds since the epoch; absent where there is no time of change. */
  readonly modifiedAt: number | undefined;
}

/** What to answer: everything, the bytes [start, end), or a status without content. */
export type Verdict =
  | { readonly status: 200 | 206; readonly start: number; readonly end: number }
  | { readonly status: 304 | 412 | 416 };

/** More than anything that is served; digits beyond it could not be counted with. */
const MOST_DIGITS = 15;

/**
 * Conditions in the order of RFC 9110 13.2.2, then the range (14.2). `now` is in milliseconds: a time of change younger
 * than a second is no strong validator (8.8.2.2). A range for HEAD, of another unit, or that cannot be read is ignored.
 */
export function decide(
  method: string,
  headers: IncomingHttpHeaders,
  what: Representation,
  now: number,
): Verdict {
  if (!isWanted(headers, what)) return { status: 412 };
  if (isKnownToClient(headers, what)) return { status: 304 };
  const range = headers.range;
  if (range === undefined || method !== 'GET' || !isSame(headers['if-range'], what, now)) return whole(what);
  return decideRange(range, what.size);
}

/** RFC 9110 14.1.2. More than one range may be answered with everything (14.2), which no boot client minds. */
export function decideRange(range: string, size: number): Verdict {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(range);
  const [, first = '', last = ''] = match ?? [];
  if (!match || first + last === '') return whole({ size });
  if (first.length > MOST_DIGITS) return { status: 416 };
  // An empty file has no bytes that a 206 could name.
  if (first === '') return last.length > MOST_DIGITS ? everythingOf(size) : suffix(Number(last), size);
  const start = Number(first);
  const end = last === '' || last.length > MOST_DIGITS ? size : Math.min(size, Number(last) + 1);
  if (last !== '' && last.length <= MOST_DIGITS && Number(last) < start) return whole({ size });
  return start < size ? { status: 206, start, end } : { status: 416 };
}

function suffix(length: number, size: number): Verdict {
  if (length === 0) return { status: 416 };
  return length >= size ? everythingOf(size) : { status: 206, start: size - length, end: size };
}

function everythingOf(size: number): Verdict {
  return size === 0 ? whole({ size }) : { status: 206, start: 0, end: size };
}

function whole({ size }: Pick<Representation, 'size'>): Verdict {
  return { status: 200, start: 0, end: size };
}

/** If-Match, or else If-Unmodified-Since. */
function isWanted(headers: IncomingHttpHeaders, { etag, modifiedAt }: Representation): boolean {
  const match = headers['if-match'];
  if (match !== undefined)
    return match.trim() === '*' || (etag !== undefined && tagsOf(match).includes(etag));
  const since = timeOf(headers['if-unmodified-since']);
  return since === undefined || modifiedAt === undefined || seconds(modifiedAt) <= since;
}

/** If-None-Match, which compares weakly, or else If-Modified-Since. */
function isKnownToClient(headers: IncomingHttpHeaders, { etag, modifiedAt }: Representation): boolean {
  const none = headers['if-none-match'];
  if (none !== undefined) {
    if (none.trim() === '*') return true;
    return etag !== undefined && tagsOf(none).some(tag => tag.replace(/^W\//, '') === etag);
  }
  const since = timeOf(headers['if-modified-since']);
  return since !== undefined && modifiedAt !== undefined && seconds(modifiedAt) <= since;
}

/** If-Range: an entity tag or a date, either of which has to be a strong validator (RFC 9110 13.1.5). */
function isSame(
  validator: string | string[] | undefined,
  { etag, modifiedAt }: Representation,
  now: number,
): boolean {
  if (validator === undefined) return true;
  if (typeof validator !== 'string') return false;
  if (/^(?:W\/)?"/.test(validator.trim())) return validator.trim() === etag;
  if (modifiedAt === undefined || now - modifiedAt < 1000) return false;
  return timeOf(validator) === seconds(modifiedAt);
}

function tagsOf(list: string): string[] {
  return list.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

/** Whole seconds, or undefined for what is no date: then the header counts as absent (RFC 9110 13.1.3). */
function timeOf(date: string | undefined): number | undefined {
  const at = date?.endsWith(' GMT') ? Date.parse(date) : Number.NaN;
  return Number.isNaN(at) ? undefined : seconds(at);
}

/** HTTP dates have no fractions. */
function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
