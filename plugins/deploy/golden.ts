/** Golden queries: messages whose domain nobody would dispute, routed before each switch. tara.config adds others (config.deploy.golden). */

export interface GoldenQuery {
  readonly text: string;
  readonly domain: string;
}

const QUERIES: readonly GoldenQuery[] = [
  { domain: 'healthcare', text: 'What are the symptoms of high blood pressure, and which medicine treats it?' },
  { domain: 'healthcare', text: 'My doctor says I have diabetes. How is the disease treated?' },
  { domain: 'business', text: 'How do I raise revenue and profit while keeping customers of my company?' },
  { domain: 'business', text: 'Write a marketing plan with a budget for my startup.' },
  { domain: 'education', text: 'Can you explain this algebra homework so that I pass the exam?' },
  { domain: 'education', text: 'Help my students learn fractions: plan a lesson for the class.' },
  { domain: 'creative', text: 'Write a poem about the sea.' },
  { domain: 'creative', text: 'I need a plot twist for the story in my novel.' },
  { domain: 'leadership', text: 'How do I motivate my team and delegate tasks as a new manager?' },
  { domain: 'leadership', text: 'Two people on my team are in conflict. How should I lead them?' },
  { domain: 'technology', text: 'Why does my Python code raise a TypeError in this function?' },
  { domain: 'technology', text: 'How do I add an index to a slow database query on the server?' },
];

/** Those of the domains that are deployed; a domain without any is not tested. */
export const goldenQueries = (domains: readonly string[], more: readonly GoldenQuery[] = []): readonly GoldenQuery[] =>
  [...QUERIES.filter(({ domain }) => !more.some((own) => own.domain === domain)), ...more].filter(({ domain }) => domains.includes(domain));
