import type { AgentLine } from '../../api/agent.ts';

/** Hears what is going on, line by line. */
export type Tell = (line: AgentLine) => void;
