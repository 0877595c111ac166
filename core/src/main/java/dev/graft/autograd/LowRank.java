package dev.graft.autograd;

/// A learnt change of a matrix that is kept as two thin factors: `ΔW = scale · B · A`.
///
/// Hu et al. 2021, <https://arxiv.org/abs/2106.09685>.
///
/// @param a       `[rank, in]`
/// @param b       `[out, rank]`
/// @param scale   `alpha / rank`, or `alpha / √rank` for rank-stabilised LoRA
/// @param dropout rate at which elements of the input are zeroed before `A` while training
/// @param id      tells its dropout from that of the model's other factors
public record LowRank(Weight a, Weight b, double scale, double dropout, int id) {
    public LowRank {
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("lora_dropout is %s; expected 0 ≤ rate < 1".formatted(dropout));
        }
    }
}
