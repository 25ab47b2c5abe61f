import { expect, test } from 'vitest';
import { parseAgentConfig } from '../../../src/agent/config.ts';
import { PxenError } from '../../../src/base/error.ts';

const parse = (value: unknown) =>
  parseAgentConfig(typeof value === 'string' ? value : JSON.stringify(value), 'agent.json');

test('the default overlay brings an address, one of its own an id and a token as well', () => {
  expect(parse({ host0: 'http://10.77.0.1' })).toEqual({ host0: 'http://10.77.0.1', interval: 10 });
  const own = { host0: 'http://10.77.0.1:8080', id: '91d5815f', token: 't', interval: 2 };
  expect(parse(own)).toEqual(own);
});

test('every problem of the file is told at once', () => {
  let error: unknown;
  try {
    parse({ hosts0: 'x', id: 'XYZ', interval: 'soon', token: '' });
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(PxenError);
  expect((error as PxenError).code).toBe('AGENT_CONFIG');
  expect((error as PxenError).details).toEqual([
    'agent.json: host0: is missing, expected a URL such as http://10.77.0.1',
    'agent.json: id: got "XYZ", expected 8 lower-case hex digits',
    'agent.json: token: got something else, expected a token',
    'agent.json: interval: got "soon", expected seconds from 0.1 to 3600',
    'agent.json: hosts0: got "x", expected no such key; did you mean host0?',
  ]);
});

test('what is no JSON is quoted', () => {
  expect(() => parse('{ host0: }')).toThrow('agent.json: 1 problem');
});
