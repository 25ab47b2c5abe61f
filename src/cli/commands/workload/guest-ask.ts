import type * as z from 'zod';
import { type GuestAnswer, guestAnswerSchema, type guestRequestSchema } from '../../../api/guest.ts';
import { workloadGuestPath } from '../../../api/paths.ts';
import { type Context, control, unwrap } from '../../context.ts';
import { chooseOne, listWorkloads } from './choose.ts';

/** With what may be left out left out. */
export type GuestQuestion = z.input<typeof guestRequestSchema>;

/** Beyond the time that a command has: a slow guest takes its time for a long file, milliseconds. */
const PATIENCE = 330_000;

/** The name of the one workload that these words mean. */
export async function theWorkload(context: Context, words: readonly string[]): Promise<string> {
  return chooseOne(await listWorkloads(context), words).name;
}

/** What the agent in the guest of this workload answers. */
export async function askGuest(
  context: Context,
  name: string,
  question: GuestQuestion,
): Promise<GuestAnswer> {
  const more = question.ask === 'exec' ? (question.timeoutSeconds ?? 0) * 1000 : 0;
  const answer = await control(context).post(workloadGuestPath(name), question, PATIENCE + more);
  return unwrap(answer, guestAnswerSchema);
}
