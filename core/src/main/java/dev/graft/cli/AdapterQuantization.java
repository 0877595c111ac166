package dev.graft.cli;

import dev.graft.eval.Agreement;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import java.nio.file.Path;

/// Compares a quantised adapter with the one it was made of.
final class AdapterQuantization {
    private AdapterQuantization() {}

    /// @param what  says on what
    /// @param found of the quantised adapter with the other
    record Compared(String what, Agreement found) {}

    static Compared compare(Path model, Path adapter, Path quantised, TextRows text, Recipe.Precision precision) {
        Device device = Precisions.device();
        DType type = Precisions.toCompute(precision, device);
        try (LanguageModel before = load(model, adapter, device, type);
                LanguageModel after = load(model, quantised, device, type)) {
            TextRows.Tokens tokens = text.tokens(model, before);
            ModelQuantization.say("comparing the adapters on " + tokens.what());
            return new Compared(tokens.what(), Agreement.of(after, before, tokens.batches()));
        }
    }

    private static LanguageModel load(Path model, Path adapter, Device device, DType type) {
        Adapters adapters = Adapters.read(adapter);
        LanguageModel loaded = Architectures.load(model, adapters.over(LinearFactory.frozen()), device, type);
        try {
            adapters.load(adapter);
            return loaded;
        } catch (RuntimeException | Error e) {
            loaded.close();
            throw e;
        }
    }
}
