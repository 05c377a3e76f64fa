/** GPT-2's byte alphabet: 256 printable characters that stand for the bytes of UTF-8. */

const printable = (byte: number): boolean => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

/** The character of each byte. */
export const charOfByte: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
})();

const byteOfChar = new Map(charOfByte.map((char, byte): [string, number] => [char, byte]));

/** `text` spelled in the byte alphabet. */
export const byteLevelText = (text: string): string => Array.from(Buffer.from(text, 'utf8'), (byte) => charOfByte[byte] ?? '').join('');

/** What a byte-level decoder makes of one token: its bytes as UTF-8, or the token itself where a character is outside the alphabet. */
export function decodeByteLevel(token: string): string {
  const bytes: number[] = [];
  for (const char of token) {
    const byte = byteOfChar.get(char);
    if (byte === undefined) return token;
    bytes.push(byte);
  }
  return Buffer.from(bytes).toString('utf8');
}
