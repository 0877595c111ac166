package dev.graft.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
import dev.graft.format.WeightHash;
import dev.graft.format.vocabulary.TokenizerTexts;
import dev.graft.peft.Origin;
import dev.graft.tensor.Torch;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Tells which model an adapter was trained on, and refuses it on another.
final class AdapterOrigin {
    private AdapterOrigin() {}

    /// A model as adapters know it.
    ///
    /// @param template in place of the model's own
    /// @param loading  how it is quantised while it is loaded
    static Origin.Base base(Path model, Optional<ChatTemplate> template, Quantization loading) {
        Optional<String> weights = Optional.of(WeightHash.of(model));
        if (TokenizerTexts.of(model).text("tokenizer.json").isEmpty()) {
            return base(model, weights, Optional.empty(), loading);
        }
        try (Tokenizer tokenizer = Tokenizer.load(model, template)) {
            return base(model, weights, Optional.of(tokenizer), loading);
        }
    }

    /// @param weights hash of its weights; absent for random ones
    static Origin.Base base(Path model, Optional<String> weights, Optional<Tokenizer> tokenizer, Quantization loading) {
        return new Origin.Base(
                model.toString(),
                weights,
                tokenizer.map(Tokenizer::canonical).map(WeightHash::ofText),
                tokenizer
                        .flatMap(Tokenizer::chatTemplate)
                        .map(ChatTemplate::identity)
                        .map(WeightHash::ofText),
                weights.flatMap(hash -> madeFrom(model, hash)),
                weights.map(_ -> BaseQuantization.of(model, loading)));
    }

    /// The model that `graft quantize` made this one of, as long as nobody has changed it since.
    private static Optional<String> madeFrom(Path model, String weights) {
        Path report = model.resolve(QuantizeCommand.REPORT);
        if (!Files.isRegularFile(report)) {
            return Optional.empty();
        }
        JsonNode json = Json.readObject(report, "what graft quantize reports");
        return Optional.of(json.path(QuantizeSummary.SOURCE_HASH).asText(""))
                .filter(hash -> !hash.isEmpty())
                .filter(_ -> json.path(QuantizeSummary.HASH).asText().equals(weights));
    }

    /// When and with what something is made.
    static Map<String, Object> now() {
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("graft", Main.version());
        made.put("created", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        Map<String, String> versions = new LinkedHashMap<>();
        versions.put("java", System.getProperty("java.vm.version"));
        versions.put("libtorch", Torch.version());
        made.put("versions", versions);
        return made;
    }

    /// Checks that an adapter is used on the model it was trained on; one that does not say passes. The
    /// same weights quantised in another way, or not at all, are the same model, which a line mentions;
    /// but an adapter that makes up for a quantisation (`loftq`) belongs to that one.
    ///
    /// @param template that is used, in place of the model's own
    /// @param loading  how the model is quantised while it is loaded
    /// @param force    only warns
    /// @throws FormatException when weights, tokenizer or chat template are others
    static void require(
            Path adapter, Path model, Optional<ChatTemplate> template, Quantization loading, boolean force) {
        Optional<Origin> origin = Origin.read(adapter);
        if (origin.isEmpty()) {
            return;
        }
        Origin.Base trained = origin.get().base();
        Origin.Base given = base(model, template, loading);
        List<String> faults = differences(trained, given);
        boolean otherwise = isQuantisedOtherwise(trained, given);
        if (otherwise && origin.get().makesUpForQuantization()) {
            faults.add("quantisation: trained on it %s, whose loss its start (loftq) makes up for; given %s"
                    .formatted(packed(trained), packed(given)));
        }
        if (!faults.isEmpty()) {
            refuse(adapter, model, trained, faults, force);
        } else if (otherwise) {
            Console.stderr()
                    .say(
                            "note: %s was trained on this model %s; here it is %s, which is usual and may cost a little accuracy"
                                    .formatted(adapter, packed(trained), packed(given)));
        }
    }

    private static void refuse(Path adapter, Path model, Origin.Base trained, List<String> faults, boolean force) {
        String found = "it was trained on %s, and %s is another model:\n  %s\n"
                .formatted(trained.model(), model, String.join("\n  ", faults));
        if (!force) {
            throw new FormatException(
                    adapter,
                    found,
                    "the model it was trained on",
                    "Give that model, or go on with --force if you know that it fits.");
        }
        Console console = Console.stderr();
        console.say(console.style().yellow("warning: ") + adapter + ": " + found.strip());
    }

    private static String packed(Origin.Base base) {
        String words = base.quantization().orElseThrow();
        return words.equals(BaseQuantization.NONE) ? words : "in " + words;
    }

    private static boolean isQuantisedOtherwise(Origin.Base trained, Origin.Base given) {
        return trained.quantization().isPresent()
                && given.quantization().isPresent()
                && !trained.quantization().equals(given.quantization());
    }

    /// The weights before anybody quantised them, as far as that is known.
    private static Optional<String> root(Origin.Base base) {
        return base.madeFrom().or(base::weights);
    }

    private static List<String> differences(Origin.Base trained, Origin.Base given) {
        List<String> faults = new ArrayList<>();
        // adapters of random weights name none, and a model without a tokenizer turns no text into other ids
        compare(
                faults,
                "weights",
                trained.weights(),
                given.weights(),
                trained.weights().isPresent() && !root(trained).equals(root(given)));
        compare(
                faults,
                "tokenizer",
                trained.tokenizer(),
                given.tokenizer(),
                given.tokenizer().isPresent());
        compare(
                faults,
                "chat template",
                trained.chatTemplate(),
                given.chatTemplate(),
                given.tokenizer().isPresent());
        return faults;
    }

    private static void compare(
            List<String> faults, String what, Optional<String> trained, Optional<String> given, boolean compared) {
        if (compared && !trained.equals(given)) {
            faults.add("%s: trained with %s, given %s".formatted(what, shown(trained), shown(given)));
        }
    }

    private static String shown(Optional<String> sha256) {
        return sha256.map(hash -> "sha256 " + hash.substring(0, Math.min(12, hash.length())) + "…")
                .orElse("none");
    }
}
