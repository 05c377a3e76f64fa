/** Text from a file inside a message: one line, no control characters, not endless. */
const LONGEST = 300;

export const oneLine = (text: string): string =>
  // Checked strings may hold lone surrogates and terminal escapes; neither belongs on a terminal.
  text.slice(0, LONGEST).replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]+/gu, '?');
