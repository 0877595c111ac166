package dev.graft.autograd;

import java.util.Optional;

/// A learnt change of a matrix that is kept as two thin factors: `ΔW = scale · B · A`.
///
/// Hu et al. 2021, <https://arxiv.org/abs/2106.09685>.
///
/// @param a         `[rank, in]`
/// @param b         `[out, rank]`
/// @param scale     `alpha / rank`, or `alpha / √rank` for rank-stabilised LoRA
/// @param dropout   rate at which elements of the input are zeroed before `A` while training
/// @param id        tells its dropout from that of the model's other factors
/// @param bias      `[out]`, what `B` adds to its product; scaled like it
/// @param magnitude of the changed matrix, when that is learnt apart from its direction (DoRA)
public record LowRank(
        Weight a,
        Weight b,
        double scale,
        double dropout,
        int id,
        Optional<Weight> bias,
        Optional<Magnitude> magnitude) {
    public LowRank {
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("lora_dropout is %s; expected 0 ≤ rate < 1".formatted(dropout));
        }
    }

    /// A change of the direction and size alike, without a bias.
    public LowRank(Weight a, Weight b, double scale, double dropout, int id) {
        this(a, b, scale, dropout, id, Optional.empty(), Optional.empty());
    }
}
