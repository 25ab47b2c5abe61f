import { describe, expect, test } from 'vitest';
import { plain, read } from './documents.ts';
import { SPEC_CASES } from './spec-cases.ts';

const good = SPEC_CASES.filter(({ value }) => value !== undefined);
const bad = SPEC_CASES.filter(({ value }) => value === undefined);

describe('the examples of the HOCON specification', () => {
  test.each(good)('$section: $text', ({ text, files, value }) => {
    const { root, problems } = read(text, files);
    expect({ value: plain(root), problems }).toEqual({ value, problems: [] });
  });

  test.each(bad)('$section: $text is refused, with a line', ({ text, files }) => {
    const { problems } = read(text, files);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.every(({ line }) => line !== undefined && line >= 1)).toBe(true);
  });
});
