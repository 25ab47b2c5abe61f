import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judgeAnswer, strongValidator } from '../../src/domain/download/answer.ts';
import { kindOf } from '../../src/domain/volume/content.ts';
import { judgeContent, judgeSource } from '../../src/domain/volume/judge.ts';
import { parseQcow2 } from '../../src/domain/volume/qcow2.ts';
import { qcow2Header } from '../fakes/volumes.ts';
import { budget, FUZZ_TIME } from './budget.ts';

/** A header with a few bytes changed, cut anywhere. */
const damaged = fc
  .tuple(
    fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 0, max: 255 })), { maxLength: 12 }),
    fc.integer({ min: 0, max: 1024 }),
  )
  .map(([changes, length]) => {
    const head = qcow2Header();
    for (const [at, byte] of changes) head[at] = byte;
    return head.subarray(0, length);
  });

test(
  'every beginning of a file is judged, and what is taken for an image names no other file',
  () => {
    let images = 0;
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 2048 })), head => {
        kindOf(head);
        judgeContent('iso', head);
        const image = parseQcow2(head);
        const trouble = judgeContent('qcow2', head);
        if (typeof image === 'string') {
          expect(trouble).toBeTypeOf('string');
          return;
        }
        images++;
        const harmless =
          image.backingFile === undefined && image.dataFile === undefined && image.encryption === 'none';
        expect(trouble === undefined).toBe(harmless);
        const asRaw = judgeSource({ type: 'qcow2', format: 'raw' }, head);
        expect(asRaw === 'convert').toBe(harmless);
        expect(asRaw).not.toBe('take');
        if (!harmless) return;
        const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
        expect(view.getBigUint64(8)).toBe(0n);
        expect(view.getUint32(32)).toBe(0);
        if (image.version === 3) expect(view.getBigUint64(72) & 4n).toBe(0n);
      }),
      budget('qcow2'),
    );
    console.log(`fuzz qcow2: ${images} images`);
    expect(images).toBeGreaterThan(100);
  },
  FUZZ_TIME + 20_000,
);

test(
  'a header that is written comes back as it was',
  () => {
    const name = fc.stringMatching(/^[a-z/.]{1,40}$/);
    const fields = fc.record({
      version: fc.constantFrom(2 as const, 3 as const),
      size: fc.bigInt({ min: 0n, max: BigInt(Number.MAX_SAFE_INTEGER) }),
      clusterBits: fc.integer({ min: 9, max: 21 }),
      backingFile: fc.option(name, { nil: undefined }),
      dataFile: fc.option(name, { nil: undefined }),
    });
    fc.assert(
      fc.property(fields, ({ backingFile, clusterBits, dataFile, size, version }) => {
        const head = qcow2Header(view => {
          view.setUint32(4, version);
          view.setUint32(20, clusterBits);
          view.setBigUint64(24, size);
          if (backingFile !== undefined) {
            view.setBigUint64(8, 800n);
            view.setUint32(16, backingFile.length);
            new Uint8Array(view.buffer).set(Buffer.from(backingFile), 800);
          }
          if (dataFile !== undefined) {
            view.setUint32(104, 0x44_41_54_41);
            view.setUint32(108, dataFile.length);
            new Uint8Array(view.buffer).set(Buffer.from(dataFile), 112);
          }
        });
        expect(parseQcow2(head)).toEqual({
          version,
          virtualSize: Number(size),
          clusterBytes: 2 ** clusterBits,
          encryption: 'none',
          backingFile,
          dataFile: version === 3 ? dataFile : undefined,
        });
      }),
      budget('qcow2 round trip'),
    );
  },
  FUZZ_TIME + 20_000,
);

test(
  'every answer of a server gets a verdict',
  () => {
    const value = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.constantFrom(
        '"a"',
        'W/"a"',
        'bytes 5-9/10',
        'bytes 5-9/*',
        'bytes */10',
        '10',
        '-1',
        '1e3',
        'Mon, 20 Nov 2023 12:00:00 GMT',
      ),
    );
    const header = fc.constantFrom('etag', 'last-modified', 'date', 'content-length', 'content-range');
    const answer = fc.record({
      status: fc.constantFrom(200, 206, 301, 404, 416, 429, 500, 503, 0, 999),
      reason: fc.string({ maxLength: 10 }),
      headers: fc.dictionary(header, fc.oneof(value, fc.array(value, { maxLength: 2 }))),
    });
    const asked = fc.record({
      from: fc.constantFrom(0, 5),
      total: fc.constantFrom(undefined, 10),
      validator: fc.constantFrom(undefined, '"a"'),
    });
    fc.assert(
      fc.property(answer, asked, (given, before) => {
        const verdict = judgeAnswer(given, before);
        if (verdict.kind === 'rest') expect(before.from).toBeGreaterThan(0);
        if (verdict.kind === 'whole' || verdict.kind === 'rest')
          expect(verdict.total === undefined || Number.isSafeInteger(verdict.total)).toBe(true);
        expect(strongValidator(given.headers) ?? '').not.toMatch(/^W\/|[\r\n]/);
      }),
      budget('HTTP answers'),
    );
  },
  FUZZ_TIME + 20_000,
);
