/** The command `redact TEXT…`: prints the text with personal data hidden. */

import { redactor } from './index.mjs';

export default {
  describe(command) {
    command
      .argument('<text...>', 'the text, in one or more words')
      .option('--count', 'print only how many were found of each kind')
      .addHelpText('after', '\nExample:\n  tara-gguf redact "write to ann@example.org"');
  },
  async run({ args, options, use }) {
    const result = use(redactor).redact(args.join(' '));
    const counts = Object.entries(result.found).map(([kind, count]) => `${kind}: ${count}`);
    return { json: result, text: options.count === true ? counts.join('\n') : result.text };
  },
};
