/** What a sentence embedding is made of: a short text whole, of a long one the beginning and the end, where its topic and its question are. */

const BEGINNING = 220;
const END = 80;

/** At whole words where there are any; a text that fits is returned as it is. */
export function excerptOf(text: string): string {
  if (text.length <= BEGINNING + END) return text;
  const beginning = text.slice(0, BEGINNING).replace(/\s\S*$/, '');
  const end = text.slice(-END).replace(/^\S*\s/, '');
  return `${beginning} ${end}`.toWellFormed();
}
