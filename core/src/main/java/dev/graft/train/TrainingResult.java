package dev.graft.train;

/// How a run ended.
///
/// @param steps       steps done
/// @param tokens      tokens processed
/// @param seconds     spent on steps, evaluations left out
/// @param lastLoss    loss of the last step; NaN when there was none
/// @param interrupted whether it was asked to stop before its last step
public record TrainingResult(int steps, long tokens, double seconds, double lastLoss, boolean interrupted) {
    public double tokensPerSecond() {
        return tokens / seconds;
    }
}
