import type { Boot } from './boots.ts';
import type { Liveness } from './liveness.ts';
import { furthest, isFinished, MILESTONE_NAMES } from './milestones.ts';
import { type ApplianceFacts, SYMPTOMS, type Symptom, type View } from './symptoms.ts';

/** Why a boot does not go on, or a node is gone. */
export interface Diagnosis {
  /** Id of the entry in the table of symptoms; docs/troubleshooting.md has a section for each. */
  readonly symptom: string;
  /** Last step seen, likely cause, what to try. */
  readonly sentence: string;
  /** Likeliest first. */
  readonly causes: readonly string[];
  readonly tries: readonly string[];
}

export interface NodeSituation {
  /** Oldest first; the last one is the one in question. */
  readonly boots: readonly Boot[];
  readonly state: Liveness;
  readonly now: number;
  /** When the agent was heard last, milliseconds since the epoch. */
  readonly reportedAt?: number | undefined;
  readonly facts: ApplianceFacts;
}

/** Boots without an agent in this time are a loop, milliseconds. */
const LOOP_WITHIN = 15 * 60_000;

/** The first entry of the table that fits, with this node's facts in the sentence; undefined while nothing is wrong. */
export function diagnose(situation: NodeSituation): Diagnosis | undefined {
  if (situation.state === 'up' || situation.state === 'unknown') return undefined;
  const view = viewOf(situation, situation.state === 'stalled', false);
  return view && match(view);
}

/** Why an earlier boot, the last of `boots`, did not get to its agent; `until`: when the next one began. */
export function diagnoseEnded(
  boots: readonly Boot[],
  until: number,
  facts: ApplianceFacts,
): Diagnosis | undefined {
  const view = viewOf({ boots, state: 'stalled', now: until, facts }, true, true);
  return view && match(view);
}

function match(view: View): Diagnosis | undefined {
  const symptom = SYMPTOMS.find(each => each.fits(view));
  return symptom && diagnosisOf(symptom, view);
}

function diagnosisOf(symptom: Symptom, view: View): Diagnosis {
  const { id, causes, tries } = symptom;
  const sentence = `${lead(view)}: ${symptom.says(view)}; most likely ${causes[0]}; ${tries[0]}.`;
  return { symptom: id, sentence, causes: [...causes], tries: [...tries] };
}

function lead({ boot, silentFor, step, stepAt, now, ended }: View): string {
  if (silentFor !== undefined) return `The agent was heard last ${span(silentFor)} ago`;
  if (!step) return `A boot began ${span(now - boot.startedAt)} ago`;
  const name = MILESTONE_NAMES[step];
  return ended ? `The boot ended after ${name}` : `The last step was ${name}, ${span(now - stepAt)} ago`;
}

function viewOf(situation: NodeSituation, stalled: boolean, ended: boolean): View | undefined {
  const { boots, facts, now, reportedAt, state } = situation;
  const boot = boots.at(-1) ?? { startedAt: reportedAt ?? now, events: [], dropped: 0 };
  const silentFor = state === 'silent' ? now - (reportedAt ?? boot.startedAt) : undefined;
  if (silentFor === undefined && isFinished(boot)) return undefined;
  const reached = furthest(boot);
  const last = boot.events.at(-1);
  return {
    boot,
    step: reached?.step,
    stepAt: reached?.at ?? boot.startedAt,
    problem: last && (last.stage === 'problem' || last.fault !== undefined) ? last : undefined,
    stalled,
    ended,
    silentFor,
    now,
    facts,
    unfinished: ended ? [boot] : unfinishedOf(boots, now),
  };
}

/** The latest boots in a row that never got to an agent. */
function unfinishedOf(boots: readonly Boot[], now: number): Boot[] {
  const lastGood = boots.findLastIndex(isFinished);
  return boots.slice(lastGood + 1).filter(boot => now - boot.startedAt < LOOP_WITHIN);
}

/** `95 s`, `12 min`, `3 h`, `2 d`: precise where it matters. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
