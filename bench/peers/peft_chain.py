"""The usual Python chain: merge two adapters with PEFT, convert with llama.cpp's script, quantize with llama-quantize.

usage: peft_chain.py BASE ADAPTER ADAPTER LLAMA_CPP_SRC LLAMA_BIN OUT_DIR
"""
import os
import subprocess
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base, first, second, source, binaries, out = sys.argv[1:]
os.makedirs(out, exist_ok=True)
model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
model = PeftModel.from_pretrained(model, first, adapter_name="first")
model.load_adapter(second, adapter_name="second")
model.add_weighted_adapter(["first", "second"], [0.5, 0.5], "merged", combination_type="cat")
model.set_adapter("merged")
model = model.merge_and_unload()
model.save_pretrained(os.path.join(out, "merged"))
AutoTokenizer.from_pretrained(base).save_pretrained(os.path.join(out, "merged"))
f16 = os.path.join(out, "merged-bf16.gguf")
subprocess.run([sys.executable, os.path.join(source, "convert_hf_to_gguf.py"), os.path.join(out, "merged"), "--outtype", "bf16", "--outfile", f16], check=True)
subprocess.run([os.path.join(binaries, "llama-quantize"), f16, os.path.join(out, "merged-q4_k_m.gguf"), "Q4_K_M", str(os.cpu_count())], check=True)
