package dev.graft.train;

/// How a training run spends its steps. A step is one update of the weights.
///
/// @param steps           steps to run
/// @param microBatches    packed batches added up into one step (`gradient_accumulation_steps`)
/// @param maxGradientNorm gradients are clipped to this L2 norm; 0 leaves them as they are
/// @param evalSteps       steps between two evaluations; 0 for none on the way
/// @param saveSteps       steps between two checkpoints; 0 for none on the way
/// @param keepCheckpoints checkpoints kept, the latest ones; 0 keeps all
/// @param recompute       whether only the inputs of blocks are kept for the backward pass
/// @param seed            of dropout
public record TrainingConfig(
        int steps,
        int microBatches,
        double maxGradientNorm,
        int evalSteps,
        int saveSteps,
        int keepCheckpoints,
        boolean recompute,
        long seed) {
    public TrainingConfig {
        if (steps < 1 || microBatches < 1) {
            throw new IllegalArgumentException(
                    "steps is %d and microBatches is %d; both count from 1".formatted(steps, microBatches));
        }
        if (!(maxGradientNorm >= 0)) {
            throw new IllegalArgumentException(
                    "maxGradientNorm is %s; expected 0 or a positive number".formatted(maxGradientNorm));
        }
        if (evalSteps < 0 || saveSteps < 0 || keepCheckpoints < 0) {
            throw new IllegalArgumentException(
                    "evalSteps is %d, saveSteps %d and keepCheckpoints %d; none may be negative"
                            .formatted(evalSteps, saveSteps, keepCheckpoints));
        }
    }

    /// One micro-batch a step, clipping at 1, no evaluation or checkpoint on the way.
    public static TrainingConfig ofSteps(int steps) {
        return new TrainingConfig(steps, 1, 1.0, 0, 0, 2, false, 42);
    }

    /// The same with this many forward and backward passes in a step.
    public TrainingConfig withMicroBatches(int microBatches) {
        return new TrainingConfig(
                steps, microBatches, maxGradientNorm, evalSteps, saveSteps, keepCheckpoints, recompute, seed);
    }

    /// The same with gradients clipped to this L2 norm; 0 leaves them as they are.
    public TrainingConfig withMaxGradientNorm(double maxGradientNorm) {
        return new TrainingConfig(
                steps, microBatches, maxGradientNorm, evalSteps, saveSteps, keepCheckpoints, recompute, seed);
    }

    /// The same, measuring held-out batches every so many steps; 0 for none on the way.
    public TrainingConfig withEvalSteps(int evalSteps) {
        return new TrainingConfig(
                steps, microBatches, maxGradientNorm, evalSteps, saveSteps, keepCheckpoints, recompute, seed);
    }

    /// The same with a checkpoint every so many steps (0 for none on the way), of which the last few are kept
    /// (0 for all).
    public TrainingConfig withSaveSteps(int saveSteps, int keepCheckpoints) {
        return new TrainingConfig(
                steps, microBatches, maxGradientNorm, evalSteps, saveSteps, keepCheckpoints, recompute, seed);
    }

    /// The same, keeping of each block its input alone and running it again on the way back.
    public TrainingConfig withRecompute(boolean recompute) {
        return new TrainingConfig(
                steps, microBatches, maxGradientNorm, evalSteps, saveSteps, keepCheckpoints, recompute, seed);
    }

    /// The same with another seed of dropout.
    public TrainingConfig withSeed(long seed) {
        return new TrainingConfig(
                steps, microBatches, maxGradientNorm, evalSteps, saveSteps, keepCheckpoints, recompute, seed);
    }
}
