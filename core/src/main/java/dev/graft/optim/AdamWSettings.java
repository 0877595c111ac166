package dev.graft.optim;

/// Settings of [AdamW], with PyTorch's meanings.
///
/// @param beta1       how much of the gradients' running mean stays at each step
/// @param beta2       the same for the running mean of their squares
/// @param epsilon     added to the root of the second mean, against division by zero
/// @param weightDecay share of a weight that goes at each step, per unit of learning rate
public record AdamWSettings(double beta1, double beta2, double epsilon, double weightDecay) {
    public AdamWSettings {
        requireBeta("beta1", beta1);
        requireBeta("beta2", beta2);
        requireAtLeastZero("epsilon", epsilon);
        requireAtLeastZero("weight decay", weightDecay);
    }

    /// As Transformers' trainer sets them: 0.9, 0.999, 1e-8, and no decay.
    public static AdamWSettings defaults() {
        return new AdamWSettings(0.9, 0.999, 1e-8, 0);
    }

    /// The same with another decay.
    public AdamWSettings withWeightDecay(double decay) {
        return new AdamWSettings(beta1, beta2, epsilon, decay);
    }

    private static void requireBeta(String name, double beta) {
        if (!(beta >= 0 && beta < 1)) {
            throw new IllegalArgumentException(
                    "AdamW's %s is %s; expected at least 0 and below 1".formatted(name, beta));
        }
    }

    private static void requireAtLeastZero(String name, double value) {
        if (!(value >= 0 && Double.isFinite(value))) {
            throw new IllegalArgumentException("AdamW's %s is %s; expected 0 or more".formatted(name, value));
        }
    }
}
