package dev.graft.peft;

import java.util.List;

/// Settings of low-rank adaptation, with PEFT's names and meanings: each targeted `W` becomes `W + s·B·A` with
/// `s = alpha / r`, or `alpha / √r` when rank-stabilised.
///
/// Hu et al. 2021, <https://arxiv.org/abs/2106.09685>; Kalajdzievski 2023, <https://arxiv.org/abs/2312.03732>.
///
/// @param r             rank of the change
/// @param alpha         `lora_alpha`, the numerator of the scale
/// @param dropout       `lora_dropout`: rate at which elements of the input are zeroed before `A` while training
/// @param targets       `target_modules`
/// @param excluded      `exclude_modules`, looked at first
/// @param useRslora     `use_rslora`
/// @param init          `init_lora_weights`
/// @param modulesToSave `modules_to_save`: modules that are trained whole and stored beside the factors
public record Lora(
        int r,
        double alpha,
        double dropout,
        Targets targets,
        Targets excluded,
        boolean useRslora,
        Init init,
        List<String> modulesToSave) {
    /// How the factors start.
    public enum Init {
        /// `A` uniform in ±1/√in, `B` zero: the model starts unchanged.
        DEFAULT,
        /// `A` normal with standard deviation 1/r, `B` zero: the model starts unchanged.
        GAUSSIAN,
        /// Both uniform: the model starts changed. PEFT's `false`, for tests.
        RANDOM
    }

    public Lora {
        if (r < 1) {
            throw new IllegalArgumentException("r is %d; expected a rank of 1 or more".formatted(r));
        }
        if (!Double.isFinite(alpha) || alpha <= 0) {
            throw new IllegalArgumentException("lora_alpha is %s; expected a positive number".formatted(alpha));
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("lora_dropout is %s; expected 0 ≤ rate < 1".formatted(dropout));
        }
        modulesToSave = List.copyOf(modulesToSave);
    }

    public Lora(int r, double alpha, double dropout, Targets targets) {
        this(r, alpha, dropout, targets, Targets.none(), false, Init.DEFAULT, List.of());
    }

    /// Factor of `B·A`.
    public double scale() {
        return useRslora ? alpha / Math.sqrt(r) : alpha / r;
    }

    boolean adapts(String module) {
        return !excluded.matches(module) && !savesWithin(module) && targets.matches(module);
    }

    /// Whether the module is trained whole. PEFT tests the bare end of the name, without a dot.
    boolean saves(String module) {
        return modulesToSave.stream().anyMatch(module::endsWith);
    }

    /// Whether the module is, or lies inside, one that is trained whole.
    private boolean savesWithin(String module) {
        String dotted = "." + module + ".";
        return modulesToSave.stream().anyMatch(name -> dotted.contains("." + name + "."));
    }
}
