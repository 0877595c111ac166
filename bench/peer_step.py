"""Times one LoRA training step of PyTorch with PEFT, for comparison with Graft's own benchmark of the same step.

The model has the shape of Qwen2.5-0.5B with random bfloat16 weights (no download), every linear layer of the decoder
blocks carries LoRA of rank 16, and the optimiser is torch.optim.AdamW over the adapter. A step is zero_grad, forward,
loss, backward, step. For each case the first steps are not timed; then the median of the timed ones is printed.

    python bench/peer_step.py                                      every case
    python bench/peer_step.py --tokens 1024 --labelled all --adapters float32 --warmup 1 --steps 1

Needs torch, transformers and peft (versions are printed).
"""

import argparse
import os
import resource
import statistics
import time
from importlib.metadata import version

import torch
from peft import LoraConfig, get_peft_model
from transformers import Qwen2Config, Qwen2ForCausalLM

HIDDEN, FFN, VOCAB = 896, 4864, 151_936
NOT_LABELLED = -100


def random_model(float32_adapters):
    config = Qwen2Config(
        vocab_size=VOCAB, hidden_size=HIDDEN, intermediate_size=FFN, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, max_position_embeddings=32_768, rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        rms_norm_eps=1e-6, tie_word_embeddings=True, dtype="bfloat16",
    )
    torch.manual_seed(1)
    torch.set_default_dtype(torch.bfloat16)
    base = Qwen2ForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    lora = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(base, lora, autocast_adapter_dtype=float32_adapters).train()
    expected = torch.float32 if float32_adapters else torch.bfloat16
    assert all(p.dtype == expected for p in model.parameters() if p.requires_grad), f"adapters are not {expected}"
    return model


def random_batch(tokens, labelled):
    """One sequence; with `labelled` = third, only its last third counts, as the answer after a long prompt."""
    ids = torch.randint(0, VOCAB, (1, tokens), generator=torch.Generator().manual_seed(2))
    labels = ids.clone()
    if labelled == "third":
        labels[:, : tokens - tokens // 3] = NOT_LABELLED
    return ids, labels


def seconds_per_step(model, batch, warmup, steps):
    """Wall seconds of each timed step, processor seconds per timed step, and the last loss."""
    ids, labels = batch
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    seconds = []
    for step in range(warmup + steps):
        if step == warmup:
            processor_start = time.process_time()
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = model(input_ids=ids, labels=labels, use_cache=False).loss
        loss.backward()
        optimizer.step()
        if step >= warmup:
            seconds.append(time.perf_counter() - start)
    return seconds, (time.process_time() - processor_start) / steps, loss.item()


def gemm_gflops(rows, repeats=20):
    """Rate of the up projection alone, [rows, hidden] x [hidden, ffn] in bfloat16: what the step could reach at best."""
    left = torch.randn(rows, HIDDEN).bfloat16()
    right = torch.randn(FFN, HIDDEN).bfloat16().t()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - start)
    return 2 * rows * HIDDEN * FFN / statistics.median(seconds) / 1e9


def peak_memory_mb():
    """Peak resident memory of this process since it started (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--tokens", type=int, nargs="+", default=[1024, 2048])
    arguments.add_argument("--labelled", choices=["third", "all"], nargs="+", default=["third", "all"])
    arguments.add_argument("--adapters", choices=["float32", "bfloat16"], nargs="+", default=["float32", "bfloat16"],
                           help="type of the adapter weights; float32 is what PEFT does unless told otherwise")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--warmup", type=int, default=2, help="steps not timed, per case")
    arguments.add_argument("--steps", type=int, default=5, help="timed steps, per case; 1 when interleaving with another program")
    options = arguments.parse_args()

    torch.set_num_threads(options.threads)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft"))
    print(f"{versions}, {options.threads} threads, load average at the start {os.getloadavg()[0]:.1f}")
    print(f"gemm [1024,{HIDDEN}]x[{HIDDEN},{FFN}] bfloat16: {gemm_gflops(1024):.0f} GFLOP/s", flush=True)
    # Small cases first: peak memory only ever grows within one process.
    for adapters in options.adapters:
        model = random_model(adapters == "float32")
        for tokens in sorted(options.tokens):
            for labelled in options.labelled:
                seconds, processor, loss = seconds_per_step(model, random_batch(tokens, labelled), options.warmup, options.steps)
                median = statistics.median(seconds)
                print(f"tokens 1x{tokens} labelled {labelled} adapters {adapters}: {median:.3f} s/step "
                      f"({min(seconds):.3f} to {max(seconds):.3f}), {processor:.1f} processor s/step, {tokens / median:.0f} tokens/s, "
                      f"loss {loss:.3f}, peak rss so far {peak_memory_mb():.0f} MB", flush=True)


if __name__ == "__main__":
    main()
