import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { costAt, hasPrice, piecesOf } from '../../../../src/domain/placement/curve.ts';
import { CURVE_COSTS, curveOf, curveProblems } from './rules-of.ts';

const GiB = 2 ** 30;
const real = fc.double({ min: -100, max: 100, noNaN: true });

/** Same cost to the last digits that matter, Infinity included. */
function expectSame(a: string, b: string, input: number): void {
  const [x, y] = [costAt(curveOf(a), input), costAt(curveOf(b), input)];
  if (x === Infinity || y === Infinity) expect([x, y]).toEqual([Infinity, Infinity]);
  else expect(x).toBeCloseTo(y, 6);
}

describe('the curves of the document', () => {
  test.each(CURVE_COSTS)('%s', (text, inputs, costs) => {
    expect(inputs.map(input => costAt(curveOf(text), input))).toEqual(costs);
  });

  test('scales that multiply to more than a number can say cost Infinity, and have no piece that JSON could not tell', () => {
    const curve = curveOf(
      '{ curve: piecewise, cutoff: 1, scale: 1e200, low: { curve: constant, value: 1, scale: 1e200 }, high: { curve: constant, value: 2 } }',
    );
    expect([costAt(curve, 1), costAt(curve, 2), piecesOf(curve, 1).length]).toEqual([Infinity, 2e200, 1]);
  });

  test('hard-soft with amounts of 10 and 100 is hard-soft with scale 10', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 64 * GiB, noNaN: true }), input =>
        expectSame(
          '{ curve: "hard-soft", soft: 32 GiB, hard: 48 GiB, softAmt: 10, hardAmt: 100 }',
          '{ curve: "hard-soft", soft: 32 GiB, hard: 48 GiB, scale: 10.0 }',
          input,
        ),
      ),
    );
  });

  test('hard-soft of 1 and 2 is the piecewise curve that the document gives for it', () => {
    const piecewise = `{
      curve: piecewise
      cutoff: 1
      low: { curve: linear, slope: 1, base: 0 }
      high: {
        curve: piecewise
        cutoff: 2
        low: { curve: linear, slope: 9, base: -8 },
        high: { curve: invalid }
      }
    }`;
    fc.assert(
      fc.property(real, input => expectSame('{ curve: hard-soft, soft: 1, hard: 2 }', piecewise, input)),
    );
  });

  test('unavailable is the piecewise curve that the document gives for it', () => {
    const piecewise =
      '{ curve: piecewise, cutoff: 0, low: { curve: constant, value: 0 }, high: { curve: invalid } }';
    fc.assert(fc.property(real, input => expectSame('{ curve: unavailable }', piecewise, input)));
  });

  test('low-high and high-low are other words for piecewise: low serves the lower inputs (X-6)', () => {
    const body = 'cutoff: 1, low: { curve: constant, value: 1 }, high: { curve: constant, value: 2 }';
    fc.assert(
      fc.property(real, fc.constantFrom('low-high', 'high-low'), (input, word) =>
        expectSame(`{ curve: piecewise, ${body} }`, `{ curve: ${word}, ${body} }`, input),
      ),
    );
  });

  test('scales of nested curves multiply, and the inner ones get the input as it is', () => {
    const nested =
      '{ curve: piecewise, scale: 3, cutoff: 2, low: { curve: linear, slope: 1, base: 0, scale: 2 }, high: { curve: linear, slope: 1, base: 0 } }';
    expect([1, 2, 3].map(input => costAt(curveOf(nested), input))).toEqual([6, 12, 9]);
  });

  test('lowCurve and highCurve of its flattened table are low and high (X-4)', () => {
    const body = '{ curve: constant, value: 1 }';
    expect(curveOf(`{ curve: piecewise, cutoff: 1, lowCurve: ${body}, highCurve: ${body} }`)).toEqual(
      curveOf(`{ curve: piecewise, cutoff: 1, low: ${body}, high: ${body} }`),
    );
  });
});

describe('curves that are refused', () => {
  test.each([
    ['{ slope: 1 }', ['main.conf:1: curve: is missing, expected a text']],
    [
      '{ curve: lineer }',
      [
        'main.conf:1: curve: got "lineer", expected one of constant, invalid, linear, hard-soft, soft-hard, unavailable, piecewise, low-high, high-low; did you mean linear?',
      ],
    ],
    ['{ curve: constant }', ['main.conf:1: value: is missing, expected a number such as 1.0']],
    ['{ curve: constant, value: 1 GiB }', ['main.conf:1: value: got "1 GiB", expected a number such as 1.0']],
    [
      '{ curve: linear }',
      [
        'main.conf:1: slope: is missing, expected a number or bytes, such as 1.0 or 32 MiB',
        'main.conf:1: base: is missing, expected a number or bytes, such as 1.0 or 32 MiB',
      ],
    ],
    ['{ curve: invalid, scale: -1 }', ['main.conf:1: scale: got -1, expected a number from 0']],
    [
      '{ curve: hard-soft, soft: 0, hard: 1 }',
      ['main.conf:1: soft: got 0, expected a number or bytes, more than 0'],
    ],
    [
      '{ curve: hard-soft\nsoft: 2\nhard: 1 }',
      ['main.conf:3: hard: got 1, expected at least soft, which is 2'],
    ],
    [
      '{ curve: piecewise, cutoff: 1, low: { curve: invalid } }',
      ['main.conf:1: high: is missing, expected a curve: { curve: ... }'],
    ],
    [
      '{ curve: piecewise\ncutoff: 1\nlow: { curve: constant }\nhigh: 5 }',
      [
        'main.conf:3: low.value: is missing, expected a number such as 1.0',
        'main.conf:4: high: got 5, expected an object: { ... }',
      ],
    ],
    [
      '{ curve: linear, slope: 1, base: 0, slop: 2 }',
      ['main.conf:1: slop: got an unknown key, expected a known key; did you mean slope?'],
    ],
    [
      '{ curve: invalid, value: 1 }',
      ['main.conf:1: value: got an unknown key, expected one of curve, scale, max'],
    ],
  ])('%s', (text, problems) => {
    expect(curveProblems(text)).toEqual(problems);
  });
});

describe('where a curve has a price', () => {
  test.each([
    ['{ curve: constant, value: 1 }', [[-Infinity, Infinity]]],
    ['{ curve: invalid }', []],
    ['{ curve: unavailable }', [[-Infinity, 0]]],
    [
      '{ curve: hard-soft, soft: 1, hard: 2, max: 1.5 }',
      [
        [-Infinity, 1],
        [1, 1.5],
      ],
    ],
    ['{ curve: hard-soft, soft: 1, hard: 2, max: 0.5 }', [[-Infinity, 0.5]]],
    [
      '{ curve: piecewise, cutoff: 5, low: { curve: invalid }, high: { curve: hard-soft, soft: 1, hard: 9 } }',
      [[5, 9]],
    ],
  ])('%s', (text, ranges) => {
    expect(piecesOf(curveOf(text), 1).map(({ above, upTo }) => [above, upTo])).toEqual(ranges);
  });

  test('the ranges say the same as the curve itself', () => {
    const shapes = fc.letrec<{ curve: string }>(tie => ({
      curve: fc.oneof(
        { depthSize: 'small' },
        fc.constant('{ curve: constant, value: 1 }'),
        fc.constant('{ curve: invalid }'),
        fc.constant('{ curve: unavailable }'),
        fc
          .tuple(fc.nat(9), fc.nat(9))
          .map(([a, b]) => `{ curve: hard-soft, soft: ${a + 1}, hard: ${a + b + 1} }`),
        fc.nat(9).map(max => `{ curve: linear, slope: 1, base: 0, max: ${max} }`),
        fc
          .tuple(fc.nat(9), tie('curve'), tie('curve'))
          .map(
            ([cutoff, low, high]) => `{ curve: piecewise, cutoff: ${cutoff}, low: ${low}, high: ${high} }`,
          ),
      ),
    })).curve;
    fc.assert(
      fc.property(shapes, fc.integer({ min: -3, max: 25 }), (text, input) => {
        const curve = curveOf(text);
        const priced = piecesOf(curve, 1).some(({ above, upTo }) => input > above && input <= upTo);
        expect(priced).toBe(costAt(curve, input) < Infinity);
        expect(hasPrice(curve, input, input)).toBe(priced);
      }),
    );
  });
});
