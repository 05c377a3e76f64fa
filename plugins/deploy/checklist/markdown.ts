/** A checklist as Markdown, for people who read it later. */
import type { Checklist } from 'tara-gguf';

/** A text in one line that Markdown does not read as anything. */
const plain = (text: string): string => text.replace(/\s+/g, ' ').replace(/[\\`*_[\]<>|]/g, '\\$&');
const MARKS = { pass: '[x]', fail: '[ ]', waived: '[~]' } as const;

export function checklistMarkdown({ phase, build, ready, owner, at, items }: Checklist): string {
  const lines = items.map(({ title, item, verdict, finding, waiver }) => [
    `- ${MARKS[verdict]} **${title}** (${item}): ${verdict}. ${plain(finding)}`,
    ...(waiver ? [`  Waived by ${plain(waiver.by)} on ${waiver.at}: ${plain(waiver.reason)}`] : []),
  ].join('\n'));
  const evidence = items.map(({ item, evidence: found }) => `### ${item}\n\n\`\`\`json\n${JSON.stringify(found, null, 2).replaceAll('```', "'''")}\n\`\`\``);
  return `# Production checklist, phase ${phase}, build ${build}\n\n${ready ? 'Ready' : 'Not ready'}. Owner: ${plain(owner ?? 'nobody')}. Checked ${at}.\n\n${lines.join('\n')}\n\n## Evidence\n\n${evidence.join('\n\n')}\n`;
}
