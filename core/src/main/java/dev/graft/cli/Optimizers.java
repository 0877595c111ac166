package dev.graft.cli;

import dev.graft.autograd.Parameter;
import dev.graft.optim.AdamW;
import dev.graft.optim.AdamWSettings;
import dev.graft.optim.Moments;
import dev.graft.optim.PagedMemory;
import dev.graft.optim.StateMemory;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/// The optimizer that `training.optim` names.
final class Optimizers {
    private Optimizers() {}

    /// @param scratch folder for state that is paged
    static AdamW of(Recipe.Training training, List<Parameter> parameters, Path scratch) {
        AdamWSettings settings = new AdamWSettings(
                training.adamBeta1(), training.adamBeta2(), training.adamEpsilon(), training.weightDecay());
        Moments moments = switch (training.optim()) {
            case ADAMW_TORCH, PAGED_ADAMW_32BIT -> new Moments.Float32();
            case ADAMW_8BIT, ADAMW_BNB_8BIT, PAGED_ADAMW_8BIT -> new Moments.EightBit();
        };
        StateMemory memory = isPaged(training) ? new PagedMemory(scratch) : StateMemory.ofDevice();
        return new AdamW(parameters, settings, AdamW.everyParameter(), moments, memory);
    }

    private static boolean isPaged(Recipe.Training training) {
        return switch (training.optim()) {
            case ADAMW_TORCH, ADAMW_8BIT, ADAMW_BNB_8BIT -> false;
            case PAGED_ADAMW_8BIT, PAGED_ADAMW_32BIT -> true;
        };
    }

    /// `adamw_8bit, 1.2 MB of state (2.0 bytes a parameter)`.
    static String described(Recipe.Training training, AdamW optimizer, long parameters, Path scratch) {
        return String.format(
                Locale.ROOT,
                "%s, %.1f MB of state (%.2f bytes a parameter)%s",
                RecipeWriter.name(training.optim()),
                optimizer.stateBytes() / 1e6,
                optimizer.stateBytes() / (double) parameters,
                isPaged(training) ? " in a file in " + scratch : "");
    }
}
