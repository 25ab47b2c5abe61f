import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decide,
  decideRange,
  type Representation,
  type Verdict,
} from '../../../../src/service/http/conditions.ts';

const part = (start: number, end: number): Verdict => ({ status: 206, start, end });
const whole = (end: number): Verdict => ({ status: 200, start: 0, end });
const NOT_SATISFIABLE: Verdict = { status: 416 };

describe('a range of 1000 bytes', () => {
  test.each<[string, Verdict]>([
    ['bytes=0-', part(0, 1000)],
    ['bytes=0-0', part(0, 1)],
    ['bytes=0-999', part(0, 1000)],
    ['bytes=0-1000', part(0, 1000)],
    ['bytes=999-', part(999, 1000)],
    ['bytes=500-600', part(500, 601)],
    ['bytes=-1', part(999, 1000)],
    ['bytes=-1000', part(0, 1000)],
    ['bytes=-5000', part(0, 1000)],
    ['bytes=-999999999999999999999', part(0, 1000)],
    ['bytes=5-999999999999999999999', part(5, 1000)],
    ['BYTES= 5-6 ', part(5, 7)],
    ['bytes=1000-', NOT_SATISFIABLE],
    ['bytes=999999999999999999999-', NOT_SATISFIABLE],
    ['bytes=-0', NOT_SATISFIABLE],
    ['bytes=600-500', whole(1000)],
    ['bytes=-', whole(1000)],
    ['bytes=', whole(1000)],
    ['bytes=0-1,5-6', whole(1000)],
    ['bytes=-1-2', whole(1000)],
    ['bytes=0x1-2', whole(1000)],
    ['bytes=1.5-2', whole(1000)],
    ['lines=0-1', whole(1000)],
    ['', whole(1000)],
    ['0-1', whole(1000)],
  ])('%j', (range, verdict) => expect(decideRange(range, 1000)).toEqual(verdict));

  test.each<[string, Verdict]>([
    ['bytes=0-', NOT_SATISFIABLE],
    ['bytes=-5', whole(0)],
    ['bytes=-999999999999999999999', whole(0)],
    ['bytes=-0', NOT_SATISFIABLE],
  ])('%j of nothing', (range, verdict) => expect(decideRange(range, 0)).toEqual(verdict));

  test('whatever is asked for, nothing outside of the file is answered with', () => {
    const number = fc.oneof(fc.constant(''), fc.nat(2000).map(String), fc.bigInt({ min: 0n }).map(String));
    fc.assert(
      fc.property(number, number, fc.nat(1500), (first, last, size) => {
        const verdict = decideRange(`bytes=${first}-${last}`, size);
        if (!('end' in verdict)) return;
        expect(verdict.start).toBeGreaterThanOrEqual(0);
        expect(verdict.end).toBeLessThanOrEqual(size);
        expect(verdict.end - verdict.start).toBeGreaterThanOrEqual(verdict.status === 206 ? 1 : 0);
      }),
      { seed: 3, numRuns: 2000 },
    );
  });
});

describe('conditions', () => {
  const MODIFIED = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const LAST = 'Fri, 02 Jan 2026 03:04:05 GMT';
  const EARLIER = 'Fri, 02 Jan 2026 03:04:04 GMT';
  const FILE: Representation = { size: 1000, etag: '"v1"', modifiedAt: MODIFIED };
  const RANGE = { range: 'bytes=10-19' };
  const PART = part(10, 20);
  const ALL = whole(1000);
  const [KNOWN, FAILED]: Verdict[] = [{ status: 304 }, { status: 412 }];

  test.each<[string, Record<string, string>, Verdict | undefined]>([
    ['nothing', {}, ALL],
    ['If-None-Match with its tag', { 'if-none-match': '"v1"' }, KNOWN],
    ['If-None-Match with its tag, weak', { 'if-none-match': 'W/"v1"' }, KNOWN],
    ['If-None-Match with several', { 'if-none-match': '"a", "v1"' }, KNOWN],
    ['If-None-Match with another', { 'if-none-match': '"v2"' }, ALL],
    ['If-None-Match with a tag that holds a comma', { 'if-none-match': '"a,"v1' }, ALL],
    ['If-None-Match: *', { 'if-none-match': '*' }, KNOWN],
    ['If-None-Match that is none', { 'if-none-match': 'v1' }, ALL],
    ['If-Modified-Since its time', { 'if-modified-since': LAST }, KNOWN],
    ['If-Modified-Since before', { 'if-modified-since': EARLIER }, ALL],
    ['If-Modified-Since no date', { 'if-modified-since': 'yesterday' }, ALL],
    ['If-Modified-Since a number', { 'if-modified-since': '2099' }, ALL],
    ['another tag beats the time', { 'if-none-match': '"v2"', 'if-modified-since': LAST }, ALL],
    ['If-Match with its tag', { 'if-match': '"v1"' }, ALL],
    ['If-Match with several', { 'if-match': '"v0","v1"' }, ALL],
    ['If-Match: *', { 'if-match': '*' }, ALL],
    ['If-Match with another', { 'if-match': '"v2"' }, FAILED],
    ['If-Match with its tag, weak', { 'if-match': 'W/"v1"' }, FAILED],
    ['If-Unmodified-Since its time', { 'if-unmodified-since': LAST }, ALL],
    ['If-Unmodified-Since before', { 'if-unmodified-since': EARLIER }, FAILED],
    ['the tag beats If-Unmodified-Since', { 'if-match': '"v1"', 'if-unmodified-since': EARLIER }, ALL],
    ['If-Match is looked at first', { 'if-match': '"v2"', 'if-none-match': '"v1"' }, FAILED],
    ['a range', RANGE, PART],
    ['a range of what the client has', { ...RANGE, 'if-none-match': '"v1"' }, KNOWN],
    ['a range If-Range its tag', { ...RANGE, 'if-range': '"v1"' }, PART],
    ['a range If-Range its tag, weak', { ...RANGE, 'if-range': 'W/"v1"' }, ALL],
    ['a range If-Range another tag', { ...RANGE, 'if-range': '"v2"' }, ALL],
    ['a range If-Range its time', { ...RANGE, 'if-range': LAST }, PART],
    ['a range If-Range an earlier time', { ...RANGE, 'if-range': EARLIER }, ALL],
    ['a range If-Range nonsense', { ...RANGE, 'if-range': 'x' }, ALL],
  ])('%s', (_, headers, verdict) => expect(decide('GET', headers, FILE, MODIFIED + 60_000)).toEqual(verdict));

  test('a time younger than a second vouches for nothing: the file may be written right now', () => {
    const headers = { ...RANGE, 'if-range': LAST };
    expect(decide('GET', headers, FILE, MODIFIED + 999)).toEqual(ALL);
    expect(decide('GET', headers, FILE, MODIFIED + 1000)).toEqual(PART);
  });

  test('HEAD has no ranges', () => expect(decide('HEAD', RANGE, FILE, MODIFIED)).toEqual(ALL));

  test('content without a tag or a time matches nothing but *', () => {
    const own: Representation = { size: 1000, etag: undefined, modifiedAt: undefined };
    const verdicts = [
      { 'if-none-match': '"v1"' },
      { 'if-modified-since': LAST },
      { 'if-unmodified-since': EARLIER },
      { 'if-match': '"v1"' },
      { ...RANGE, 'if-range': LAST },
    ].map(headers => decide('GET', headers, own, MODIFIED).status);
    expect(verdicts).toEqual([200, 200, 200, 412, 200]);
  });
});
