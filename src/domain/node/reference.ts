import { SYMPTOMS } from './symptoms.ts';

/** The table of symptoms as docs/troubleshooting.md has it. */
export function symptomSections(): string {
  return SYMPTOMS.map(({ id, title, screen, causes, tries }) =>
    [
      `### ${title}`,
      '',
      `\`${id}\``,
      '',
      `On the screen: ${screen}`,
      '',
      'Likely causes:',
      '',
      ...causes.map((cause, index) => `${index + 1}. ${cause}`),
      '',
      'Try:',
      '',
      ...tries.map(attempt => `- ${attempt}`),
    ].join('\n'),
  ).join('\n\n');
}
