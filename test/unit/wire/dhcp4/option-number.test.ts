import { expect, test } from 'vitest';
import { OPTION } from '../../../../src/wire/dhcp4/code.ts';
import {
  architectures,
  maxMessageSize,
  messageType,
  messageTypeOption,
  uint32Option,
} from '../../../../src/wire/dhcp4/option-number.ts';

const options = (code: number, ...value: number[]) => new Map([[code, Uint8Array.from(value)]]);

test.each([
  ['DISCOVER', [1], 'DISCOVER'],
  ['INFORM', [8], 'INFORM'],
  ['an unknown number', [9], undefined],
  ['an empty option', [], undefined],
  ['two bytes', [1, 1], undefined],
])('message type: %s', (_, value, type) => {
  expect(messageType(options(OPTION.messageType, ...value))).toBe(type);
});

test('a message type is one byte', () => {
  expect(messageTypeOption('NAK')).toEqual(Uint8Array.of(6));
});

test.each([
  ['missing', [], 576],
  ['too small', [0, 68], 576],
  ['as iPXE sends it', [0x05, 0xc0], 1472],
  ['beyond an Ethernet frame', [0xff, 0xff], 1500],
])('message size: %s', (_, value, size) => {
  expect(maxMessageSize(options(OPTION.maxMessageSize, ...value))).toBe(size);
});

test.each([
  ['one', [0, 7], [7]],
  ['several', [0, 9, 0, 7], [9, 7]],
  ['an odd length', [0, 7, 1], [7]],
  ['none', [], []],
])('architectures: %s', (_, value, codes) => {
  expect(architectures(options(OPTION.architecture, ...value))).toEqual(codes);
});

test('seconds are 32 bits, most significant byte first', () => {
  expect(uint32Option(3600)).toEqual(Uint8Array.of(0, 0, 0x0e, 0x10));
});
