import { messageOf } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';

/** Something that is done to a workload, and how to take it back. */
export interface Step {
  /** One word, such as `spawn`. */
  readonly name: string;
  /** Does it, and says in a few words what was done; undefined when there was nothing to do. */
  readonly run: () => Promise<string | undefined> | string | undefined;
  /** Also called for the step that failed itself, so it copes with half of it. */
  readonly undo?: () => Promise<void> | void;
}

/** What was done, in a few words, and how long it took. */
export interface StepLine {
  readonly step: string;
  readonly text: string;
  readonly milliseconds: number;
}

/** Hears what is going on, line by line. */
export type TellStep = (line: StepLine) => void;

export interface StepPorts {
  readonly clock: Clock;
  readonly tell: TellStep;
  /** One plain line for the log. */
  readonly say: (line: string) => void;
  /** Looked at between two steps. Its reason is what the steps then fail with. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs the steps one after the other and tells each with its time. When one fails, everything done so far is undone in
 * reverse order, and the failure is thrown; what goes wrong in undoing never hides it.
 */
export async function runSteps(steps: readonly Step[], ports: StepPorts): Promise<void> {
  const begun: Step[] = [];
  try {
    for (const step of steps) {
      ports.signal?.throwIfAborted();
      begun.push(step);
      const began = ports.clock.elapsed();
      const text = await step.run();
      if (text !== undefined) tellStep(ports.tell, step.name, text, ports.clock.elapsed() - began);
    }
  } catch (failure) {
    for (const step of begun.reverse()) await undo(step, ports.say);
    // What a step failed with because it was called off is not the reason.
    ports.signal?.throwIfAborted();
    throw failure;
  }
}

export function tellStep(tell: TellStep, step: string, text: string, milliseconds: number): void {
  tell({ step, text, milliseconds: Math.round(milliseconds * 10) / 10 });
}

async function undo(step: Step, say: StepPorts['say']): Promise<void> {
  try {
    await step.undo?.();
  } catch (thrown) {
    say(`cannot take back the step ${step.name}: ${messageOf(thrown)}`);
  }
}
