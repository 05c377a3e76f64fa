/** In this folder, `tara-gguf convert CHECKPOINT --output FILE` knows StarCoder 2. */
export default { plugins: ['./index.mjs'] };
