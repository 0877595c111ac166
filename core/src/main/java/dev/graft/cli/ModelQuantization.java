package dev.graft.cli;

import dev.graft.eval.HeldOut;
import dev.graft.export.QuantisationReport;
import dev.graft.export.QuantisedModel;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.quant.AffineInt8;
import dev.graft.quant.BitsAndBytesConfig;
import dev.graft.quant.CalibrationHistogram;
import dev.graft.quant.ObservedLinears;
import dev.graft.quant.QuantFormat;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.train.ProcessMemory;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;

/// A model on its way into fewer bits: calibrated, written, compared.
final class ModelQuantization {
    private final Path model;
    private final QuantFormat format;
    private final Optional<List<String>> skipped;
    private long peak = -1;

    ModelQuantization(Path model, QuantFormat format, Optional<List<String>> skipped) {
        this.model = model;
        this.format = format;
        this.skipped = skipped;
    }

    /// What the model predicts before and after.
    ///
    /// @param what says on what
    record Perplexities(String what, HeldOut before, HeldOut after) {}

    /// @param set that inputs of layers are calibrated on; only for [AffineInt8]
    QuantisationReport write(Path folder, Optional<TextRows> set) {
        try (QuantisedModel quantised = QuantisedModel.open(model, format, skipped)) {
            Map<String, AffineInt8.Steps> inputs =
                    set.map(text -> inputSteps(text, quantised.modules())).orElse(Map.of());
            Tally tally = Tally.of("quantising", "layers");
            var done = new AtomicInteger();
            return quantised.write(folder, inputs, _ -> {
                ProcessMemory.anonymousMegabytes().ifPresent(now -> peak = Math.max(peak, now));
                tally.to(done.incrementAndGet(), quantised.modules().size());
            });
        }
    }

    /// The most memory there was while layers were quantised, files that are mapped not counted.
    OptionalLong peakMegabytes() {
        return peak < 0 ? OptionalLong.empty() : OptionalLong.of(peak);
    }

    private Map<String, AffineInt8.Steps> inputSteps(TextRows text, List<String> modules) {
        if (modules.contains(BitsAndBytesConfig.HEAD)) {
            throw new IllegalArgumentException(
                    "--calibration looks at the layers of the blocks, and lm_head is to be quantised too; add lm_head to --skip");
        }
        LinearFactory streamed = LinearFactory.streamed((tensor, source) -> source.computed(tensor));
        ObservedLinears observed = new ObservedLinears(streamed);
        try (LanguageModel running = Architectures.load(model, observed, Device.cpu(), DType.F32)) {
            TextRows.Tokens tokens = text.tokens(model, running);
            measured("calibrating", running, tokens);
        }
        Map<String, AffineInt8.Steps> steps = new LinkedHashMap<>();
        modules.forEach(
                module -> steps.put(module, steps(module, observed.inputs().get(module))));
        return steps;
    }

    /// An expert may stand idle over a whole set.
    private AffineInt8.Steps steps(String module, CalibrationHistogram seen) {
        if (seen.isEmpty()) {
            throw new IllegalArgumentException(
                    "nothing came into %s while the model ran over the rows of --calibration, so the range of its inputs is not known; give more rows, or leave the layer out with --skip"
                            .formatted(module));
        }
        return ((AffineInt8) format).steps(seen);
    }

    Perplexities compare(Path quantised, TextRows text, Recipe.Precision precision) {
        Device device = Precisions.device();
        DType type = Precisions.toCompute(precision, device);
        TextRows.Tokens tokens;
        HeldOut before;
        try (LanguageModel running = Architectures.load(model, LinearFactory.frozen(), device, type)) {
            tokens = text.tokens(model, running);
            before = measured("measuring the model", running, tokens);
        }
        try (LanguageModel running = Architectures.load(quantised, LinearFactory.frozen(), device, type)) {
            HeldOut after = measured("measuring the quantised model", running, tokens);
            return new Perplexities(tokens.what(), before, after);
        }
    }

    private static HeldOut measured(String doing, LanguageModel running, TextRows.Tokens tokens) {
        Tally tally = Tally.of(doing, "batches");
        return HeldOut.of(
                running,
                tokens.batches(),
                done -> tally.at(done, tokens.batches().size()));
    }

    static void say(String doing) {
        Console console = Console.stderr();
        if (console.isTerminal()) {
            console.busy(doing + " …");
        }
    }
}
