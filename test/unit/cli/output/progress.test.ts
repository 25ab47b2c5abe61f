import { describe, expect, test } from 'vitest';
import { type Download, progressLine, rateOf, seen } from '../../../../src/cli/output/progress.ts';

/** A download that was seen at these times. */
function download(
  steps: readonly (readonly [at: number, received: number])[],
  total?: number,
  path = '/iso/disk.iso',
): Download {
  let now: Download | undefined;
  for (const [at, received] of steps) now = seen(now, { path, received, total }, at);
  if (!now) throw new Error('no steps');
  return now;
}

const KIB = 1024;

describe('the rate', () => {
  test.each<[string, Download, number, number]>([
    ['of the first sight is not known', download([[0, 500]]), 0, 0],
    [
      'is that since the first sight',
      download([
        [0, 0],
        [2000, 3000],
      ]),
      2000,
      1500,
    ],
    [
      'of a resumed download leaves out what was there',
      download([
        [0, 9000],
        [1000, 9100],
      ]),
      1000,
      100,
    ],
    [
      'is that of the last five seconds',
      download([
        [0, 0],
        [1000, 100_000],
        [6000, 100_500],
        [7000, 100_600],
      ]),
      7000,
      100,
    ],
    [
      'of two sights at one time is not known',
      download([
        [5, 0],
        [5, 100],
      ]),
      5,
      0,
    ],
    [
      'of a complete one is nothing',
      download(
        [
          [0, 0],
          [1000, 100],
        ],
        100,
      ),
      1000,
      0,
    ],
    [
      'of one that says nothing any more is nothing',
      download([
        [0, 0],
        [1000, 100],
      ]),
      6001,
      0,
    ],
    [
      'of one that began anew counts from there',
      download([
        [0, 0],
        [1000, 900],
        [2000, 0],
        [3000, 50],
      ]),
      3000,
      50,
    ],
  ])('%s', (_, progress, now, rate) => expect(rateOf(progress, now)).toBe(rate));
});

describe('the line', () => {
  const line = (downloads: readonly Download[], now: number, columns = 200): string | undefined =>
    progressLine(downloads, now, columns);

  test.each<[string, readonly Download[], number, string | undefined]>([
    ['nothing', [], 5000, undefined],
    [
      'less than a second',
      [
        download(
          [
            [0, 0],
            [999, 5],
          ],
          10,
        ),
      ],
      999,
      undefined,
    ],
    [
      'one with a total',
      [
        download(
          [
            [0, 0],
            [1000, 300 * KIB],
          ],
          1024 * KIB,
        ),
      ],
      1000,
      'disk.iso  29 %  300 KiB of 1.0 MiB  300 KiB/s  2 s left',
    ],
    [
      'one without',
      [
        download([
          [0, 0],
          [2000, 4 * KIB],
        ]),
      ],
      2000,
      'disk.iso  4.0 KiB  2.0 KiB/s',
    ],
    [
      'one that stalls',
      [
        download(
          [
            [0, 10],
            [1000, 10],
          ],
          100,
        ),
      ],
      1000,
      'disk.iso  10 %  10 B of 100 B',
    ],
    [
      'nearly at the end is not 100 %',
      [
        download(
          [
            [0, 0],
            [100_000, 99_999],
          ],
          100_000,
        ),
      ],
      100_000,
      'disk.iso  99 %  97.7 KiB of 97.7 KiB',
    ],
    [
      'at the end',
      [
        download(
          [
            [0, 0],
            [2000, 100],
          ],
          100,
        ),
      ],
      2000,
      'disk.iso  100 %  100 B of 100 B',
    ],
    [
      'more than was announced',
      [
        download(
          [
            [0, 0],
            [2000, 200],
          ],
          100,
        ),
      ],
      2000,
      'disk.iso  100 %  200 B of 100 B  100 B/s',
    ],
    [
      'of nothing',
      [
        download(
          [
            [0, 0],
            [2000, 0],
          ],
          0,
        ),
      ],
      2000,
      'disk.iso  0 B',
    ],
    [
      'the last moment',
      [
        download(
          [
            [0, 0],
            [2000, 1999],
          ],
          2000,
        ),
      ],
      2000,
      'disk.iso  99 %  2.0 KiB of 2.0 KiB  1000 B/s  1 s left',
    ],
    [
      'hours',
      [
        download(
          [
            [0, 0],
            [1000, 1],
          ],
          36_001,
        ),
      ],
      1000,
      'disk.iso  0 %  1 B of 35.2 KiB  1 B/s  10 h left',
    ],
    [
      'several',
      [
        download(
          [
            [0, 0],
            [2000, 100],
          ],
          200,
        ),
        download(
          [
            [1000, 0],
            [2000, 300],
          ],
          600,
        ),
      ],
      2000,
      '2 downloads  50 %  400 B of 800 B  350 B/s  1 s left',
    ],
    [
      'several, and of one nobody knows how long it is',
      [
        download(
          [
            [0, 0],
            [2000, 100],
          ],
          200,
        ),
        download([
          [1000, 0],
          [2000, 300],
        ]),
      ],
      2000,
      '2 downloads  400 B  350 B/s',
    ],
    [
      'a name that would steer the terminal',
      [
        download(
          [
            [0, 0],
            [2000, 100],
          ],
          undefined,
          '/x/\u001b[2J',
        ),
      ],
      2000,
      '?[2J  100 B  50 B/s',
    ],
  ])('%s', (_, downloads, now, text) => expect(line(downloads, now)).toBe(text));

  test('is cut where the terminal ends', () => {
    expect(
      line(
        [
          download(
            [
              [0, 0],
              [2000, 100],
            ],
            200,
          ),
        ],
        2000,
        12,
      ),
    ).toBe('disk.iso  50');
  });
});
