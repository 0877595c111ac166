package dev.graft.train;

import dev.graft.eval.HeldOut;
import java.util.Optional;

/// How a run ended.
///
/// @param steps       steps done
/// @param tokens      tokens processed
/// @param seconds     spent on steps, evaluations left out
/// @param lastLoss    loss of the last step; NaN when there was none
/// @param heldOut     what the held-out batches said after the last step; empty when they were not asked then
/// @param interrupted whether it was asked to stop before its last step
public record TrainingResult(
        int steps, long tokens, double seconds, double lastLoss, Optional<HeldOut> heldOut, boolean interrupted) {
    /// Tokens trained on in a second; 0 for a run without steps.
    public double tokensPerSecond() {
        return seconds == 0 ? 0 : tokens / seconds;
    }
}
