import { describe, expect, test } from 'vitest';
import { judgeAnswer, strongValidator } from '../../../../src/domain/download/answer.ts';

const NOON = 'Mon, 20 Nov 2023 12:00:00 GMT';
const A_SECOND_LATER = 'Mon, 20 Nov 2023 12:00:01 GMT';

describe('strongValidator', () => {
  test.each([
    [{ etag: '"abc"' }, '"abc"'],
    [{ etag: '""' }, '""'],
    [{ etag: 'W/"abc"' }, undefined],
    [{ etag: 'abc' }, undefined],
    [{ etag: '"a b"' }, undefined],
    [{ etag: '"abc"\r\nx: y' }, undefined],
    // RFC 9110 13.1.5: a date does not stand in for an entity tag that is weak.
    [{ etag: 'W/"abc"', 'last-modified': NOON, date: A_SECOND_LATER }, undefined],
    [{ 'last-modified': NOON, date: A_SECOND_LATER }, NOON],
    [{ 'last-modified': NOON, date: NOON }, undefined],
    [{ 'last-modified': NOON }, undefined],
    [{ 'last-modified': 'yesterday', date: NOON }, undefined],
    [{}, undefined],
  ])('%j', (headers, expected) => expect(strongValidator(headers)).toBe(expected));
});

describe('judgeAnswer', () => {
  const asked = { from: 100, total: 200, validator: '"a"' };
  const answer = (status: number, headers: Record<string, string> = {}, reason = '') => ({
    status,
    headers,
    reason,
  });

  test.each<
    [string, ReturnType<typeof answer>, Parameters<typeof judgeAnswer>[1], ReturnType<typeof judgeAnswer>]
  >([
    [
      'a whole file',
      answer(200, { 'content-length': '7', etag: '"a"' }),
      { from: 0 },
      { kind: 'whole', total: 7, validator: '"a"' },
    ],
    [
      'one without a length',
      answer(200),
      { from: 0 },
      { kind: 'whole', total: undefined, validator: undefined },
    ],
    [
      'a length that is none',
      answer(200, { 'content-length': '-1' }),
      { from: 0 },
      { kind: 'whole', total: undefined, validator: undefined },
    ],
    [
      'a whole file where a rest was asked for',
      answer(200, { 'content-length': '7' }),
      asked,
      { kind: 'whole', total: 7, validator: undefined },
    ],
    ['the rest', answer(206, { 'content-range': 'bytes 100-199/200' }), asked, { kind: 'rest', total: 200 }],
    [
      'the rest of a file of unknown size',
      answer(206, { 'content-range': 'bytes 100-199/*' }),
      asked,
      { kind: 'rest', total: 200 },
    ],
    [
      'another part',
      answer(206, { 'content-range': 'bytes 0-199/200' }),
      asked,
      { kind: 'anew', why: 'asked for the bytes from 100, it sent "bytes 0-199/200"' },
    ],
    ['several parts', answer(206), asked, { kind: 'anew', why: 'asked for the bytes from 100, it sent ""' }],
    [
      'a file of another size',
      answer(206, { 'content-range': 'bytes 100-299/300' }),
      asked,
      { kind: 'anew', why: 'the file was changed on the server' },
    ],
    [
      'a file with another entity tag',
      answer(206, { 'content-range': 'bytes 100-199/200', etag: '"b"' }),
      asked,
      { kind: 'anew', why: 'the file was changed on the server' },
    ],
    [
      'a file known by its date, with an entity tag too',
      answer(206, { 'content-range': 'bytes 100-199/200', etag: '"b"' }),
      { ...asked, validator: NOON },
      { kind: 'rest', total: 200 },
    ],
    [
      'a file that became shorter',
      answer(416, {}, 'Range Not Satisfiable'),
      asked,
      { kind: 'anew', why: 'HTTP 416 Range Not Satisfiable' },
    ],
    ['416 where no range was asked for', answer(416), { from: 0 }, { kind: 'refused', why: 'HTTP 416' }],
    ['206 where no range was asked for', answer(206), { from: 0 }, { kind: 'refused', why: 'HTTP 206' }],
    [
      'a server that starts',
      answer(503, {}, 'Service Unavailable'),
      asked,
      { kind: 'later', why: 'HTTP 503 Service Unavailable' },
    ],
    ['too many requests', answer(429), asked, { kind: 'later', why: 'HTTP 429' }],
    ['not found', answer(404, {}, 'Not Found'), asked, { kind: 'refused', why: 'HTTP 404 Not Found' }],
    ['a login', answer(401, {}, 'Unauthorized'), asked, { kind: 'refused', why: 'HTTP 401 Unauthorized' }],
  ])('%s', (_what, given, before, verdict) => expect(judgeAnswer(given, before)).toEqual(verdict));
});
