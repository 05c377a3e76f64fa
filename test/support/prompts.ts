/** Fifty questions of several kinds and lengths. */
const SUBJECTS = ['the tides', 'a broken wrist', 'compound interest', 'black holes', 'sourdough bread', 'the French Revolution', 'a job interview', 'photosynthesis', 'a stuck bicycle chain', 'prime numbers'] as const;

const FORMS = [
  (subject: string) => `Explain ${subject} to a child.`,
  (subject: string) => `Once upon a time somebody asked about ${subject}, and`,
  (subject: string) => `List three facts about ${subject}:\n1.`,
  (subject: string) => `Q: What do people get wrong about ${subject}?\nA:`,
  (subject: string) => `Write a letter to a friend who knows nothing of ${subject}. Say what it is, why it matters, where one meets it in daily life, and what to read next. Keep it warm and short, and end with a question.\n\nDear friend,`,
] as const;

export const PROMPTS: readonly string[] = SUBJECTS.flatMap((subject) => FORMS.map((form) => form(subject)));
