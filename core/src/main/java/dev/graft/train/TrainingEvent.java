package dev.graft.train;

import dev.graft.eval.HeldOut;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Optional;

/// What happens in a run, for those who show or keep it.
public sealed interface TrainingEvent {
    /// One update of the weights.
    ///
    /// @param step            counted from 1
    /// @param loss            mean over the labelled tokens of the step, before the update
    /// @param learningRate    of this update
    /// @param gradientNorm    L2 norm of the mean gradient, before clipping
    /// @param tokens          tokens processed in this step
    /// @param labelledTokens  those that carried loss
    /// @param tokensPerSecond tokens of this step by its time
    /// @param totalTokens     tokens processed so far
    /// @param seconds         since training began, evaluations left out
    /// @param heldOut         what the held-out batches said after this update, when they were asked
    record Stepped(
            int step,
            int steps,
            double loss,
            double learningRate,
            double gradientNorm,
            long tokens,
            long labelledTokens,
            double tokensPerSecond,
            long totalTokens,
            double seconds,
            Optional<HeldOut> heldOut)
            implements TrainingEvent {
        Stepped with(Optional<HeldOut> measured) {
            return new Stepped(
                    step,
                    steps,
                    loss,
                    learningRate,
                    gradientNorm,
                    tokens,
                    labelledTokens,
                    tokensPerSecond,
                    totalTokens,
                    seconds,
                    measured);
        }
    }

    /// A checkpoint that is whole on disk.
    record Saved(int step, Path directory) implements TrainingEvent {}

    /// Receives events, on the thread that trains.
    interface Listener {
        void on(TrainingEvent event);

        /// Prints the loss of every so many steps.
        static Listener printing(PrintStream out, int every) {
            return event -> {
                if (event instanceof Stepped s && (s.step() % every == 0 || s.step() == s.steps())) {
                    out.printf(
                            "step %d/%d  loss %.4f  %.0f tokens/s%n",
                            s.step(), s.steps(), s.loss(), s.tokensPerSecond());
                }
            };
        }
    }
}
