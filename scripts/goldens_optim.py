"""Makes numbers of single pieces to compare with: goldens/schedules.json, goldens/adamw.json and goldens/clip.json."""

import torch
from torch.nn.utils import clip_grad_norm_
from transformers import (
    get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup,
)

from goldens import FOLDER, repeatable, write_json


def learning_rates(make_schedule, peak, steps, **settings):
    """The rate each of `steps` optimiser steps runs at; the first step of a warm-up runs at 0."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    schedule = make_schedule(optimizer, **settings)
    rates = []
    for _ in range(steps):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return rates


def schedules():
    peak, steps, warmup = 1e-3, 30, 3
    both = {"num_warmup_steps": warmup, "num_training_steps": steps}
    write_json(FOLDER / "schedules.json", {
        "made_by": "scripts/goldens_optim.py",
        "peak_learning_rate": peak, "steps": steps, "warmup_steps": warmup,
        "constant": learning_rates(get_constant_schedule_with_warmup, peak, steps, num_warmup_steps=warmup),
        "linear": learning_rates(get_linear_schedule_with_warmup, peak, steps, **both),
        "cosine": learning_rates(get_cosine_schedule_with_warmup, peak, steps, **both),
    })


def adamw():
    """Gradients of very different size, one exactly zero, so that epsilon and the decay both show."""
    repeatable(31)
    settings = dict(lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)
    parameter = torch.randn(7).requires_grad_()
    initial = parameter.detach().clone()
    sizes = torch.tensor([1.0, 0.1, 1e-3, 1e-8, 0.0, 100.0, 5.0])
    gradients = torch.randn(5, 7) * sizes
    optimizer = torch.optim.AdamW([parameter], **settings)
    after = []
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
        after.append(parameter.detach().tolist())
    state = optimizer.state[parameter]
    write_json(FOLDER / "adamw.json", {
        "made_by": "scripts/goldens_optim.py", "dtype": "float32",
        "settings": {"name": "torch.optim.AdamW", **settings},
        "initial": initial.tolist(), "gradients": gradients.tolist(), "parameters_after_each_step": after,
        "first_moment_after_last_step": state["exp_avg"].tolist(),
        "second_moment_after_last_step": state["exp_avg_sq"].tolist(),
    })


def clip():
    """One norm over all tensors; it scales by max_norm / (norm + 1e-6), and leaves gradients below max_norm alone."""
    repeatable(32)
    shapes = ((3,), (2, 4), (1,))
    examples = []
    for scale, max_norm in ((1.0, 1.0), (0.01, 1.0), (1e-6, 1e-6)):
        tensors = [torch.zeros(shape, requires_grad=True) for shape in shapes]
        for tensor in tensors:
            tensor.grad = torch.randn(tensor.shape) * scale
        gradients = [t.grad.tolist() for t in tensors]
        norm = clip_grad_norm_(tensors, max_norm).item()
        examples.append({
            "max_norm": max_norm, "gradients": gradients, "norm_before": norm, "clipped": [t.grad.tolist() for t in tensors],
        })
    write_json(FOLDER / "clip.json", {
        "made_by": "scripts/goldens_optim.py", "dtype": "float32", "function": "torch.nn.utils.clip_grad_norm_, L2",
        "examples": examples,
    })


if __name__ == "__main__":
    schedules()
    adamw()
    clip()
