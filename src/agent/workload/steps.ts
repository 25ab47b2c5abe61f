import type { AgentLine } from '../../api/agent.ts';

export { runSteps, type Step, type StepPorts, tellStep } from '../../domain/workload/steps.ts';

/** Hears what is going on, line by line. */
export type Tell = (line: AgentLine) => void;
