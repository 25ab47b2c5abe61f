import { z } from 'zod';
import { parseCidr, parseIpv4 } from '../../base/ipv4.ts';
import { parseMac } from '../../base/mac.ts';
import type { AddressRange } from '../lease/pool.ts';
import { parseMachineId } from '../machine/genid.ts';

/** Texts of the configuration as values: what cannot be read fits no setting. */
export const ipv4 = read(parseIpv4);
export const network = read(parseCidr);
export const mac = read(parseMac);
export const machineId = read(parseMachineId);
export const port = z.int().min(1).max(65_535);
export const domain = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i);
export const hostname = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i);

/** A YAML list, or a text with commas or spaces between the items, as the environment and flags have it. */
export const list = <T>(item: z.ZodType<T>): z.ZodType<readonly T[]> =>
  z.preprocess(
    value => (typeof value === 'string' ? value.split(/[\s,]+/).filter(Boolean) : value),
    z.array(item),
  );

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90`, `30s`, `15m`, `1h`, `2d` as seconds. */
export const duration = z.union([z.int(), z.string()]).transform((value, ctx) => {
  const match = /^(\d+)([smhd]?)$/.exec(String(value));
  return match ? Number(match[1]) * (SECONDS[match[2] || 's'] ?? 1) : refuse(ctx);
});

/** How long an address is lent, seconds. */
export const leaseTime = duration.refine(seconds => seconds >= 120 && seconds <= 30 * 86_400);

/** `10.77.0.100-10.77.0.199`. */
export const range = z.string().transform((text, ctx): AddressRange => {
  const [first, last, ...rest] = text.split('-').map(part => parseIpv4(part.trim()));
  return first && last && rest.length === 0 ? { first, last } : refuse(ctx);
});

/** `500M`, `50G`, `1T`: how much of a disk; 0 has no unit. */
export const size = z.preprocess(
  value => (value === 0 ? '0' : value),
  z.string().regex(/^(0|[1-9]\d{0,6}[MGT])$/),
);

/** Bytes, in binary units. */
export function bytesOfSize(text: string): number {
  const power = ' KMGT'.indexOf(text.slice(-1));
  return power < 1 ? Number(text) : Number(text.slice(0, -1)) * 1024 ** power;
}

function read<T>(parse: (text: string) => T | undefined) {
  return z.string().transform((text, ctx) => parse(text) ?? refuse(ctx));
}

function refuse(ctx: z.RefinementCtx): never {
  ctx.addIssue({ code: 'custom', message: 'bad value' });
  return z.NEVER;
}
